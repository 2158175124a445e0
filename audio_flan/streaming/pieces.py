"""Rows cut into pieces whose clips are fetched together: how large each one is, and what is in it."""

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from audio_flan.fetch.clip import ShardClip
from audio_flan.fetch.runs import Run
from audio_flan.streaming.rows import Place, Row

FIRST_BYTES: Final = 1 << 20
LAST_BYTES: Final = 2 << 20
MAX_ROWS: Final = 4096
"""Of a piece, whose rows may all be of the same few clips."""
_PARTS_OF_REST: Final = 7
_MANY_PIECES: Final = 4


class StoredRow(NamedTuple):
    """A row as it is stored, its step and its place."""

    step: int
    place: Place
    row: Row


ClipsOf = Callable[[Row, Container[str]], dict[str, ShardClip]]
"""Finds the clips of a row that are to be fetched, by their paths, but for those whose paths are known."""


@dataclass(slots=True)
class Piece:
    """Rows and their clips.

    Attributes
    ----------
    limit : int
        Bytes of clips that it may have.
    nbytes : int
        Bytes of clips that it has: more than `limit` if it has one clip only, or one row.
    runs : list of Run
        What is in memory for the clips, or on its way.
    is_short : bool
        Whether there may be clips that there was no room for.
    """

    limit: int
    rows: list[StoredRow] = field(default_factory=list)
    clips: dict[str, ShardClip] = field(default_factory=dict)
    nbytes: int = 0
    runs: list[Run] = field(default_factory=list)
    is_short: bool = True


class PieceSizes:
    """How many bytes of clips each piece may have, one after the other.

    Each piece is twice as large as the one before, so that the first sound comes early. Towards the end each
    has a seventh of what is left, as nothing is fetched any more while the last ones are decoded. The rest is
    guessed from the piece before; as in guided self-scheduling (Polychronopoulos and Kuck 1987) a fixed part
    of it makes pieces small where it counts, and few before.

    Parameters
    ----------
    largest : int
        Bytes of a piece at most.
    rows : int, optional
        How many rows there are, about or more; None for pieces that do not become smaller.

    Attributes
    ----------
    next_bytes : int
        Bytes of clips that the next piece may have.
    """

    def __init__(self, largest: int, rows: int | None = None) -> None:
        self._largest, self._rows_left = largest, rows
        self._grown = self.next_bytes = FIRST_BYTES

    @property
    def room(self) -> int:
        """Bytes of pieces not yet given out, at most: few at the beginning, for who wants few rows."""
        return _MANY_PIECES * self._grown

    def note(self, rows: int, nbytes: int) -> None:
        """Note that a piece of so many rows, one at least, and bytes of clips is done."""
        self.next_bytes = self._grown = min(2 * self._grown, self._largest)
        if self._rows_left is not None:
            self._rows_left = max(self._rows_left - rows, 0)
            bytes_left = self._rows_left * nbytes // rows
            self.next_bytes = min(self._grown, max(bytes_left // _PARTS_OF_REST, LAST_BYTES))


def cut(rows: Iterable[StoredRow], clips_of: ClipsOf, sizes: PieceSizes) -> Iterator[Piece]:
    """Cut rows into pieces, before a row whose clips would make a piece too large.

    Rows that follow each other and have the same clips are in the same piece, `MAX_ROWS` of them.
    """
    piece = Piece(sizes.next_bytes)
    for stored in rows:
        clips = clips_of(stored.row, piece.clips)
        nbytes = _nbytes(clips)
        is_too_large = piece.nbytes and nbytes and piece.nbytes + nbytes > piece.limit
        if is_too_large or len(piece.rows) == MAX_ROWS:
            sizes.note(len(piece.rows), piece.nbytes)
            yield piece
            piece = Piece(sizes.next_bytes)
            clips = clips_of(stored.row, piece.clips)
            nbytes = _nbytes(clips)
        piece.rows.append(stored)
        piece.clips |= clips
        piece.nbytes += nbytes
    if piece.rows:
        yield piece


def _nbytes(clips: dict[str, ShardClip]) -> int:
    return sum(clip.place.nbytes for clip in clips.values())
