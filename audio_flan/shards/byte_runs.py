"""A file of which only some runs of bytes are at hand, for Arrow to read."""

import atexit
import io
import time
from typing import Final
from weakref import WeakSet

_LONGEST_WAIT_S: Final = 1.0


class Run:
    """Bytes of a file from `start` on."""

    __slots__ = ("data", "start")

    def __init__(self, start: int, data: bytes) -> None:
        self.start, self.data = start, data


class Runs(io.RawIOBase):
    """A file of which only some runs of bytes are at hand."""

    def __init__(self, nbytes: int, runs: list[Run]) -> None:
        self._nbytes, self._runs, self._place = nbytes, runs, 0
        _in_use.add(self)

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that any place can be gone to."""
        return True

    def tell(self) -> int:
        """Return the place of the byte that is read next."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._nbytes}[whence]
        self._place = base + offset
        return self._place

    def read(self, size: int = -1) -> bytes:
        """Read what is at hand; `OSError` for other bytes."""
        stop = self._nbytes if size < 0 else min(self._place + size, self._nbytes)
        for run in self._runs:
            if run.start <= self._place and stop <= run.start + len(run.data):
                data = run.data[self._place - run.start : stop - run.start]
                self._place = stop
                return data
        raise OSError(f"bytes {self._place} to {stop} belong to no column of the footer")


_in_use: WeakSet[Runs] = WeakSet()


@atexit.register
def wait_for_arrow() -> None:
    """Wait until Arrow has let go of all files, a second at most.

    A thread of Arrow may be the last to hold a Python file, for some microseconds after it was read (see
    apache/arrow#45214). If the interpreter ends meanwhile, it takes the whole process with it.
    """
    end = time.monotonic() + _LONGEST_WAIT_S
    while _in_use and time.monotonic() < end:
        time.sleep(0.001)
