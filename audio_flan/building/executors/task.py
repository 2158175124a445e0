"""A step as a task of datatrove: what a cluster calls with a rank and a world size."""

import contextlib
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from audio_flan.building.errors import BuildError, explain
from audio_flan.building.executors.base import StepKind
from audio_flan.building.step import Build, Step
from audio_flan.shards.atomic import write_atomically

FAILURES: Final = "failures"
SETTLE_SECONDS: Final = 120.0
"""How long a shared file system may take to show a host what another has made; NFS takes up to 60 s."""
_POLL_SECONDS = 1.0


class StepTask:
    """Runs its share of a step. It pickles; an instance is an item of a datatrove pipeline.

    Parameters
    ----------
    build : Build
    kind : type of Step
    before : sequence of type of Step
        Steps that have to be done.
    logs : path
        Where datatrove keeps the logs of the step's tasks; why a task failed is written down there.
    """

    def __init__(self, build: Build, kind: StepKind, before: Sequence[StepKind], logs: Path) -> None:
        self.build, self.kind, self.before, self.logs = build, kind, tuple(before), logs

    def __repr__(self) -> str:
        return f"audio-flan build: {self.kind.title}"  # datatrove logs it

    def __call__(self, data: object, rank: int, world_size: int) -> None:  # noqa: ARG002 - as datatrove has it
        """Do every `world_size`-th unit from `rank` on that is not done yet."""
        try:
            step = self.kind(self.build)
            if not step.one_unit or step.todo():
                for kind in self.before:
                    wait_for(kind(self.build))
                self._run(step, rank, world_size)
        except Exception as error:
            write_failure(self.logs, rank, error)
            raise

    def _run(self, step: Step, rank: int, world_size: int) -> None:
        try:
            step.run(rank, world_size)
        except OSError as error:
            raise explain(error, self.build.out) from error


def wait_for(step: Step) -> None:
    """Return when all units of a step are seen to be done.

    Raises
    ------
    BuildError
        When some are not after `SETTLE_SECONDS`.
    """
    deadline = time.monotonic() + SETTLE_SECONDS
    while todo := step.todo():
        if time.monotonic() > deadline:
            raise BuildError(
                f"{step.title}: {len(todo)} of {len(step.units)} units are not done; "
                "run the same command again, it goes on where it stopped"
            )
        time.sleep(_POLL_SECONDS)


def write_failure(logs: Path, rank: int, error: Exception) -> None:
    """Write down why a task failed: the message in the first line, then the traceback."""
    message = " ".join(str(error).split()) or type(error).__name__
    text = "".join(traceback.format_exception(error))
    with contextlib.suppress(OSError):  # the disk may be full
        write_atomically(logs / FAILURES / f"{rank:05d}.txt", f"{message}\n\n{text}".encode())


def read_failure(logs: Path) -> str | None:
    """Say why the first task that failed did, and where its log is; None when none has."""
    for path in sorted((logs / FAILURES).glob("*.txt")):
        message = path.read_text().partition("\n")[0]
        log = logs / "logs" / f"task_{path.stem}.log"
        return f"{message}; the log of the task: {log if log.is_file() else path}"
    return None
