"""Rows of a remote root, and the clips of those that come next on their way."""

from collections import deque
from collections.abc import Container, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple, Self

from audio_flan.fetch.clip import ShardClip
from audio_flan.fetch.prefetch import Prefetch
from audio_flan.fetch.runs import Run
from audio_flan.records.schema import AUDIO_COLUMNS
from audio_flan.shards import CellError
from audio_flan.streaming.piece_sizes import PieceSizes
from audio_flan.streaming.rows import Place, Row
from audio_flan.streaming.shard_rows import ShardRows

_PIECE_BYTES: Final = 15 << 19
"""With what lies between its clips, a piece is one run."""
_SHUFFLED_PIECE_BYTES: Final = 24 << 20
"""Rows come from many places at once: clips that lie close together are in the same piece if it is large."""
_AHEAD_BYTES: Final = 48 << 20
"""Bytes of clips that are in memory for rows to come, or on their way, at most."""
_FEW_PIECES: Final = 2
"""So many at first: what came long ago has left the processor's cache."""
_REQUESTS_IN_ORDER: Final = 3
"""On their way at a time: they share the line, and the first one is wanted first."""
_REQUESTS_SHUFFLED: Final = 8
_LONG_RUN_BYTES: Final = 1 << 20
"""Clips of such a run are those that rows are ordered by: rows that share one are together."""


class StoredRow(NamedTuple):
    """A row as it is stored, its step and its place."""

    step: int
    place: Place
    row: Row


@dataclass(slots=True)
class _Piece:
    """Rows and their clips, and the bytes of these."""

    rows: list[StoredRow] = field(default_factory=list)
    clips: dict[str, ShardClip] = field(default_factory=dict)
    nbytes: int = 0
    is_full: bool = False
    """Whether it is of the largest size."""
    runs: list[Run] = field(default_factory=list)
    """What is in memory for the clips, or on its way."""
    is_short: bool = True
    """Whether there may be clips that there was no room for."""


class ClipsAhead:
    """Gives rows one after the other; clips of the next ones are fetched meanwhile. Use it with ``with``.

    The first row goes alone, so that the first sound comes early. Then rows go in pieces, whose clips are
    fetched together: while one is given out, those of the following ones are on their way. Pieces become
    larger up to a limit (`PieceSizes`). From then on there is one more on its way each time that the consumer
    has come to a piece before its clips have.

    Parameters
    ----------
    source : ShardRows
    rows : iterator of StoredRow
    count : int
        How many rows there are, or more.
    is_in_order : bool
        Whether rows come in the order in which they are stored.
    """

    def __init__(
        self, source: ShardRows, rows: Iterator[StoredRow], count: int, *, is_in_order: bool
    ) -> None:
        self._source, self._rows, self._is_in_order = source, rows, is_in_order
        self._piece_bytes = _PIECE_BYTES if is_in_order else _SHUFFLED_PIECE_BYTES
        # Shuffled, clips that lie close together are in the same piece if it is large.
        self._sizes = PieceSizes(self._piece_bytes, count if is_in_order else None)
        self._prefetch = Prefetch(_REQUESTS_IN_ORDER if is_in_order else _REQUESTS_SHUFFLED)
        self._last_runs: list[Run] = []
        """Those of the piece given out last, which the next one may share clips with."""
        self._ahead_bytes = _FEW_PIECES * self._piece_bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._prefetch.close()

    def __iter__(self) -> Iterator[StoredRow]:
        yield from islice(self._rows, 1)
        waiting: deque[_Piece] = deque()
        held = 0
        for piece in self._pieces():
            waiting.append(piece)
            held += piece.nbytes
            self._want(waiting)
            # What the next piece may take has to fit in.
            room = min(self._ahead_bytes, self._sizes.room)
            while len(waiting) > 1 and held + self._sizes.next_bytes > room:
                held -= waiting[0].nbytes
                yield from self._given(waiting)
        while waiting:
            yield from self._given(waiting)

    def _given(self, waiting: deque[_Piece]) -> Iterator[StoredRow]:
        """Yield the rows of the first piece; then its room is for those after it."""
        piece = waiting.popleft()
        if piece.is_full and not self._prefetch.holds(piece.runs):
            self._ahead_bytes = min(self._ahead_bytes + self._piece_bytes, _AHEAD_BYTES)
        yield from piece.rows
        self._prefetch.release(piece.runs)
        if self._is_in_order:
            self._prefetch.let_go_of_spent(self._last_runs)
            self._last_runs = [run for run in piece.runs if run.stop - run.start >= _LONG_RUN_BYTES]
        self._want(waiting)

    def _want(self, waiting: deque[_Piece]) -> None:
        """Begin to fetch the clips of pieces, the first ones first, as far as there is room for them."""
        for piece in waiting:
            if piece.is_short:
                piece.is_short = piece.nbytes > self._prefetch.free_bytes
                piece.runs += self._prefetch.want(piece.clips.values())
            if piece.is_short:
                return

    def _pieces(self) -> Iterator[_Piece]:
        """Cut the rows into pieces; rows with the same clip, one after the other, are in the same."""
        piece = _Piece()
        for stored in self._rows:
            clips, nbytes = self._clips(stored.row, piece.clips)
            if piece.nbytes and nbytes and piece.nbytes + nbytes > self._sizes.next_bytes:
                piece.is_full = self._sizes.next_bytes == self._piece_bytes
                self._sizes.cut(len(piece.rows), piece.nbytes)
                yield piece
                piece = _Piece()
                clips, nbytes = self._clips(stored.row, piece.clips)
            piece.rows.append(stored)
            piece.clips |= clips
            piece.nbytes += nbytes
        yield piece

    def _clips(self, row: Row, known: Container[str]) -> tuple[dict[str, ShardClip], int]:
        """Return the clips of a row that are to be fetched, but for those known, and their bytes."""
        clips = {}
        for column in AUDIO_COLUMNS:
            for data, path in row.get(column, ()):
                if data is None and path not in known:
                    with suppress(CellError):  # it is an error when the row is made
                        clip = self._source.store.clip(path)
                        if isinstance(clip, ShardClip):
                            clips[path] = clip
        return clips, sum(clip.place.nbytes for clip in clips.values())
