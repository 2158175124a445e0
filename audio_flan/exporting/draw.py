"""Before the first step: which rows are drawn, and how often, written down for all processes."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from audio_flan.analysis import Table
from audio_flan.analysis.selection import Selection, select, select_planned
from audio_flan.analysis.table import Part
from audio_flan.exporting.errors import EmptySelectionError
from audio_flan.exporting.job import DrawnLeaf, DrawnPart, Selected
from audio_flan.mixing import LEVELS, Plan, RowFilter, row_keys
from audio_flan.release.report import Progress

_LEAF_AND_SPLIT: Final = (*LEVELS, "split")
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


def count_drawn(selection: Selection, *, text_answers: bool = False) -> Selected:
    """Count the rows that are drawn, by leaf and split and by file; or those whose output holds no audio."""
    counted = [_count(selection, part, text_answers=text_answers) for part in selection.parts]
    leaves = pl.concat(counted).group_by(_LEAF_AND_SPLIT).agg(pl.col("rows").sum(), pl.col("distinct").sum())
    parts = [
        DrawnPart(part.path, int(counts["rows"].sum()))
        for part, counts in zip(selection.parts, counted, strict=True)
    ]
    rows = leaves.sort(_LEAF_AND_SPLIT).iter_rows(named=True)
    return Selected(tuple(msgspec.convert(row, DrawnLeaf) for row in rows), tuple(parts))


def _count(selection: Selection, part: Part, *, text_answers: bool) -> pl.DataFrame:
    frame = _drawn(selection, part, _LEAF_AND_SPLIT, text_answers=text_answers).group_by(_LEAF_AND_SPLIT)
    return frame.agg(rows=pl.col("draws").sum(), distinct=pl.len().cast(pl.Int64))


def _drawn(selection: Selection, part: Part, columns: Collection[str], *, text_answers: bool) -> pl.DataFrame:
    """Return the rows of a file that are drawn, with a column ``draws``."""
    draws = pl.Series("draws", selection.draws(part)).cast(pl.Int64)
    kept = pl.col("draws") > 0
    if text_answers:
        columns = list(dict.fromkeys((*columns, "output_audio_ids")))
        kept &= pl.col("output_audio_ids").list.len() == 0
    return selection.table.part_frame(part, columns).with_columns(draws).filter(kept)


def write_draws(selection: Selection, folder: Path) -> None:
    """Write down how often each row is drawn: a file for each file of rows, and the counts."""
    for number, part in enumerate(selection.parts):
        np.save(folder / f"{number:06d}.npy", selection.draws(part))
    (folder / _SELECTED).write_bytes(msgspec.json.encode(count_drawn(selection)))


def read_selected(folder: Path) -> Selected:
    """Read the counts that `write_draws` has written."""
    return msgspec.json.decode((folder / _SELECTED).read_bytes(), type=Selected)


def sum_clips(selection: Selection, *, text_answers: bool = False) -> dict[str, Any]:
    """Add up what rows refer to: different clips, references to clips, and their seconds, repeats counted."""
    references, seconds = 0, 0.0

    def keys() -> Iterator[NDArray[np.uint64]]:
        nonlocal references, seconds
        columns = ["input_audio_ids", "output_audio_ids", "input_seconds", "output_seconds"]
        for part in selection.parts:
            frame = _drawn(selection, part, columns, text_answers=text_answers)
            for side in ("input", "output"):
                ids, times = frame[f"{side}_audio_ids"], frame[f"{side}_seconds"]
                references += int((ids.list.len().cast(pl.Int64) * frame["draws"]).sum())
                seconds += float((times.list.sum() * frame["draws"]).sum())
                yield row_keys(ids.explode().drop_nulls(), 0)

    clips = count_distinct(keys())
    return {"clips": clips, "clip_references": references, "seconds": round(seconds, 6)}


def count_distinct(arrays: Iterable[NDArray[np.uint64]]) -> int:
    """Count different numbers; they are merged when as many new ones have gathered as are known."""
    known, fresh, gathered = np.empty(0, np.uint64), list[NDArray[np.uint64]](), 0
    for array in arrays:
        fresh.append(np.unique(array))
        gathered += len(fresh[-1])
        if gathered > len(known):
            known, fresh, gathered = np.unique(np.concatenate([known, *fresh])), [], 0
    return len(np.unique(np.concatenate([known, *fresh])))
