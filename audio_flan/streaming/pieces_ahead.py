"""How many pieces of clips to fetch ahead: few, and more where that makes them come faster."""

from typing import Final

_FEW: Final = 2
"""The one that is given out and the next: what came long ago has left the processor's cache."""
_BUSY: Final = 3
"""With one more the line is never idle while a piece is given out."""
_MEASURED: Final = 2
"""So many times as there are pieces: those that are asked for together come together."""
_SETTLED: Final = 32
"""Turns for which a width stays; then it is found anew, from one piece less on: what was measured may have
been a pause of the consumer."""
_PAYS: Final = 1.15
"""One more piece is worth its memory if bytes come so much faster."""


class PiecesAhead:
    """Goes by whether pieces have come when it is their turn, and by how fast they do when they have not.

    Where a line has only so many bytes a second, more pieces at a time make each come later, and at the end
    all of them together. Where each connection has its own limit, or answers late, more of them are faster.

    Parameters
    ----------
    most : int
        Never more than these.

    Attributes
    ----------
    pieces : int
        At most to be in memory, or on their way, when the next one is asked for.
    """

    def __init__(self, most: int) -> None:
        self.pieces = min(_FEW, most)
        self._most = most
        self._rate_with_less = 0.0
        self._turns = self._nbytes = 0  # negative ones while it is settled
        self._since_s, self._is_late = 0.0, False

    def turn(self, now_s: float, nbytes: int, *, is_late: bool) -> None:
        """Note that it is the turn of a piece.

        Parameters
        ----------
        now_s : float
            On any clock, in seconds.
        nbytes : int
            Of the clips of the piece.
        is_late : bool
            Whether some of them have not come.
        """
        if self.pieces < min(_BUSY, self._most):
            self.pieces += is_late
        elif self._most > _BUSY:
            self._measure(now_s, nbytes, is_late=is_late)

    def _measure(self, now_s: float, nbytes: int, *, is_late: bool) -> None:
        """Note a piece; after some of them, if any was late, have one more, or settle for one less."""
        self._turns += 1
        if self._turns == 0:
            self.pieces = max(_BUSY, self.pieces - 1)
            self._rate_with_less = 0.0
        if self._turns <= self.pieces:  # it was asked for when there were others
            self._since_s, self._nbytes, self._is_late = now_s, 0, False
            return
        self._nbytes += nbytes
        self._is_late |= is_late
        if self._turns < (1 + _MEASURED) * self.pieces:
            return
        rate = self._nbytes / max(now_s - self._since_s, 1e-9)
        self._turns = 0
        if not self._is_late:
            return
        pays = rate >= _PAYS * self._rate_with_less
        if pays and self.pieces < self._most:
            self._rate_with_less = rate
            self.pieces += 1
            return
        self.pieces -= not pays
        self._turns = -_SETTLED
