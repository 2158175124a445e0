"""Rows of a remote root, and the clips of those that come next on their way."""

from collections import deque
from collections.abc import Container, Iterator
from contextlib import suppress
from itertools import islice
from typing import Final, Self

from audio_flan.fetch.clip import ShardClip
from audio_flan.fetch.prefetch import Prefetch
from audio_flan.fetch.runs import LONG_RUN_BYTES, Run
from audio_flan.records.schema import AUDIO_COLUMNS
from audio_flan.shards import CellError
from audio_flan.streaming.pieces import Piece, PieceSizes, StoredRow, cut
from audio_flan.streaming.rows import Row
from audio_flan.streaming.shard_rows import ShardRows

_PIECE_BYTES: Final = 15 << 19
"""Less than the longest run: clips that follow each other are one run, with what lies between them."""
_SHUFFLED_PIECE_BYTES: Final = 24 << 20
"""Rows come from many places at once: clips that lie close together are in the same piece if it is large."""
_PIECES_AHEAD: Final = 2
"""In memory or on their way: what came long ago has left the processor's cache."""
_MOST_PIECES_AHEAD: Final = 4
"""In stored order, for who has to wait for them."""


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
        How many rows there are, about. If it is too high, pieces do not become smaller at the end.
    is_in_order : bool
        Whether rows come in the order in which they are stored.
    """

    def __init__(
        self, source: ShardRows, rows: Iterator[StoredRow], count: int, *, is_in_order: bool
    ) -> None:
        self._source, self._rows, self._is_in_order = source, rows, is_in_order
        self._piece_bytes = _PIECE_BYTES if is_in_order else _SHUFFLED_PIECE_BYTES
        self._ahead_bytes = _PIECES_AHEAD * self._piece_bytes
        self._most_bytes = (_MOST_PIECES_AHEAD if is_in_order else _PIECES_AHEAD) * self._piece_bytes
        self._sizes = PieceSizes(self._piece_bytes, count if is_in_order else None)
        self._prefetch = Prefetch()
        self._last_runs: list[Run] = []
        """Those of the piece given out last, which the next one may share clips with."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._prefetch.close()

    def __iter__(self) -> Iterator[StoredRow]:
        yield from islice(self._rows, 1)
        waiting: deque[Piece] = deque()
        held = 0
        for piece in cut(self._rows, self._clips_of, self._sizes):
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

    def _given(self, waiting: deque[Piece]) -> Iterator[StoredRow]:
        """Yield the rows of the first piece; then its room is for those after it."""
        piece = waiting.popleft()
        if piece.limit == self._piece_bytes and not self._prefetch.holds(piece.runs):
            self._ahead_bytes = min(self._ahead_bytes + self._piece_bytes, self._most_bytes)
        yield from piece.rows
        self._prefetch.release(piece.runs)
        if self._is_in_order:
            self._prefetch.let_go_of_spent(self._last_runs)
            self._last_runs = [run for run in piece.runs if run.stop - run.start >= LONG_RUN_BYTES]
        self._want(waiting)

    def _want(self, waiting: deque[Piece]) -> None:
        """Begin to fetch the clips of pieces, the first ones first, as far as there is room for them."""
        for piece in waiting:
            if piece.is_short:
                piece.is_short = piece.nbytes > self._prefetch.free_bytes
                piece.runs += self._prefetch.want(piece.clips.values())
            if piece.is_short:
                return

    def _clips_of(self, row: Row, known: Container[str]) -> dict[str, ShardClip]:
        """Return the clips of a row that are to be fetched, by their paths, but for those that are known."""
        clips = {}
        for column in AUDIO_COLUMNS:
            for data, path in row.get(column, ()):
                if data is None and path not in known:
                    with suppress(CellError):  # it is an error when the row is made
                        clip = self._source.store.clip(path)
                        if isinstance(clip, ShardClip):
                            clips[path] = clip
        return clips
