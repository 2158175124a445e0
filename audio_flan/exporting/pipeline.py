"""Subsets out: the rows of a plan or a filter, in the form that is asked for."""

import os
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from audio_flan.analysis import Table, open_table, splits_of
from audio_flan.analysis.filtering import make_filter
from audio_flan.building import LocalExecutor
from audio_flan.building.errors import BuildError, explain
from audio_flan.building.pipeline import SHARD_SIZE
from audio_flan.exporting.claim import check_out, claim
from audio_flan.exporting.collect import DRAWS_FOLDER, Collect
from audio_flan.exporting.draw import choose_rows, count_drawn, read_selected, sum_clips, write_draws
from audio_flan.exporting.errors import ExportError, none_taken
from audio_flan.exporting.finish import Result, count_files, finish, read_result
from audio_flan.exporting.job import ExportStep, Job
from audio_flan.exporting.request import FORMAT, Request, Style, Target, check_choice, check_target
from audio_flan.exporting.summary import ExportPlan, ExportSummary
from audio_flan.exporting.write import (
    CountClips,
    PlaceClips,
    PlaceClipsBeside,
    WriteLines,
    WriteMetadata,
    WriteTars,
)
from audio_flan.mixing import Licence, Plan, open_plan
from audio_flan.records import Reason
from audio_flan.release.report import Progress
from audio_flan.shards.atomic import atomic_folder
from audio_flan.taxonomy import resolve_config

_OF_RELEASE: Final = (Collect, WriteMetadata, PlaceClips)
_STEPS: Final[dict[str, tuple[type[ExportStep], ...]]] = {
    "embedded": _OF_RELEASE,
    "indexed": _OF_RELEASE,
    "release": _OF_RELEASE,
    "webdataset": (Collect, WriteTars, CountClips),
    "jsonl": (Collect, WriteLines),
    "chat": (Collect, WriteLines, PlaceClipsBeside),
}


def export(
    root: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    plan: Plan | str | os.PathLike[str] | None = None,
    where: str | None = None,
    config: str = "all",
    split: str | Collection[str] | None = None,
    tasks: str | Collection[str] = (),
    corpora: str | Collection[str] = (),
    unseen: bool | None = None,
    min_seconds: float | None = None,
    max_seconds: float | None = None,
    scripts: str | Collection[str] = (),
    licence: Licence = "any",
    to: Target = "embedded",
    style: Style | None = None,
    jobs: int = 1,
    seed: int = 0,
    shard_size: int = SHARD_SIZE,
    resume: bool = True,
    token: str | bool | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> ExportSummary:
    """Write the rows that a plan draws, or that pass a filter, and their clips, each once.

    The result depends on the rows, the target and the seed only: it is the same, byte for byte, for any
    number of jobs, however often it was killed and resumed, and from any form of the data, but for what it
    says of that. A row that is drawn k times is written k times, each in a place of its own.

    Parameters
    ----------
    root : path or str
        A folder, the id of a dataset on the Hub, or a URL; in any form.
    out : path
        An empty or new folder, or one with the same export, unfinished.
    plan : Plan or path, optional
        What `audio_flan.rebalance` has made for these very data. It has its own split and filter.
    where, config, split, tasks, corpora, unseen, min_seconds, max_seconds, scripts, licence
        Without a plan, as for `audio_flan.filter`: each row that passes, once.
    to : {"embedded", "indexed", "release", "webdataset", "jsonl", "chat"}
        The forms of this toolkit; plain tars for other loaders; text alone; conversations with audio files
        beside them.
    style : {"qwen2-audio", "ms-swift", "llama-factory"}, optional
        For whom the conversations are. They train on text answers: rows whose output holds audio are named in
        ``quarantine.jsonl``.
    jobs : int
        Processes. With more than one, a script needs the ``if __name__ == "__main__"`` of `multiprocessing`.
    seed : int
        Another seed, another order; which rows a plan draws is the plan's own seed's.
    shard_size : int
        Of tars, clip shards and row files, in bytes.
    resume : bool
        Go on where an earlier run stopped; False removes what it left and starts anew.
    token, revision, cache_dir
        As for `audio_flan.scan`.
    progress : callable, optional
        Called with what is being done, how much is done and how much there is.

    Returns
    -------
    ExportSummary

    Raises
    ------
    ExportError
        When `out` holds something else, the disk is full, or no row is left that can be taken
        (`EmptySelectionError`).
    PlanError
        For a plan of another revision of the data.
    UnknownNameError
        For a name that does not exist.
    MixtureError
        For a filter that makes no sense.
    """
    started = time.monotonic()
    check_target(to, style, shard_size)
    folder = _folder(out)
    executor = LocalExecutor(jobs)
    opened = open_plan(plan)
    table = open_table(root, token=token, revision=revision, cache_dir=cache_dir)
    filters = {
        "where": where, "tasks": tasks, "corpora": corpora, "unseen": unseen, "min_seconds": min_seconds,
        "max_seconds": max_seconds, "scripts": scripts, "licence": licence,
    }  # fmt: skip
    request = _make_request(table, opened, config, split, filters, to, style, seed, shard_size)
    try:
        with claim(folder, request, resume=resume) as work:
            result = read_result(folder)
            if result is None:
                draws = work.root / DRAWS_FOLDER
                if not draws.is_dir():
                    _draw(table, opened, request, draws, progress)
                job = Job(table.source, request, read_selected(draws), work)
                executor.run_steps(job, _STEPS[to], progress)
                result = finish(job, opened, jobs, progress)
    except OSError as error:
        raise ExportError(str(explain(error, folder))) from error
    except BuildError as error:
        raise ExportError(str(error)) from error
    return _summary(folder, os.fspath(out), to, result, time.monotonic() - started)


def plan_export(
    root: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    plan: Plan | str | os.PathLike[str] | None = None,
    config: str = "all",
    split: str | Collection[str] | None = None,
    to: Target = "embedded",
    style: Style | None = None,
    jobs: int = 1,
    shard_size: int = SHARD_SIZE,
    token: str | bool | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    **filters: Any,  # noqa: ANN401 - those of `export`
) -> ExportPlan:
    """Say what `export` would write, and refuse what it would refuse; nothing is written.

    The parameters are those of `export`; without `out`, its folder is not looked at.
    """
    check_target(to, style, shard_size)
    LocalExecutor(jobs)
    if out is not None:
        _folder(out)
    opened = open_plan(plan)
    table = open_table(root, token=token, revision=revision, cache_dir=cache_dir)
    request = _make_request(table, opened, config, split, filters, to, style, 0, shard_size)
    selection = choose_rows(table, opened, request.config, request.splits, request.row_filter, progress)
    chat = style is not None
    selected = count_drawn(selection)
    written = count_drawn(selection, text_answers=True) if chat else selected
    left = selected.rows - written.rows
    quarantined = {str(Reason.AUDIO_IN_OUTPUT): left} if left else {}
    if not written.rows:
        raise none_taken(selected.rows, quarantined)
    return ExportPlan(
        to=to,
        rows_selected=selected.rows,
        rows=written.rows,
        quarantined=quarantined,
        distinct_rows=sum(leaf.distinct for leaf in written.leaves),
        leaves=written.leaves,
        **sum_clips(selection, text_answers=chat),
    )


def _folder(out: str | os.PathLike[str]) -> Path:
    """Return the folder of the result, which may be written to."""
    if "://" in os.fspath(out):
        raise ExportError(f"{out} is no folder: export to one, then `audio-flan publish` or upload it")
    folder = Path(os.path.abspath(out))  # noqa: PTH100 - keeps links as the user wrote them
    check_out(folder)
    return folder


def _make_request(
    table: Table,
    plan: Plan | None,
    config: str,
    split: str | Collection[str] | None,
    filters: dict[str, Any],
    to: Target,
    style: Style | None,
    seed: int,
    shard_size: int,
) -> Request:
    row_filter = make_filter(table, **filters)
    check_choice(plan, config, split, bool(row_filter))
    if plan is not None:
        plan.check_revision(table.revision)
    return Request(
        format=FORMAT,
        form=table.source.form,
        revision=table.revision,
        config=resolve_config(config).name,
        splits=splits_of(split) if plan is None else (plan.split,),
        row_filter=row_filter if plan is None else plan.row_filter,
        plan=plan.hash if plan is not None else None,
        to=to,
        style=style,
        seed=seed,
        shard_size=shard_size,
    )


def _draw(table: Table, plan: Plan | None, request: Request, folder: Path, progress: Progress | None) -> None:
    """Choose the rows and write down which they are."""
    selection = choose_rows(table, plan, request.config, request.splits, request.row_filter, progress)
    with atomic_folder(folder) as temporary:
        write_draws(selection, temporary)


def _summary(folder: Path, out: str, to: str, result: Result, seconds: float) -> ExportSummary:
    files, nbytes = count_files(folder)
    return ExportSummary(
        out=out,
        to=to,
        rows_selected=result.rows_selected,
        rows=result.rows,
        clips=result.clips,
        files=files,
        bytes=nbytes,
        quarantined=result.quarantined,
        unread=result.unread,
        seconds=seconds,
    )
