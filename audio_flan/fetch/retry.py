"""Fetching again after a failure that passes."""

import concurrent.futures.thread  # noqa: F401 - functions for the exit are called last one first
import logging
import os
import random
import threading
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, TypeVar

_T = TypeVar("_T")

ATTEMPTS: Final = 6
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 10.0
LONGEST_ASKED_WAIT_S: Final = 300.0
"""A server that asks for a longer wait is asked again after this time, in seconds."""
NOTICED_WAIT_S: Final = 4.0
_logger: Final = logging.getLogger("audio_flan")
_no_more: ContextVar[threading.Event] = ContextVar("no_more")
_events: weakref.WeakSet[threading.Event] = weakref.WeakSet()
"""All that threads of this process look at."""


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


def stop_retrying_when(no_more: threading.Event) -> None:
    """Let this thread try nothing again once `no_more` is set, and end its wait for that at once.

    It is set when the interpreter exits, too, which waits for the threads of pools.
    """
    _events.add(no_more)
    _no_more.set(no_more)


def is_too_late() -> bool:
    """Say whether this thread is to try nothing again."""
    no_more = _no_more.get(None)
    return no_more is not None and no_more.is_set()


def with_retries(fetch: Callable[[], _T]) -> _T:
    """Call `fetch`, again after each `TransientError`, up to six times; waits double and are jittered.

    Waits that one would notice are said by a warning of the logger ``audio_flan``.

    Raises
    ------
    TransientError
        That of the last attempt.
    """
    no_more = _no_more.get(None) or threading.Event()
    backoff_s = FIRST_WAIT_S
    for _ in range(ATTEMPTS - 1):
        try:
            return fetch()
        except TransientError as error:
            wait_s = seconds_to_wait(error, backoff_s)
            level = logging.WARNING if wait_s >= NOTICED_WAIT_S else logging.INFO
            _logger.log(level, "%s; trying again in %.1f s", error, wait_s)
            if no_more.wait(wait_s):
                raise
        backoff_s = min(2 * backoff_s, LONGEST_WAIT_S)
    return fetch()


def seconds_to_wait(error: TransientError, backoff_s: float) -> float:
    """Return how long the server wants to be left alone, or else `backoff_s`; and up to a second more."""
    asked_s = backoff_s if error.wait_s is None else min(error.wait_s, LONGEST_ASKED_WAIT_S)
    return asked_s + random.random()


def _end_all() -> None:
    for no_more in tuple(_events):
        no_more.set()


# Functions of `atexit` are called after the threads of pools have ended, this one before.
threading._register_atexit(_end_all)  # type: ignore[attr-defined] # noqa: SLF001
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_events.clear)
