"""How much to fetch beyond the clip that is wanted: a pure function of what came of it so far.

What has been fetched and was never handed out may be 29 % of what was, whatever is read in whatever order.
Clips that are read as they stand thus have windows that grow by a quarter each, up to 8 MiB: of clips of some
150 kB, 40 MB take seventeen requests, and each further 8 MB one.
"""

from typing import Final, NamedTuple

WASTE: Final = 0.29
"""Bytes that may have been fetched in vain, for each byte handed out."""
MAX_WINDOW_BYTES: Final = 8 << 20
NEAR_BYTES: Final = 16 << 10
"""A clip follows on another if no more than this lies between them: a tar header, columns of a row group."""


class Account(NamedTuple):
    """Bytes fetched, and those of them that were handed out: a clip counts once while it is held."""

    fetched: int = 0
    used: int = 0

    def after(self, fetched: int, used: int) -> "Account":
        """Return the account after so many bytes more."""
        return Account(self.fetched + fetched, self.used + used)

    @property
    def allowance(self) -> int:
        """Bytes that may be fetched in vain now."""
        return int(WASTE * self.used) - (self.fetched - self.used)


def extra_bytes(account: Account, missing: int, *, follows: bool, room: int) -> int:
    """Return how many bytes beyond a clip to fetch with it.

    Parameters
    ----------
    account : Account
        With the clip counted as handed out and its `missing` bytes as fetched.
    missing : int
        Bytes of the clip that are not held.
    follows : bool
        Whether the clip stands right after one that is held. Reading elsewhere earns nothing.
    room : int
        Bytes of memory for what nobody has asked for yet.
    """
    if not follows:
        return 0
    return max(0, min(account.allowance, MAX_WINDOW_BYTES - missing, room))
