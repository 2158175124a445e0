"""How many bytes of clips are fetched together, in each of the pieces into which rows are cut."""

from typing import Final

SMALLEST_BYTES: Final = 1 << 20
_WAITING: Final = 4
"""Pieces as large as the next one, at most."""
_PARTS_OF_REST: Final = 7


class PieceSizes:
    """Sizes of pieces: each is twice as large as the one before, so that the first sound comes early.

    Towards the end each has a seventh of what is left, as nothing is fetched while the last one is decoded
    (guided self-scheduling, Polychronopoulos and Kuck 1987).

    Parameters
    ----------
    largest : int
        In bytes.
    rows : int, optional
        How many there are, or more; None for pieces that do not become smaller.

    Attributes
    ----------
    next_bytes : int
        Of the clips of the next piece, at most.
    """

    def __init__(self, largest: int, rows: int | None = None) -> None:
        self._largest, self._rows_left = largest, rows
        self._grown = self.next_bytes = SMALLEST_BYTES

    @property
    def room(self) -> int:
        """Bytes of clips that wait at most, so that who wants a few rows fetches little in vain."""
        return _WAITING * self._grown

    def cut(self, rows: int, nbytes: int) -> None:
        """Note a piece of so many rows, and bytes of clips."""
        self.next_bytes = self._grown = min(2 * self._grown, self._largest)
        if self._rows_left is not None:
            self._rows_left = max(self._rows_left - rows, 0)
            bytes_left = self._rows_left * nbytes // rows  # if they are as those of this piece
            self.next_bytes = min(self._grown, max(bytes_left // _PARTS_OF_REST, SMALLEST_BYTES))
