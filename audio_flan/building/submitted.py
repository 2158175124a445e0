"""Which jobs of a cluster may be at work on a build, whose submitter does not wait for them.

The names of the jobs are written down before the first is submitted; as long as Slurm lists one of them, the
workspace is theirs.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import msgspec

from audio_flan.building.errors import BuildError
from audio_flan.shards.atomic import write_atomically

_JOBS: Final = "jobs.json"
_ANSWER_SECONDS = 60
_JOB_ID = re.compile(r"\d+")


def record_jobs(folder: Path, names: list[str]) -> None:
    """Write down the names of jobs, before they are submitted."""
    write_atomically(folder / _JOBS, msgspec.json.encode(names))


def forget_jobs(folder: Path) -> None:
    """Forget the names of jobs: none of them is at work."""
    (folder / _JOBS).unlink(missing_ok=True)


def refuse_if_at_work(folder: Path, out: Path) -> None:
    """Raise `BuildError` when jobs of an earlier submission are queued or running.

    Those that have ended are forgotten.
    """
    path = folder / _JOBS
    if not path.exists():
        return
    names = msgspec.json.decode(path.read_bytes(), type=list[str])
    squeue = shutil.which("squeue")
    if squeue is None:
        raise BuildError(
            f"jobs of Slurm were submitted for {out}, and there is no squeue here to ask for them; run this "
            f"where Slurm is, or remove {path} once they have ended"
        )
    command = [squeue, "--noheader", "--format=%i", f"--name={','.join(names)}"]
    try:
        done = subprocess.run(  # noqa: S603 - the names are ours
            command, capture_output=True, text=True, check=True, timeout=_ANSWER_SECONDS
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise BuildError(f"squeue does not answer ({error}); jobs may be building {out}, try again") from None
    if ids := done.stdout.split():
        raise BuildError(
            f"jobs of Slurm are building {out}: {' '.join(ids)}; wait for them, or cancel them with "
            f"scancel --name={','.join(names)}"
        )
    forget_jobs(folder)


def find_job_id(answer: str) -> str:
    """Return the id in what sbatch prints: ``Submitted batch job 123``.

    Raises
    ------
    BuildError
        When there is none.
    """
    found = _JOB_ID.search(answer)
    if found is None:
        raise BuildError(f"sbatch names no job: {answer.strip()!r}")
    return found[0]
