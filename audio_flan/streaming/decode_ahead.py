"""Rows made before it is their turn, by threads: clips are read and decoded while the consumer works.

Decoders let go of Python's lock while they work, so that threads of one process decode at the same time.
"""

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Generic, NamedTuple, TypeVar

from audio_flan.fetch.retry import stop_retrying_when
from audio_flan.records.schema import AUDIO_COLUMNS
from audio_flan.release import Quarantine
from audio_flan.streaming.rows import Ahead, MakeRow, Row

Tag = TypeVar("Tag")

_ROW_BYTES: Final = 4096
"""What a row counts beside its clips."""
_ROWS_AT_ONCE: Final = 4
"""Rows that a thread takes at a time: short clips take no longer than handing them over does."""


class Job(NamedTuple, Generic[Tag]):
    """A row to be made, and what the consumer is to know with it, such as its position."""

    tag: Tag
    make: MakeRow


def make_rows(
    jobs: Iterable[Job[Tag]], quarantine: Quarantine, ahead: Ahead
) -> Generator[tuple[Tag, Row | None], None, None]:
    """Yield the rows of `jobs` in their order.

    Without threads each row is made when it is asked for. With threads rows are made ahead, and clips in
    them decoded. One that cannot be made raises when it is its turn, and ends the rows; one whose clip does
    not decode raises where the samples are asked for, as without threads. Closing the generator waits for the
    rows that are being made, at most `_ROWS_AT_ONCE` of each thread.

    Parameters
    ----------
    jobs : iterable of Job
        Iterated over in other threads, but in one at a time.
    quarantine : Quarantine
        Gets what a row leaves out when it is the turn of the row.
    ahead : Ahead
        Threads, and memory for what they make.
    """
    if not ahead.threads:
        for tag, make in jobs:
            yield tag, make(quarantine)
        return
    with closing(_Workers(iter(jobs), ahead)) as workers:
        for slot in workers.finished():
            if slot.error is not None:
                raise slot.error
            if slot.quarantine:
                quarantine.merge(slot.quarantine)
            if slot.job is not None:
                yield slot.job.tag, slot.row


@dataclass(slots=True, eq=False)
class _Slot(Generic[Tag]):
    """A row on its way; without a job the end of them, with the error that ended them."""

    job: Job[Tag] | None
    row: Row | None = None
    quarantine: Quarantine = field(default_factory=Quarantine)
    error: BaseException | None = None
    nbytes: int = 0
    is_done: bool = False

    def work(self) -> None:
        """Make the row and decode its clips."""
        try:
            if self.job is not None:
                self.row = self.job.make(self.quarantine)
                self.nbytes = _preload(self.row)
        except BaseException as error:  # noqa: BLE001 - it is raised when it is the turn of the row
            self.error = error


class _Workers(Generic[Tag]):
    """Threads that make rows as long as there is room for them.

    A thread never waits for room: it ends, and the consumer starts it again. So an interpreter that exits
    with rows left has no thread to wait for but those at work.
    """

    def __init__(self, jobs: Iterator[Job[Tag]], ahead: Ahead) -> None:
        self._jobs, self._ahead = jobs, ahead
        self._closed = threading.Event()
        self._pool = ThreadPoolExecutor(
            ahead.threads, "audio-flan-decode", stop_retrying_when, (self._closed,)
        )
        self._next = threading.Lock()
        """Held by the thread that takes jobs."""
        self._changed = threading.Condition()
        """Held to change what follows."""
        self._slots: deque[_Slot[Tag]] = deque()
        self._held_bytes = self._running = 0
        self._is_over = False

    def finished(self) -> Iterator[_Slot[Tag]]:
        """Yield the slots in the order of the jobs, each when it is done."""
        while True:
            with self._changed:
                while not (self._slots and self._slots[0].is_done):
                    if not self._slots and self._is_over:
                        return
                    self._start()
                    self._changed.wait()
                slot = self._slots.popleft()
                self._held_bytes -= slot.nbytes
                self._start()
            yield slot

    def close(self) -> None:
        """Let the threads end, and the jobs with them."""
        self._closed.set()
        with self._changed:
            self._is_over = True
        self._pool.shutdown(cancel_futures=True)
        if isinstance(self._jobs, Generator):
            self._jobs.close()

    def _start(self) -> None:
        while self._running < self._ahead.threads and self._has_room:
            self._running += 1
            self._pool.submit(self._work)

    @property
    def _has_room(self) -> bool:
        return not self._is_over and self._held_bytes < self._ahead.nbytes

    def _work(self) -> None:
        while True:
            for slot in self._take():
                slot.work()
                with self._changed:
                    slot.is_done = True
                    self._held_bytes += slot.nbytes
                    if slot is self._slots[0]:
                        self._changed.notify()
            with self._changed:
                if not self._has_room:
                    self._running -= 1
                    self._changed.notify()
                    return

    def _take(self) -> list[_Slot[Tag]]:
        """Take the next jobs, in their order whatever thread it is."""
        with self._next:
            if self._is_over:
                return []
            slots: list[_Slot[Tag]] = []
            try:
                for job in islice(self._jobs, _ROWS_AT_ONCE):
                    slots.append(_Slot(job))  # noqa: PERF401 - those before an error count
                is_over = len(slots) < _ROWS_AT_ONCE
            except BaseException as error:  # noqa: BLE001 - it is raised behind the rows before it
                slots.append(_Slot(None, error=error))
                is_over = True
            with self._changed:
                self._slots += slots
                self._is_over |= is_over
            return slots


def _preload(row: Row | None) -> int:
    """Decode the clips of a row, and return the bytes that it holds then."""
    nbytes = _ROW_BYTES
    for column in AUDIO_COLUMNS:
        for clip in (row or {}).get(column) or ():
            if clip is not None:
                with suppress(ValueError):  # `decode` raises it again, for whoever wants the samples
                    clip.preload()
                nbytes += clip.held_bytes
    return nbytes
