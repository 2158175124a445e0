"""Runs steps as tasks on a Ray cluster, by datatrove's executor."""

import logging
import shutil
import socket
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from audio_flan.building.errors import BuildError
from audio_flan.building.executors.base import Progress, StepKind, run_here
from audio_flan.building.executors.datatrove import quiet
from audio_flan.building.executors.task import StepTask, wait_for
from audio_flan.building.step import Build, Step
from audio_flan.extras import require

LOCAL_ADDRESS: Final = "local"
_PROGRESS_SECONDS = 1.0
_KNOCK_SECONDS = 10.0


@dataclass(frozen=True)
class RayExecutor:
    """Runs each step in up to `tasks` tasks on the nodes of a Ray cluster, which share the release and `out`.

    Attributes
    ----------
    address : str
        ``auto`` for the cluster that is running here, ``local`` for one of this machine only that ends with
        the build, ``ray://HOST:PORT`` or ``HOST:PORT``.
    tasks : int
        Tasks of a step; those that find no room on the cluster wait.
    cpus_per_task : int
    mem_per_cpu_gb : int
        What a task reserves.
    """

    address: str = "auto"
    tasks: int = 8
    cpus_per_task: int = 1
    mem_per_cpu_gb: int = 2

    def __post_init__(self) -> None:
        if self.tasks < 1:
            raise ValueError(f"tasks must be 1 or more, got {self.tasks}")
        require("ray", "--executor ray")
        require("datatrove", "--executor ray")

    @property
    def processes(self) -> int:
        """How many units may be done at the same time, if the cluster has room for all tasks."""
        return self.tasks

    def run_steps(
        self,
        build: Build,
        kinds: Sequence[StepKind],
        progress: Progress | None = None,
        on_done: Callable[[StepKind], None] = lambda _: None,
    ) -> None:
        """Run the steps one after the other; tell `on_done` of each."""
        all_logs = build.work.root / "logs"
        shutil.rmtree(all_logs, ignore_errors=True)
        logs = all_logs / uuid.uuid4().hex  # dying tasks of a run that was interrupted may still write theirs
        with _connected(self.address), quiet():
            for i, kind in enumerate(kinds):
                step = kind(build)
                if len(step.todo()) > 1:
                    with _reported(step, progress):
                        self._run(step, kinds[:i], logs / kind.name)
                else:
                    run_here(step, progress)
                on_done(kind)

    def _run(self, step: Step, before: Sequence[StepKind], logs: Path) -> None:
        from audio_flan.building.executors.ray_job import RayJob

        job = RayJob(
            pipeline=[StepTask(step.build, type(step), before, logs)],
            tasks=min(self.tasks, len(step.units)),
            logging_dir=str(logs),
            cpus_per_task=self.cpus_per_task,
            mem_per_cpu_gb=self.mem_per_cpu_gb,
        )
        job.run()
        wait_for(step)


@contextmanager
def _connected(address: str) -> Iterator[None]:
    import ray

    own: dict[str, Any] = {"include_dashboard": False} if address == LOCAL_ADDRESS else {}
    try:
        _knock(address)
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, TimeoutError, socket.gaierror):
        raise BuildError(
            f"there is no Ray cluster at {address!r}: start one with `ray start --head`, or use the address "
            f"{LOCAL_ADDRESS!r} for this machine"
        ) from None
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise what connecting to HOST:PORT raises: Ray itself tries for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), _KNOCK_SECONDS).close()


@contextmanager
def _reported(step: Step, progress: Progress | None) -> Iterator[None]:
    """Report what is done of a step, by what is seen on the disk, until the block ends."""
    if progress is None:
        yield
        return
    ended = threading.Event()
    total = sum(unit.weight for unit in step.units)

    def report() -> None:
        while not ended.wait(_PROGRESS_SECONDS):
            progress(step.title, total - sum(unit.weight for unit in step.todo()), total)

    thread = threading.Thread(target=report, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    progress(step.title, total, total)
