"""Submits the steps of a build to Slurm, by datatrove's executor: a job array each, one after the other."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from audio_flan.building.errors import BuildError
from audio_flan.building.executors.base import StepKind
from audio_flan.building.executors.datatrove import TASK_ENVIRONMENT, quiet
from audio_flan.building.executors.task import StepTask
from audio_flan.building.step import Build
from audio_flan.building.submitted import find_job_id, forget_jobs, record_jobs
from audio_flan.extras import require

if TYPE_CHECKING:
    from audio_flan.building.executors.slurm_job import SlurmJob

MAX_TASKS: Final = 1000
"""Slurm's default limit of a job array."""
SCRIPT: Final = "launch_script.slurm"


@dataclass(frozen=True)
class Slurm:
    """What jobs ask Slurm for. None leaves it to the defaults of the cluster.

    Attributes
    ----------
    tasks : int
        Tasks of each job array.
    partition, qos : str, optional
    time : str, optional
        Time limit of a task, such as ``4:00:00``.
    cpus_per_task : int
    mem_per_cpu_gb : int
    env_command : str, optional
        Shell command that makes this Python environment usable in a job; by default its folder of programs
        is put on the PATH.
    logs : path, optional
        Where scripts and logs go, each submission in a folder of its own; ``OUT.logs`` by default.
    """

    tasks: int = 8
    partition: str | None = None
    time: str | None = None
    qos: str | None = None
    cpus_per_task: int = 1
    mem_per_cpu_gb: int = 2
    env_command: str | None = None
    logs: Path | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.tasks <= MAX_TASKS:
            raise ValueError(f"tasks must be from 1 to {MAX_TASKS}, got {self.tasks}")
        require("datatrove", "--executor slurm")


@dataclass(frozen=True)
class Job:
    """A job array that does one step; `id` is None when it was not submitted."""

    step: str
    name: str
    tasks: int
    script: str
    id: str | None


def refuse_without_sbatch() -> None:
    """Raise `BuildError` where no job can be submitted."""
    if shutil.which("sbatch") is None:
        raise BuildError("there is no sbatch here; run this on a machine from which Slurm takes jobs")


def submit_steps(
    build: Build, kinds: Sequence[StepKind], slurm: Slurm, name: str, logs: Path, *, dry_run: bool = False
) -> list[Job]:
    """Submit a job array for each step, which begins when the one before it has ended well.

    Parameters
    ----------
    name : str
        The jobs' names begin with it.
    logs : path
        Where scripts and logs go: a folder on the shared disk, new for each submission.
    dry_run : bool
        Write the scripts and submit nothing.

    Raises
    ------
    BuildError
        When Slurm refuses a job; those before it are cancelled.
    """
    if not dry_run:
        record_jobs(build.work.root, [job_name(name, kind) for kind in kinds])
    jobs: list[Job] = []
    with quiet():
        for i, kind in enumerate(kinds):
            tasks = 1 if kind.one_unit else slurm.tasks
            after = jobs[-1].id if jobs else None
            executor = _executor(
                build, kinds[: i + 1], slurm, tasks=tasks, name=job_name(name, kind), after=after, logs=logs
            )
            job_id = None
            try:
                if dry_run:
                    executor.write_script(logs / kind.name / SCRIPT)
                else:
                    executor.launch_job()
                    job_id = str(executor.job_id)
            except (OSError, subprocess.SubprocessError, BuildError) as error:
                _cancel(jobs)
                if not jobs and not isinstance(error, BuildError):  # else sbatch took it and named no job
                    forget_jobs(build.work.root)
                raise BuildError(f"Slurm did not take the job {executor.job_name}: {error}") from None
            script = str(logs / kind.name / SCRIPT)
            jobs.append(Job(kind.name, executor.job_name, tasks, script, job_id))
    return jobs


def job_name(name: str, kind: StepKind) -> str:
    """Return the name of the job of a step."""
    return f"{name}-{kind.name}"


def _cancel(jobs: list[Job]) -> None:
    """Cancel what was submitted: its later steps will not come."""
    if jobs:
        ids = [job.id for job in jobs if job.id]
        subprocess.run(["scancel", *ids], check=False, capture_output=True)  # noqa: S603, S607


def _executor(
    build: Build,
    kinds: Sequence[StepKind],
    slurm: Slurm,
    *,
    tasks: int,
    name: str,
    after: str | None,
    logs: Path,
) -> "SlurmJob":
    from audio_flan.building.executors.slurm_job import SlurmJob

    *before, kind = kinds
    folder = logs / kind.name
    variables = " ".join(f"{key}={value}" for key, value in TASK_ENVIRONMENT.items())
    programs = shlex.quote(str(Path(sys.executable).parent))
    return SlurmJob(
        pipeline=[StepTask(build, kind, before, folder)],
        tasks=tasks,
        time=slurm.time,
        partition=slurm.partition,
        qos=slurm.qos,
        cpus_per_task=slurm.cpus_per_task,
        mem_per_cpu_gb=slurm.mem_per_cpu_gb,
        env_command=f"export {variables}\n{slurm.env_command or f'export PATH={programs}:$PATH'}",
        job_name=name,
        depends_job_id=after,
        job_id_retriever=find_job_id,
        logging_dir=str(folder),
        sbatch_args={"kill-on-invalid-dep": "yes"},  # a step whose predecessor failed does not wait for ever
    )
