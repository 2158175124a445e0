"""Fetching again after a failure that passes."""

import random
from collections.abc import Callable
from typing import Final, TypeVar

_T = TypeVar("_T")

ATTEMPTS: Final = 6
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 10.0
LONGEST_ASKED_WAIT_S: Final = 300.0
"""A server that asks for a longer wait is asked again after this time, in seconds."""


class TransientError(OSError):
    """A failure that may be over in a moment: an overloaded server, a connection that broke.

    Attributes
    ----------
    wait_s : float or None
        Seconds after which the server wants to be asked again, where it said so.
    """

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


def with_retries(fetch: Callable[[], _T]) -> _T:
    """Call `fetch`, again after each `TransientError`, up to six times; waits double and are jittered.

    Raises
    ------
    TransientError
        That of the last attempt.
    """
    import stamina

    caller = stamina.RetryingCaller(
        attempts=ATTEMPTS, timeout=None, wait_initial=FIRST_WAIT_S, wait_max=LONGEST_WAIT_S
    )
    return caller(_wait, fetch)


def _wait(error: Exception) -> bool | float:
    """Say whether to try again; in seconds, where the server has said when."""
    if not isinstance(error, TransientError):
        return False
    if error.wait_s is None:
        return True
    return min(error.wait_s, LONGEST_ASKED_WAIT_S) + random.random()
