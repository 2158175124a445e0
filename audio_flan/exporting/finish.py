"""The end of an export: what was made step by step is put together, and said what it is."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from audio_flan.building.pipeline import build_in_export
from audio_flan.building.workspace import EXPORT_FOLDER, WORK_FOLDER
from audio_flan.card import CARD_NAME
from audio_flan.exporting.card import add_subset, export_card, subset_text
from audio_flan.exporting.chat import dataset_info
from audio_flan.exporting.collect import Collect
from audio_flan.exporting.errors import ExportError, none_taken
from audio_flan.exporting.job import DrawnLeaf, Job
from audio_flan.exporting.record_lines import METADATA_FOLDER
from audio_flan.exporting.write import (
    LINES_FILE,
    CountClips,
    PlaceClips,
    WriteLines,
    WriteMetadata,
    WriteTars,
)
from audio_flan.mixing import Plan
from audio_flan.records import SPLITS
from audio_flan.release import open_release
from audio_flan.release.report import Progress
from audio_flan.shards.atomic import atomic_path, sync_folders, write_atomically

EXPORT_NAME: Final = "export.json"
PLAN_NAME: Final = "plan.toml"
QUARANTINE_NAME: Final = "quarantine.jsonl"
_CACHE_FOLDER = "cache"
_COPY_BYTES: Final = 1 << 22


class Result(msgspec.Struct, frozen=True):
    """What ``export.json`` says of the result."""

    rows_selected: int
    rows: int
    clips: int
    quarantined: dict[str, int]
    unread: int


def finish(job: Job, plan: Plan | None, jobs: int, progress: Progress | None) -> Result:
    """Put the result together; ``export.json`` comes last, and without it the export is not whole.

    Raises
    ------
    EmptySelectionError
        When none of the rows could be taken.
    ExportError
        When counts do not add up.
    """
    quarantined = _quarantined(job)
    rows = job.selected.rows - sum(quarantined.values())
    if not rows:
        raise none_taken(job.selected.rows, quarantined)
    written, clips = _put_together(job, jobs, progress)
    if written != rows:
        raise ExportError(
            f"{job.selected.rows:,} rows were selected, {written:,} written and {job.selected.rows - rows:,} "
            "quarantined, which do not add up: start it anew with --no-resume, and please report it"
        )
    unread = sum(facts["unread"] for facts in _facts(job, Collect.name))
    result = Result(job.selected.rows, rows, clips, quarantined, unread)
    leaves = _written_leaves(job)
    _write_quarantine(job)
    _write_card(job, plan, leaves, quarantined)
    if plan is not None:
        plan.save(job.out / PLAN_NAME)
    said = {"request": job.request, "result": result, "leaves": leaves}
    if job.request.to == "release":
        _place_metadata(job)
    sync_folders({job.out})
    write_atomically(job.out / EXPORT_NAME, msgspec.json.format(msgspec.json.encode(said), indent=1) + b"\n")
    sync_folders({job.out})
    shutil.rmtree(job.out / WORK_FOLDER, ignore_errors=True)  # what it was built from is about to go
    return result


def read_result(out: Path) -> Result | None:
    """Return what a finished export says of itself; None where there is none."""
    try:
        data = msgspec.json.decode((out / EXPORT_NAME).read_bytes())
    except FileNotFoundError:
        return None
    return msgspec.convert(data["result"], Result)


def _put_together(job: Job, jobs: int, progress: Progress | None) -> tuple[int, int]:
    """Return the rows that were written, and the clips."""
    to = job.request.to
    if job.needs_release:
        clips = sum(facts["clips"] for facts in _facts(job, PlaceClips.name))
        _write_scp(job)
        if to == "release":
            return sum(facts["rows"] for facts in _facts(job, WriteMetadata.name)), clips
        return _build(job, jobs, progress)
    clips = sum(facts["clips"] for facts in _facts(job, CountClips.name))
    return (_name_tars(job) if to == "webdataset" else _join_lines(job)), clips


def _build(job: Job, jobs: int, progress: Progress | None) -> tuple[int, int]:
    request = job.request
    release = open_release(job.release, cache_dir=job.work.root / _CACHE_FOLDER)
    summary = build_in_export(
        release,
        job.out,
        "embedded" if request.to == "embedded" else "indexed",
        shard_size=request.shard_size,
        jobs=jobs,
        seed=request.seed,
        progress=progress,
    )
    return summary.rows, summary.clips


def _write_scp(job: Job) -> None:
    pieces: dict[tuple[str, str], list[Path]] = {}
    for unit in job.work.units(PlaceClips.name):
        for piece in job.work.facts(PlaceClips.name, unit)["pieces"]:
            path = job.work.unit(PlaceClips.name, unit) / piece["file"]
            pieces.setdefault(tuple(piece["place"]), []).append(path)
    for (domain, corpus), paths in pieces.items():
        _concatenate(paths, job.release / "scp_files" / domain / f"{corpus}.scp")


def _join_lines(job: Job) -> int:
    pieces: dict[str, list[Path]] = {}
    rows = 0
    for unit in job.work.units(WriteLines.name):
        facts = job.work.facts(WriteLines.name, unit)
        rows += facts["rows"]
        if facts["rows"]:
            pieces.setdefault(facts["split"], []).append(job.work.unit(WriteLines.name, unit) / LINES_FILE)
    for split, paths in pieces.items():
        _concatenate(paths, job.out / f"{split}.jsonl")
    if job.request.style == "llama-factory":
        info = dataset_info([split for split in SPLITS if split in pieces])
        data = msgspec.json.format(msgspec.json.encode(info), indent=2)
        write_atomically(job.out / "dataset_info.json", data + b"\n")
    return rows


def _name_tars(job: Job) -> int:
    """Give the tars their names; one that is not in the workspace any more has its name."""
    rows, numbers = 0, Counter[tuple[str, str]]()
    for unit in job.work.units(WriteTars.name):
        for tar in job.work.facts(WriteTars.name, unit)["tars"]:
            place = tar["shape"], tar["split"]
            target = job.out / tar["shape"] / f"{tar['split']}-{numbers[place]:05d}.tar"
            numbers[place] += 1
            rows += tar["rows"]
            source = job.work.unit(WriteTars.name, unit) / tar["file"]
            if source.exists():
                target.parent.mkdir(exist_ok=True)
                source.rename(target)
    sync_folders({job.out / shape for shape, _ in numbers})
    return rows


def _concatenate(paths: list[Path], target: Path) -> None:
    with atomic_path(target) as temporary, temporary.open("wb") as joined:
        for path in paths:
            with path.open("rb") as piece:
                shutil.copyfileobj(piece, joined, _COPY_BYTES)


def _quarantined(job: Job) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for facts in _facts(job, Collect.name):
        counts.update(facts["quarantined"])
    return dict(sorted(counts.items()))


def _written_leaves(job: Job) -> tuple[DrawnLeaf, ...]:
    left_out = (leaf for facts in _facts(job, Collect.name) for leaf in facts["left_out"])
    return job.selected.leaves_without(msgspec.convert(leaf, DrawnLeaf) for leaf in left_out)


def _place_metadata(job: Job) -> None:
    """Move the metadata to OUT, unless a run before has: from now on readers take OUT for a release."""
    source = job.metadata_root / METADATA_FOLDER
    if source.exists():
        sync_folders({job.out, source})
        source.rename(job.out / METADATA_FOLDER)


def _write_quarantine(job: Job) -> None:
    faults = [
        job.work.faults(Collect.name, unit)
        for unit in job.work.units(Collect.name)
        if job.work.facts(Collect.name, unit)["quarantined"]
    ]
    if not faults:
        return
    with atomic_path(job.out / QUARANTINE_NAME) as temporary, temporary.open("wb") as file:
        for each in faults:
            for _, entry in each:
                file.write(msgspec.json.encode(entry.as_json()) + b"\n")


def _write_card(
    job: Job, plan: Plan | None, leaves: tuple[DrawnLeaf, ...], quarantined: dict[str, int]
) -> None:
    path = job.out / CARD_NAME
    subset = subset_text(job.request, leaves, plan, quarantined)
    if job.request.to in ("embedded", "indexed"):
        card = add_subset(path.read_text("utf-8"), subset)
    else:
        split = next(each for each in SPLITS if any(leaf.split == each for leaf in leaves))
        card = export_card(job.request, subset, leaves, split, _first_shape(job, split))
    write_atomically(path, card.encode())


def _first_shape(job: Job, split: str) -> str:
    """Return a folder of tars that holds some of a split; empty without tars."""
    facts = _facts(job, WriteTars.name)
    return min((tar["shape"] for each in facts for tar in each["tars"] if tar["split"] == split), default="")


def _facts(job: Job, step: str) -> Iterator[Any]:
    return (job.work.facts(step, unit) for unit in job.work.units(step))


def count_files(out: Path) -> tuple[int, int]:
    """Return the number of files of the result, and their size in bytes."""
    files = nbytes = 0
    for folder, folders, names in os.walk(out):
        if folder == str(out):
            folders[:] = [name for name in folders if name not in (EXPORT_FOLDER, WORK_FOLDER)]
        files += len(names)
        nbytes += sum(Path(folder, name).stat().st_size for name in names)
    return files, nbytes
