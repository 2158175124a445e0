"""What the threads of this process are fetching, so that no two fetch the same."""

import os
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cache


class InFlight:
    """Names that are claimed by threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._names: set[str] = set()

    @contextmanager
    def claim(self, names: Collection[str]) -> Iterator[None]:
        """Claim names as soon as no other thread has any of them.

        All are claimed at once, by a thread that has claimed none before: no two wait for each other.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._names.isdisjoint(names))
            self._names.update(names)
        try:
            yield
        finally:
            with self._changed:
                self._names.difference_update(names)
                self._changed.notify_all()


@cache
def in_flight() -> InFlight:
    """Return the one of this process; a forked child starts with one of its own."""
    return InFlight()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=in_flight.cache_clear)
