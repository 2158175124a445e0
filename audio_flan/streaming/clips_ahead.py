"""Rows of a remote root, and the clips of those that come next on their way."""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple, Self

from audio_flan.fetch.clip import ShardClip
from audio_flan.fetch.prefetch import Prefetch
from audio_flan.records.schema import AUDIO_COLUMNS
from audio_flan.shards import CellError
from audio_flan.streaming.rows import Place, Row
from audio_flan.streaming.shard_rows import ShardRows

FIRST_BYTES: Final = 1 << 20
PIECE_BYTES: Final = 8 << 20
SHUFFLED_PIECE_BYTES: Final = 24 << 20
AHEAD_BYTES: Final = 48 << 20
"""Bytes of clips that are in memory for rows to come, or on their way, at a time."""


class StoredRow(NamedTuple):
    """A row as it is stored, its step and its place."""

    step: int
    place: Place
    row: Row


class _Piece(NamedTuple):
    """Rows, the bytes of their clips, and how many the next piece may have."""

    rows: list[StoredRow]
    nbytes: int
    limit: int


class ClipsAhead:
    """Gives rows one after the other; clips of the next ones are fetched meanwhile. Use it with ``with``.

    The first row goes alone, so that the first sound comes early. Then rows go in pieces, whose clips are
    fetched together: while one is given out, those of the following ones are on their way. Each piece is
    twice as large as the one before, up to `piece_bytes`.

    Parameters
    ----------
    source : ShardRows
    rows : iterator of StoredRow
    piece_bytes : int
        Bytes of the clips of a piece. Where rows come from many places at once, clips that lie close together
        are in the same piece only if it is large; where they come one after the other, many small pieces let
        the consumer begin earlier.
    """

    def __init__(self, source: ShardRows, rows: Iterator[StoredRow], piece_bytes: int) -> None:
        self._source, self._rows, self._piece_bytes = source, rows, piece_bytes
        self._prefetch = Prefetch()

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
            # What the next piece may take has to fit in; in the beginning one piece ahead is enough.
            while len(waiting) > 1 and held + piece.limit > min(AHEAD_BYTES, 4 * piece.limit):
                done = waiting.popleft()
                yield from done.rows
                held -= done.nbytes
        for piece in waiting:
            yield from piece.rows

    def _pieces(self) -> Iterator["_Piece"]:
        """Cut the rows into pieces, and begin to fetch the clips of each."""
        rows: list[StoredRow] = []
        clips: dict[str, ShardClip] = {}
        nbytes, limit = 0, min(FIRST_BYTES, self._piece_bytes)
        for stored in self._rows:
            rows.append(stored)
            for path, clip in self._clips(stored.row):
                if path not in clips:
                    clips[path] = clip
                    nbytes += clip.place.nbytes
            if nbytes >= limit:
                self._prefetch.want(clips.values())
                limit = min(2 * limit, self._piece_bytes)
                yield _Piece(rows, nbytes, limit)
                rows, clips, nbytes = [], {}, 0
        self._prefetch.want(clips.values())
        yield _Piece(rows, nbytes, limit)

    def _clips(self, row: Row) -> Iterator[tuple[str, ShardClip]]:
        for column in AUDIO_COLUMNS:
            for data, path in row.get(column, ()):
                if data is None:
                    try:
                        clip = self._source.store.clip(path)
                    except CellError:
                        continue  # it is an error when the row is made
                    if isinstance(clip, ShardClip):
                        yield path, clip
