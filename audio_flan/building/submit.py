"""A build that is handed to Slurm: nobody waits for it, its last job writes the manifest."""

import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xxhash import xxh3_64_hexdigest

from audio_flan.building.errors import BuildError, explain
from audio_flan.building.executors.slurm import Job, Slurm, refuse_without_sbatch, submit_steps
from audio_flan.building.executors.task import read_failure
from audio_flan.building.kept import Kept
from audio_flan.building.pipeline import make_recipe
from audio_flan.building.reopen import is_whole
from audio_flan.building.step import Build
from audio_flan.building.steps import STEPS
from audio_flan.building.summary import BuildSummary, summary_of
from audio_flan.building.workspace import Workspace, claim
from audio_flan.release import Release, open_release
from audio_flan.release.tree import RemoteTree
from audio_flan.shards import MANIFEST_NAME, read_manifest


@dataclass(frozen=True)
class Submission:
    """What was handed to Slurm.

    Attributes
    ----------
    out : str
        Root of the build.
    jobs : tuple of Job
        One for each step, in order; none when the build is finished.
    logs : str
        Folder of their scripts and logs.
    failure : str, optional
        Why the submission before this one did not come to its end, where a task has said so.
    summary : BuildSummary, optional
        Of the build, when it is finished.
    """

    out: str
    jobs: tuple[Job, ...]
    logs: str
    failure: str | None = None
    summary: BuildSummary | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self) | {"summary": self.summary and self.summary.as_json()}


def submit_build(
    release: Release | str | os.PathLike[str],
    out: str | os.PathLike[str],
    slurm: Slurm,
    *,
    resume: bool = True,
    dry_run: bool = False,
    **options: Any,  # noqa: ANN401 - those of `make_recipe`
) -> Submission:
    """Submit a build to Slurm: a job array for each step, which starts when the one before it has ended well.

    The release, `out`, the logs and this Python environment have to lie on a disk that all nodes share. What
    is made is what `build` makes. When a task fails, the jobs after it go, and the same call submits again
    what is not done.

    Parameters
    ----------
    release, out, resume
        As for `build`.
    slurm : Slurm
        What the jobs ask for.
    dry_run : bool
        Write the scripts, and submit nothing.
    **options
        What is built: `form`, `config`, `splits`, `shard_size`, `seed` and `verify` of `build`.

    Returns
    -------
    Submission

    Raises
    ------
    BuildError
        When jobs of an earlier submission are at work, `out` holds something else, or there is no Slurm.
    """
    started = time.monotonic()
    release = release if isinstance(release, Release) else open_release(release)
    _refuse_token(release)
    recipe = make_recipe(release, **options)
    root = Path(os.path.abspath(out))  # noqa: PTH100 - keeps links as the user wrote them
    all_logs = slurm.logs.absolute() if slurm.logs else root.parent / f"{root.name}.logs"
    name = f"audio-flan-{xxh3_64_hexdigest(os.fsencode(root))[:8]}"
    own, failure = _next_folder(all_logs)
    if dry_run:
        build = Build(release, recipe, Workspace(root))
        jobs = submit_steps(build, STEPS, slurm, name, own, dry_run=True)
        return Submission(str(out), tuple(jobs), str(own))
    refuse_without_sbatch()
    try:
        with claim(root, recipe, release, resume=resume) as work:
            kept = Kept(root)
            state = kept.state if (root / MANIFEST_NAME).exists() else None
            if state and state.plan == work.plan_hash() and is_whole(root):
                kept.retire(finished=True)
                summary = summary_of(str(out), read_manifest(root), time.monotonic() - started)
                return Submission(str(out), (), str(all_logs), None, summary)
            jobs = submit_steps(Build(release, recipe, work), STEPS, slurm, name, own)
    except OSError as error:
        raise explain(error, root) from error
    return Submission(str(out), tuple(jobs), str(own), failure)


def _next_folder(logs: Path) -> tuple[Path, str | None]:
    """Return the folder of this submission, and why the one before it failed."""
    found = sorted(path for path in logs.glob("[0-9]*") if path.is_dir())
    number = int(found[-1].name) + 1 if found else 1
    failures = (read_failure(step) for step in found[-1].iterdir()) if found else iter(())
    return logs / f"{number:04d}", next(filter(None, failures), None)


def _refuse_token(release: Release) -> None:
    """Refuse a token that was passed: jobs would find it in a file that others may read."""
    if isinstance(release.tree, RemoteTree) and isinstance(release.tree.storage_options.get("token"), str):
        raise BuildError(
            "a token that is passed would stand in a file on the shared disk; log in with `hf auth login`, "
            "or set HF_TOKEN, where jobs can see it"
        )
