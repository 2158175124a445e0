"""datatrove's Ray executor for one step; imported only where it is run, as it imports datatrove and Ray."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import ray
from datatrove.executor import RayPipelineExecutor
from datatrove.executor.base import PipelineExecutor
from ray.exceptions import RayError, RayTaskError

from audio_flan.building.errors import BuildError
from audio_flan.building.executors.datatrove import TASK_ENVIRONMENT
from audio_flan.building.executors.task import read_failure

_RETRIES: Final = 3
"""How often a task is run again whose node or process has died."""


class RayJob(RayPipelineExecutor):  # type: ignore[misc] # datatrove has no types
    """The tasks of one step as tasks of Ray.

    datatrove starts an actor for each task, waits for ever when one does not start, and ends without an error
    when one fails; so `run` is our own.
    """

    def run(self) -> None:
        """Run the tasks, and wait for them.

        Raises
        ------
        BuildError, OSError
            When one fails; the others are cancelled.
        """
        self.save_executor_as_json()
        job, run_rank = ray.put(self), self._remote()
        waiting = [run_rank(job, rank) for rank in self.get_incomplete_ranks()]
        try:
            while waiting:
                done, waiting = ray.wait(waiting)
                ray.get(done)
        except RayError as error:
            for task in waiting:
                ray.cancel(task, force=True)
            if isinstance(error, RayTaskError) and isinstance(error.cause, OSError):
                raise error.cause from None  # of the disk that holds the logs, too
            raise BuildError(self._explain(error)) from None

    def _remote(self) -> Callable[..., Any]:
        options = {
            "num_cpus": self.cpus_per_task,
            "memory": self.mem_per_cpu_gb * self.cpus_per_task << 30,
            "runtime_env": {"env_vars": TASK_ENVIRONMENT},
            "max_retries": _RETRIES,
        }
        remote: Callable[..., Any] = ray.remote(**options)(_run_rank).remote
        return remote

    def _explain(self, error: RayError) -> str:
        logs = Path(self.logging_dir.path)
        if isinstance(error, RayTaskError) and isinstance(error.cause, BuildError):
            return read_failure(logs) or str(error.cause)
        first = str(error).strip().partition("\n")[0]
        return (
            f"a task has ended on Ray: {first} (killed, out of memory?); logs: {logs} and those of Ray; "
            "run the same command again, it goes on where it stopped"
        )


def _run_rank(job: RayJob, rank: int) -> None:
    # That of the Ray executor logs to a file below /tmp, one for all builds of a machine, and copies it when
    # the task ends: one that is cancelled has no log. The disk is shared, so the log can be there at once.
    PipelineExecutor._run_for_rank(job, rank, local_rank=1)  # noqa: SLF001 - all executors call it; 1 says less
