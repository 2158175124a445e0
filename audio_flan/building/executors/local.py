"""Runs steps in processes of this machine."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection, synchronize
from typing import Any, Final, TypeVar

from audio_flan.building.errors import BuildError
from audio_flan.building.executors.base import Progress, run_here
from audio_flan.building.step import UnitStep

_KILLED: Final = (
    "a process of the build was killed (out of memory?); run the same command again, it goes on where it "
    "stopped; fewer --jobs need less memory"
)
_NOT_STARTED: Final = (
    "the processes of the build cannot start: a script that builds with jobs needs "
    "`if __name__ == '__main__':` around what it does, and code from stdin must be in a file; "
    "where that is so, they were killed (out of memory?); jobs=1 needs no processes"
)
_Kind = TypeVar("_Kind", bound=Callable[[Any], UnitStep])
_steps: dict[str, UnitStep] = {}
"""Of a worker process: steps by name, so that what they have opened stays open."""


@dataclass(frozen=True)
class LocalExecutor:
    """Runs each step in up to `jobs` processes; a unit goes to the next one that is free."""

    jobs: int = 1

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise ValueError(f"jobs must be 1 or more, got {self.jobs}")

    @property
    def processes(self) -> int:
        """How many units may be done at the same time."""
        return self.jobs

    def run_steps(
        self,
        build: object,
        kinds: Sequence[_Kind],
        progress: Progress | None = None,
        on_done: Callable[[_Kind], None] = lambda _: None,
    ) -> None:
        """Run the steps of a build, or of what else is made in steps, one after the other.

        Each kind of step is called with `build`; `on_done` is told of it.
        """
        if self.jobs == 1:
            for kind in kinds:
                run_here(kind(build), progress)
                on_done(kind)
            return
        context = multiprocessing.get_context("spawn")
        watched, held = context.Pipe(duplex=False)  # `held` closes with this process, however that ends
        began = context.Event()
        start = (build, tuple(kinds), watched, began)
        with ProcessPoolExecutor(self.jobs, context, _start_worker, start) as pool:
            try:
                for kind in kinds:
                    self._run(pool, kind(build), progress)
                    on_done(kind)
            except BrokenProcessPool:
                raise BuildError(_KILLED if began.is_set() else _NOT_STARTED) from None
            except KeyboardInterrupt:
                held.close()  # units that are under way are not waited for
                raise
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _run(self, pool: ProcessPoolExecutor, step: UnitStep, progress: Progress | None) -> None:
        """Give each unit that is not done to the next process that is free."""
        units = step.units
        total = sum(unit.weight for unit in units)
        todo = [rank for rank, unit in enumerate(units) if not step.is_done(unit.name)]
        done = total - sum(units[rank].weight for rank in todo)
        if len(todo) <= 1:
            run_here(step, progress)
            return
        running: dict[Future[None], int] = {}
        waiting = iter(todo)
        while True:
            for rank in waiting:
                with _deaf_to_ctrl_c():
                    running[pool.submit(_run_there, step.name, rank, len(units))] = rank
                if len(running) >= 2 * self.jobs:
                    break
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                future.result()
                done += units[running.pop(future)].weight
                if progress:
                    progress(step.title, done, total)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Put Ctrl-C off: processes that start meanwhile never hear it, the first one tells them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker(
    build: object,
    kinds: tuple[Callable[[Any], UnitStep], ...],
    watched: "connection.Connection",
    began: "synchronize.Event",
) -> None:
    began.set()
    threading.Thread(target=_end_with, args=(watched,), daemon=True).start()
    steps = [kind(build) for kind in kinds]
    _steps.update({step.name: step for step in steps})


def _end_with(watched: "connection.Connection") -> None:
    """End this process when the other end of a pipe is closed: by choice, or since its process is gone."""
    connection.wait([watched])
    os._exit(1)


def _run_there(name: str, rank: int, world_size: int) -> None:
    _steps[name].run(rank, world_size)
