"""From a release to the indexed or the embedded form."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal

from xxhash import xxh3_64_hexdigest

from audio_flan.building.arrange_rows import ArrangeRows
from audio_flan.building.choose_clips import ChooseClips
from audio_flan.building.errors import explain
from audio_flan.building.executor import Progress, StepKind, run_steps
from audio_flan.building.finish import finish, remove_workspace
from audio_flan.building.index_clips import IndexClips
from audio_flan.building.measure_clips import MeasureClips, planned_corpora
from audio_flan.building.read_rows import ReadRows, read_units
from audio_flan.building.step import Build, prepare_paths
from audio_flan.building.store_clips import StoreClips
from audio_flan.building.summary import BuildPlan, BuildSummary, plan_of, summary_of
from audio_flan.building.workspace import WORK_FOLDER, Workspace, claim
from audio_flan.building.write_rows import WriteRows
from audio_flan.records import SPLITS, resolve_split
from audio_flan.release import Release, open_release
from audio_flan.shards import FORMS, MANIFEST_NAME, Manifest, Recipe, read_manifest
from audio_flan.taxonomy import UnknownNameError, resolve_config
from audio_flan.taxonomy.errors import nearest_names

Form = Literal["indexed", "embedded"]
Verify = Literal["header", "decode"]

SHARD_SIZE: Final = 512_000_000
"""Default size of a shard, in bytes."""
MIN_SHARD_SIZE: Final = 1 << 16
_VERIFY = ("header", "decode")
_PLAN_STEPS: Final[tuple[StepKind, ...]] = (ReadRows, ChooseClips, MeasureClips)
_STEPS: Final[tuple[StepKind, ...]] = (*_PLAN_STEPS, StoreClips, IndexClips, ArrangeRows, WriteRows)


def build(
    release: Release | str | os.PathLike[str],
    out: str | os.PathLike[str],
    form: Form = "indexed",
    *,
    config: str = "all",
    splits: Sequence[str] = SPLITS,
    shard_size: int = SHARD_SIZE,
    jobs: int = 1,
    seed: int = 0,
    verify: Verify = "header",
    resume: bool = True,
    progress: Progress | None = None,
    on_plan: Callable[[BuildPlan], None] | None = None,
) -> BuildSummary:
    """Build the indexed or the embedded form of a release.

    The result depends on the release, the form and the options up to `verify` only: it is the same, byte for
    byte, for any number of jobs and however often the build was killed and resumed. What cannot be taken is
    named in ``quarantine/<corpus>.jsonl``. Only clips that the chosen rows need are stored, each once, with
    the corpus in whose audio folder it lies.

    Parameters
    ----------
    release : Release, str or path
        A release, or what `open_release` takes.
    out : path
        An empty or new folder, or one with the same build, finished or not.
    form : {"indexed", "embedded"}
        Clips in tars, each once, and rows that point at them; or rows that carry their clips.
    config : str
        One of `list_configs`: build its rows only.
    splits : sequence of str
    shard_size : int
        Size of tars, and of the text and audio of row files, in bytes.
    jobs : int
        Processes. With more than one, a script needs the ``if __name__ == "__main__"`` of `multiprocessing`.
    seed : int
        Another seed, another order of clips and rows.
    verify : {"header", "decode"}
        Whether to decode every clip whole; otherwise its header is checked against its size.
    resume : bool
        Go on where an earlier run stopped; False removes what it left and starts anew.
    progress : callable, optional
        Called with what is being done, how much is done and how much there is.
    on_plan : callable, optional
        Called once with what is going to be made, before clips are read and anything is written but the
        workspace.

    Returns
    -------
    BuildSummary

    Raises
    ------
    BuildError
        When `out` holds something else, the disk is full or a file cannot be read.
    UnknownNameError
        For a config or split that does not exist.
    ReleaseError
        When there is no release.
    """
    started = time.monotonic()
    if jobs < 1:
        raise ValueError(f"jobs must be 1 or more, got {jobs}")
    release = release if isinstance(release, Release) else open_release(release)
    recipe = make_recipe(release, form, config, splits, shard_size, seed, verify)
    root = Path(os.path.abspath(out))  # noqa: PTH100 - keeps links as the user wrote them
    try:
        with claim(root, recipe, release.fingerprint, resume=resume) as work:
            if (root / MANIFEST_NAME).exists():
                manifest = read_manifest(root)
            else:
                manifest = _make(Build(release, recipe, work), jobs, progress, on_plan)
            remove_workspace(work)
    except OSError as error:
        raise explain(error, root) from error
    return summary_of(str(out), manifest, time.monotonic() - started)


def plan_build(
    release: Release | str | os.PathLike[str],
    form: Form = "indexed",
    *,
    config: str = "all",
    splits: Sequence[str] = SPLITS,
    shard_size: int = SHARD_SIZE,
    jobs: int = 1,
    progress: Progress | None = None,
) -> BuildPlan:
    """Say what `build` would make: the metadata is read and the clips are measured, nothing is kept.

    The parameters are those of `build`.
    """
    release = release if isinstance(release, Release) else open_release(release)
    recipe = make_recipe(release, form, config, splits, shard_size, 0, "header")
    folder = Path(tempfile.mkdtemp(prefix="audio-flan-plan-"))
    try:
        (folder / WORK_FOLDER).mkdir()
        made = Build(release, recipe, Workspace(folder))
        prepare_paths(made)
        run_steps(made, _PLAN_STEPS, jobs, progress)
        return _plan(made)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_recipe(
    release: Release, form: str, config: str, splits: Sequence[str], shard_size: int, seed: int, verify: str
) -> Recipe:
    """Check the options and return the recipe.

    Raises
    ------
    ValueError
        For an option that is not one of its choices; `UnknownNameError` for a config or split.
    """
    if form not in FORMS:
        raise ValueError(f"form must be one of {', '.join(FORMS)}, got {form!r}")
    if verify not in _VERIFY:
        raise ValueError(f"verify must be one of {', '.join(_VERIFY)}, got {verify!r}")
    if shard_size < MIN_SHARD_SIZE:
        raise ValueError(f"shard_size must be at least {MIN_SHARD_SIZE:,} bytes, got {shard_size:,}")
    wanted = {_split(split) for split in ([splits] if isinstance(splits, str) else splits)}
    files = [
        *((file.path, file.size) for file in release.layout.metadata),
        *((file.path, file.size) for file in release.layout.scp),
    ]
    return Recipe(
        release=xxh3_64_hexdigest(repr(files).encode()),
        form=form,
        config=resolve_config(config).name,
        splits=tuple(split for split in SPLITS if split in wanted),
        shard_size=shard_size,
        seed=seed,
        verify=verify,
    )


def _make(
    made: Build, jobs: int, progress: Progress | None, on_plan: Callable[[BuildPlan], None] | None
) -> Manifest:
    def tell(step: StepKind) -> None:
        if on_plan and step is _PLAN_STEPS[-1]:
            on_plan(_plan(made))

    prepare_paths(made)
    run_steps(made, _STEPS, jobs, progress, tell)
    return finish(made)


def _plan(made: Build) -> BuildPlan:
    facts = (made.work.facts(ReadRows.name, unit) for unit in read_units(made.work))
    rows = sum(stop - start for each in facts for start, stop in each["parts"].values())
    return plan_of(made.recipe.form, rows, planned_corpora(made.work), made.recipe.shard_size)


def _split(spelling: str) -> str:
    split = resolve_split(spelling)
    if split is None:
        raise UnknownNameError("split", spelling, nearest_names(spelling, SPLITS))
    return split
