"""From a release to the indexed or the embedded form."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal

from xxhash import xxh3_64_hexdigest

from audio_flan.building.errors import BuildError, explain
from audio_flan.building.estimate import Estimate, estimate
from audio_flan.building.executors import Executor, LocalExecutor, Progress, StepKind
from audio_flan.building.kept import Kept
from audio_flan.building.measure_clips import planned_corpora
from audio_flan.building.prepare_paths import PreparePaths
from audio_flan.building.read_rows import ReadRows, read_units
from audio_flan.building.step import Build
from audio_flan.building.steps import PLAN_STEPS, STEPS
from audio_flan.building.summary import BuildPlan, BuildSummary, find_changes, plan_of, summary_of
from audio_flan.building.transcode import TRANSCODINGS
from audio_flan.building.workspace import WORK_FOLDER, Workspace, claim
from audio_flan.records import SPLITS, resolve_split
from audio_flan.release import Release, open_release
from audio_flan.shards import CLIP_KINDS, FORMS, Recipe, read_manifest
from audio_flan.taxonomy import UnknownNameError, resolve_config
from audio_flan.taxonomy.errors import nearest_names

Form = Literal["indexed", "embedded"]
Verify = Literal["header", "decode"]
Clips = Literal["tar", "parquet"]
Transcoding = Literal["none", "flac", "opus"]

SHARD_SIZE: Final = 512_000_000
"""Default size of a shard, in bytes."""
MIN_SHARD_SIZE: Final = 1 << 16
_VERIFY = ("header", "decode")


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
    clips: Clips = "tar",
    transcode: Transcoding = "none",
    resume: bool = True,
    executor: Executor | None = None,
    progress: Progress | None = None,
    on_plan: Callable[[BuildPlan], None] | None = None,
) -> BuildSummary:
    """Build the indexed or the embedded form of a release.

    The result depends on the release, the form and the options up to `transcode` only: it is the same, byte
    for byte, for any number of jobs and however often the build was killed and resumed. What cannot be taken
    is named in ``quarantine/<corpus>.jsonl``. Only clips that the chosen rows need are stored, each once,
    with the corpus in whose audio folder it lies.

    Over a finished build of an earlier state of the release, only files are written that differ; the result
    is that of a new build. A clip counts as changed when its path, size or time of modification has. Files of
    the build that are missing or of another size are made again.
    Meanwhile there is no manifest.

    Parameters
    ----------
    release : Release, str or path
        A release, or what `open_release` takes.
    out : path
        An empty or new folder, or one with the same build, finished or not, of this release or an earlier
        state of it.
    form : {"indexed", "embedded"}
        Clips in shards, each once, and rows that point at them; or rows that carry their clips.
    config : str
        One of `list_configs`: build its rows only.
    splits : sequence of str
    shard_size : int
        Size of clip shards, and of the text and audio of row files, in bytes.
    jobs : int
        Processes. With more than one, a script needs the ``if __name__ == "__main__"`` of `multiprocessing`.
    seed : int
        Another seed, another order of clips and rows.
    verify : {"header", "decode"}
        Whether to decode every clip whole; otherwise its header is checked against its size.
    clips : {"tar", "parquet"}
        Of the indexed form: clips in WebDataset tars, or in Parquet with their facts. Rows point at byte
        ranges of either.
    transcode : {"none", "flac", "opus"}
        Clips as they came; or as FLAC with the very same samples, where they are whole numbers of up to 24
        bits; or as Opus, 64 kbit/s for each channel. A clip that does not fit stays as it is.
    resume : bool
        Go on where an earlier run stopped; False removes what it left and starts anew.
    executor : Executor, optional
        Who runs the steps, such as a `RayExecutor`; by default `jobs` processes of this machine do.
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
    if "://" in os.fspath(out):
        raise BuildError(
            f"{out} is no folder: build in one, then audio_flan.publishing has `mirror`, `publish`"
        )
    executor = executor or LocalExecutor(jobs)
    release = release if isinstance(release, Release) else open_release(release)
    recipe = make_recipe(release, form, config, splits, shard_size, seed, verify, clips, transcode)
    return _build(release, out, recipe, executor, resume, progress, on_plan)


def build_in_export(
    release: Release,
    out: str | os.PathLike[str],
    form: Form,
    *,
    shard_size: int,
    jobs: int,
    seed: int,
    progress: Progress | None,
) -> BuildSummary:
    """Build into the folder of an export that is under way, as `build` does; for the export that holds it."""
    recipe = make_recipe(release, form, shard_size=shard_size, seed=seed)
    return _build(release, out, recipe, LocalExecutor(jobs), True, progress, None, in_export=True)


def _build(
    release: Release,
    out: str | os.PathLike[str],
    recipe: Recipe,
    executor: Executor,
    resume: bool,
    progress: Progress | None,
    on_plan: Callable[[BuildPlan], None] | None,
    *,
    in_export: bool = False,
) -> BuildSummary:
    started = time.monotonic()
    root = Path(os.path.abspath(out))  # noqa: PTH100 - keeps links as the user wrote them
    try:
        with claim(root, recipe, release, resume=resume, in_export=in_export) as work:
            kept = Kept(root)
            previous, kept_some = kept.previous(), bool(kept)
            _make(Build(release, recipe, work), executor, progress, on_plan)
            manifest = read_manifest(root)
            kept.retire(finished=True)  # the last step has not, where there was nothing to make
    except OSError as error:
        raise explain(error, root) from error
    changes = find_changes(previous, manifest, anew=not kept_some) if previous else None
    return summary_of(str(out), manifest, time.monotonic() - started, changes)


def plan_build(
    release: Release | str | os.PathLike[str],
    form: Form = "indexed",
    *,
    config: str = "all",
    splits: Sequence[str] = SPLITS,
    shard_size: int = SHARD_SIZE,
    seed: int = 0,
    verify: Verify = "header",
    clips: Clips = "tar",
    transcode: Transcoding = "none",
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> BuildPlan:
    """Say what `build` would make, and how long it would take: `estimate` says how that is known.

    The metadata is read, the clips are measured and a few of them read; nothing is kept. The parameters are
    those of `build`.
    """
    executor = executor or LocalExecutor()
    release = release if isinstance(release, Release) else open_release(release)
    recipe = make_recipe(release, form, config, splits, shard_size, seed, verify, clips, transcode)
    times: dict[StepKind, float] = {}
    folder = Path(tempfile.mkdtemp(prefix="audio-flan-plan-"))
    try:
        (folder / WORK_FOLDER).mkdir()
        made = Build(release, recipe, Workspace(folder))
        started = time.monotonic()

        def note(step: StepKind) -> None:
            times[step] = time.monotonic() - started

        executor.run_steps(made, PLAN_STEPS, progress, note)
        reading = times[ReadRows] - times[PreparePaths]
        return _plan(made, estimate(made, times[PLAN_STEPS[-1]], reading, executor.processes))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_recipe(
    release: Release,
    form: str = "indexed",
    config: str = "all",
    splits: Sequence[str] = SPLITS,
    shard_size: int = SHARD_SIZE,
    seed: int = 0,
    verify: str = "header",
    clips: str = "tar",
    transcode: str = "none",
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
    if clips not in CLIP_KINDS:
        raise ValueError(f"clips must be one of {', '.join(CLIP_KINDS)}, got {clips!r}")
    if transcode not in TRANSCODINGS:
        raise ValueError(f"transcode must be one of {', '.join(TRANSCODINGS)}, got {transcode!r}")
    if form == "embedded" and clips != CLIP_KINDS[0]:
        raise ValueError(f"clips={clips!r} is for the indexed form; the embedded form has clips in its rows")
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
        clips=clips,
        transcode=transcode,
    )


def _make(
    made: Build, executor: Executor, progress: Progress | None, on_plan: Callable[[BuildPlan], None] | None
) -> None:
    def tell(step: StepKind) -> None:
        if on_plan and step is PLAN_STEPS[-1]:
            on_plan(_plan(made))

    executor.run_steps(made, STEPS, progress, tell)


def _plan(made: Build, estimated: Estimate | None = None) -> BuildPlan:
    facts = (made.work.facts(ReadRows.name, unit) for unit in read_units(made.work))
    rows = sum(stop - start for each in facts for start, stop in each["parts"].values())
    return plan_of(made.recipe.form, rows, planned_corpora(made.work), made.recipe.shard_size, estimated)


def _split(spelling: str) -> str:
    split = resolve_split(spelling)
    if split is None:
        raise UnknownNameError("split", spelling, nearest_names(spelling, SPLITS))
    return split
