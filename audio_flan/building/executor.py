"""Runs steps in processes of this machine."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection

from audio_flan.building.errors import BuildError
from audio_flan.building.step import Build, Step

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done and how much there is."""
StepKind = type[Step]

_steps: dict[str, Step] = {}
"""Of a worker process: steps by name, so that what they have opened stays open."""


def run_steps(
    build: Build,
    kinds: Sequence[StepKind],
    jobs: int,
    progress: Progress | None,
    on_done: Callable[[StepKind], None] = lambda _: None,
) -> None:
    """Run the steps one after the other, each in up to `jobs` processes; tell `on_done` of each."""
    if jobs == 1:
        for kind in kinds:
            _run_here(kind(build), progress)
            on_done(kind)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, _start_worker, (build, tuple(kinds))) as pool:
        try:
            for kind in kinds:
                _run_in(pool, kind(build), jobs, progress)
                on_done(kind)
        except BrokenProcessPool:
            message = (
                "a process of the build was killed (out of memory?); run the same command again, "
                "it goes on where it stopped; fewer --jobs need less memory"
            )
            raise BuildError(message) from None
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _run_here(step: Step, progress: Progress | None) -> None:
    total, done = sum(unit.weight for unit in step.units), 0
    for rank, unit in enumerate(step.units):
        step.run(rank, len(step.units))
        done += unit.weight
        if progress:
            progress(step.title, done, total)


def _run_in(pool: ProcessPoolExecutor, step: Step, jobs: int, progress: Progress | None) -> None:
    """Give each unit that is not done to the next process that is free."""
    units, work = step.units, step.build.work
    total = sum(unit.weight for unit in units)
    todo = [rank for rank, unit in enumerate(units) if not work.is_done(step.name, unit.name)]
    done = total - sum(units[rank].weight for rank in todo)
    if len(todo) <= 1:
        _run_here(step, progress)
        return
    running: dict[Future[None], int] = {}
    waiting = iter(todo)
    while True:
        for rank in waiting:
            running[pool.submit(_run_there, step.name, rank, len(units))] = rank
            if len(running) >= 2 * jobs:
                break
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            future.result()
            done += units[running.pop(future)].weight
            if progress:
                progress(step.title, done, total)


def _start_worker(build: Build, kinds: tuple[StepKind, ...]) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_die_with, args=(parent.sentinel,), daemon=True).start()
    _steps.update({kind.name: kind(build) for kind in kinds})


def _die_with(sentinel: int) -> None:
    """End this process when its parent is gone, however that went."""
    connection.wait([sentinel])
    os._exit(1)


def _run_there(name: str, rank: int, world_size: int) -> None:
    _steps[name].run(rank, world_size)
