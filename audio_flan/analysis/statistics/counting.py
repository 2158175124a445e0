"""Rows and clips of a root, by its manifest or by themselves."""

from collections.abc import Collection, Iterator
from typing import Literal, NamedTuple

import polars as pl

from audio_flan.analysis.statistics.clip_counts import (
    ClipCounts,
    clips_of_manifest,
    count_clips,
    keys_of_clips,
)
from audio_flan.analysis.statistics.counts import (
    Counted,
    count_rows,
    count_rows_alone,
    counts_of_manifest,
    tally,
)
from audio_flan.analysis.statistics.recount import compare_clips, compare_rows, without_references
from audio_flan.analysis.table import Table
from audio_flan.records import SPLITS
from audio_flan.release.report import Progress


class Counting(NamedTuple):
    """What was counted, what of it was read from where, and where that is not what the manifest says.

    ``references_from`` is of the references of rows to clips. ``clips`` is None where clips were not counted.
    """

    counted: Counted
    clips: ClipCounts | None
    rows_from: Literal["manifest", "rows"]
    references_from: Literal["manifest", "rows"]
    clips_from: Literal["manifest", "clips"] | None
    differences: tuple[str, ...] = ()


def count_root(
    table: Table,
    config: str,
    splits: Collection[str],
    *,
    recount: bool,
    references: bool,
    progress: Progress | None = None,
) -> Counting:
    """Count the rows and clips of a config and splits.

    Parameters
    ----------
    recount : bool
        Count, though a manifest says it.
    references : bool
        Then count references, too, which takes twice as long; otherwise that is done if rows differ.
    """
    manifest, whole = table.manifest, config == "all" and set(splits) == set(SPLITS)
    if manifest is None:
        counted = count_rows(table.frame(config, splits, progress=progress))
        clips = _count_clips(table, counted, config, splits, whole, progress)
        return Counting(counted, clips, "rows", "rows", "clips")
    said = counts_of_manifest(manifest, config, splits)
    said_clips = clips_of_manifest(manifest.corpora) if whole else None
    if not recount:
        return Counting(said, said_clips, "manifest", "manifest", "manifest" if whole else None)
    frame = table.frame(config, splits)
    if not references and not compare_rows(without_references(said), count_rows_alone(frame)):
        counted, counts_references = said, False
    else:
        counted, counts_references = count_rows(frame), True
    clips = _count_clips(table, counted, config, splits, whole, progress)
    differences = compare_rows(said, counted)
    if said_clips is not None:
        differences += compare_clips(said_clips, clips)
    references_from: Literal["manifest", "rows"] = "rows" if counts_references else "manifest"
    return Counting(counted, clips, "rows", references_from, "clips", tuple(differences))


def _count_clips(
    table: Table,
    counted: Counted,
    config: str,
    splits: Collection[str],
    whole: bool,
    progress: Progress | None,
) -> ClipCounts:
    """Count clips; of a part of the data, those that its rows refer to."""
    if whole:
        return count_clips(table.clips(progress=progress))
    tasks = list(tally(counted.counts, "task"))

    def frames() -> Iterator[pl.LazyFrame]:  # one at a time: memory is that of the clips, not of the rows
        for number, task in enumerate(tasks, 1):
            yield table.frame(task, splits)
            if progress:
                progress("counting clips", number, len(tasks))

    return count_clips(table.clips(config, splits, progress), keys_of_clips(frames()))
