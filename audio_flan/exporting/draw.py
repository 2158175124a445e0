"""Before the first step: which rows are drawn, and how often, written down for all processes."""

from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl

from audio_flan.analysis import Table
from audio_flan.analysis.selection import Selection, select, select_planned
from audio_flan.exporting.errors import EmptySelectionError
from audio_flan.exporting.job import DrawnLeaf, DrawnPart, Selected
from audio_flan.mixing import LEVELS, Plan, RowFilter
from audio_flan.release.report import Progress

_LEVELS: Final = (*LEVELS, "split")
_SELECTED: Final = "selected.json"


def choose_rows(
    table: Table,
    plan: Plan | None,
    config: str,
    splits: Collection[str],
    row_filter: RowFilter,
    progress: Progress | None = None,
) -> Selection:
    """Return the rows that a plan draws, or those of a config and splits that pass a filter.

    Raises
    ------
    PlanError
        For a plan of another revision.
    EmptySelectionError
        When there are none.
    """
    if plan is not None:
        selection = select_planned(table, plan, progress)
    else:
        selection = select(table, config=config, splits=splits, row_filter=row_filter, progress=progress)
    if not selection.parts:
        raise EmptySelectionError(f"no row of {table.source.root} is left: is the filter too strict?")
    return selection


def count_drawn(selection: Selection) -> Selected:
    """Count the rows that are drawn, by leaf and split and by file."""
    counted = [_count(selection, number) for number in range(len(selection.parts))]
    leaves = pl.concat(counted).group_by(_LEVELS).agg(pl.col("rows").sum(), pl.col("distinct").sum())
    parts = [DrawnPart(part.path, int(selection.draws(part).sum(dtype=np.int64))) for part in selection.parts]
    rows = leaves.sort(_LEVELS).iter_rows(named=True)
    return Selected(tuple(msgspec.convert(row, DrawnLeaf) for row in rows), tuple(parts))


def _count(selection: Selection, number: int) -> pl.DataFrame:
    part = selection.parts[number]
    draws = pl.Series("draws", selection.draws(part)).cast(pl.Int64)
    frame = selection.table.part_frame(part, _LEVELS).with_columns(draws).filter(pl.col("draws") > 0)
    return frame.group_by(_LEVELS).agg(rows=pl.col("draws").sum(), distinct=pl.len().cast(pl.Int64))


def write_draws(selection: Selection, folder: Path) -> None:
    """Write down how often each row is drawn: a file for each file of rows, and the counts."""
    for number, part in enumerate(selection.parts):
        np.save(folder / f"{number:06d}.npy", selection.draws(part))
    (folder / _SELECTED).write_bytes(msgspec.json.encode(count_drawn(selection)))


def read_selected(folder: Path) -> Selected:
    """Read the counts that `write_draws` has written."""
    return msgspec.json.decode((folder / _SELECTED).read_bytes(), type=Selected)


def sum_clips(selection: Selection) -> dict[str, Any]:
    """Add up what rows refer to: different clips, references to clips, and their seconds, repeats counted."""
    from audio_flan.mixing import row_keys

    keys = np.empty(0, np.uint64)
    references, seconds = 0, 0.0
    columns = ["input_audio_ids", "output_audio_ids", "input_seconds", "output_seconds"]
    for part in selection.parts:
        draws = pl.Series("draws", selection.draws(part)).cast(pl.Int64)
        frame = selection.table.part_frame(part, columns).with_columns(draws).filter(pl.col("draws") > 0)
        for side in ("input", "output"):
            ids, times = frame[f"{side}_audio_ids"], frame[f"{side}_seconds"]
            keys = np.union1d(keys, row_keys(ids.explode().drop_nulls(), 0))
            references += int((ids.list.len().cast(pl.Int64) * frame["draws"]).sum())
            seconds += float((times.list.sum() * frame["draws"]).sum())
    return {"clips": len(keys), "clip_references": references, "seconds": round(seconds, 6)}
