"""Rows of a remote root, and the clips of those that come next on their way."""

from collections.abc import Iterator
from itertools import chain, islice
from typing import Final, NamedTuple, Self

from audio_flan.fetch.clip import ShardClip
from audio_flan.fetch.prefetch import Prefetch
from audio_flan.records.schema import AUDIO_COLUMNS
from audio_flan.shards import CellError
from audio_flan.streaming.rows import Place, Row
from audio_flan.streaming.shard_rows import ShardRows

FIRST_BYTES: Final = 1 << 20
PIECE_BYTES: Final = 24 << 20
"""Bytes of clips of one piece of rows; those of two pieces are in memory, or on their way, at a time."""


class StoredRow(NamedTuple):
    """A row as it is stored, its step and its place."""

    step: int
    place: Place
    row: Row


class ClipsAhead:
    """Gives rows one after the other; clips of the next ones are fetched meanwhile. Use it with ``with``.

    The first row goes alone, so that the first sound comes early. Then rows go in pieces: while one is given
    out, the clips of the following one are fetched. Each is twice as large as the one before, up to
    `PIECE_BYTES`.
    """

    def __init__(self, source: ShardRows, rows: Iterator[StoredRow]) -> None:
        self._source, self._rows = source, rows
        self._prefetch = Prefetch()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._prefetch.close()

    def __iter__(self) -> Iterator[StoredRow]:
        yield from islice(self._rows, 1)
        current: list[StoredRow] = []
        for following in chain(self._pieces(), [[]]):
            yield from current
            current = following

    def _pieces(self) -> Iterator[list[StoredRow]]:
        """Cut the rows into pieces, and begin to fetch the clips of each."""
        piece: list[StoredRow] = []
        clips: dict[str, ShardClip] = {}
        nbytes, limit = 0, FIRST_BYTES
        for stored in self._rows:
            piece.append(stored)
            for path, clip in self._clips(stored.row):
                if path not in clips:
                    clips[path] = clip
                    nbytes += clip.place.nbytes
            if nbytes >= limit:
                self._prefetch.want(clips.values())
                yield piece
                piece, clips = [], {}
                nbytes, limit = 0, min(2 * limit, PIECE_BYTES)
        self._prefetch.want(clips.values())
        yield piece

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
