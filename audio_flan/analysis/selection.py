"""Which rows of which files a filter and a plan take, and how often."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from audio_flan.analysis.table import Part, Table, splits_of
from audio_flan.mixing import (
    IDENTITY_COLUMNS,
    LEVELS,
    NO_FILTER,
    Plan,
    RowFilter,
    cut,
    draws,
    row_identity,
    row_keys,
)
from audio_flan.mixing.conditions import conditions, naming_condition, passes
from audio_flan.records import SPLITS
from audio_flan.release.report import Progress
from audio_flan.taxonomy import resolve_config

Counts = NDArray[Any]
"""How often each row of a file is drawn: unsigned integers, shape (rows,)."""
_KEPT: Final = "kept"


@dataclass(frozen=True)
class Selection:
    """Rows of a table, each so and so often.

    Attributes
    ----------
    table : Table
    parts : list of Part
        The files that hold at least one of the rows.
    counts : dict
        How often each row of a file is drawn, in the order of the file, by its path.
    """

    table: Table
    parts: list[Part]
    counts: dict[str, Counts]

    @property
    def rows(self) -> int:
        """Number of rows, repeats counted."""
        return sum(int(counts.sum(dtype=np.int64)) for counts in self.counts.values())

    def draws(self, part: Part) -> Counts:
        """Return how often each row of a file is drawn."""
        return self.counts[part.path]


def select(
    table: Table,
    *,
    config: str = "all",
    splits: str | Collection[str] = SPLITS,
    row_filter: RowFilter = NO_FILTER,
    progress: Progress | None = None,
) -> Selection:
    """Take each row of a config and splits that passes a filter, once."""
    named = splits_of(splits)
    parts = table.parts(config, named, progress)
    kept = _kept(table, config, named, row_filter)
    with naming_condition(row_filter):
        counts = {part.path: _kept_rows(table, part, kept) for part in _shown(parts, progress)}
    return _selection(table, parts, counts)


def select_planned(table: Table, plan: Plan, progress: Progress | None = None) -> Selection:
    """Take the rows that a plan draws.

    Which these are depends on uuids and on the seed of the plan alone, not on files or on their order.

    Raises
    ------
    PlanError
        When the plan was made for another revision of the data.
    """
    plan.check_revision(table.revision)
    drawn = [(*leaf.key, leaf.target) for leaf in plan.leaves if leaf.target]
    schema = {level: pl.String() for level in LEVELS} | {"target": pl.Int64()}
    leaves = pl.DataFrame(drawn, schema=schema, orient="row").with_row_index("number")
    splits = (plan.split,)
    kept = _kept(table, "all", splits, plan.row_filter)
    parts = sorted(table.parts("all", splits, progress), key=attrgetter("group", "path"))
    counts: dict[str, Counts] = {}
    with naming_condition(plan.row_filter):
        for _, group in groupby(_shown(parts, progress), key=attrgetter("group")):
            counts |= _planned_rows(table, list(group), kept, leaves, plan.seed)
    return _selection(table, parts, counts)


def _selection(table: Table, parts: Sequence[Part], counts: dict[str, Counts]) -> Selection:
    used = sorted((part for part in parts if counts[part.path].any()), key=attrgetter("path"))
    return Selection(table, used, {part.path: counts[part.path] for part in used})


def _kept(table: Table, config: str, splits: Collection[str], row_filter: RowFilter) -> pl.Expr:
    """Say whether a row is of a config and splits and passes a filter: a file may hold others."""
    tasks = sorted(resolve_config(config).task_names)
    here = pl.col("task").is_in(tasks) & pl.col("split").is_in(list(splits))
    return (here & passes(conditions(row_filter, table.corpora))).alias(_KEPT)


def _kept_rows(table: Table, part: Part, kept: pl.Expr) -> Counts:
    frame = table.part_frame(part, list(dict.fromkeys(kept.meta.root_names())))
    return frame.select(kept)[_KEPT].to_numpy().astype(np.uint8)


def _planned_rows(
    table: Table, parts: list[Part], kept: pl.Expr, leaves: pl.DataFrame, seed: int
) -> dict[str, Counts]:
    """Count how often each row of some files is drawn; none of their leaves has rows in others."""
    found = [_keys_and_leaves(table, part, kept, leaves, seed) for part in parts]
    keys, numbers = (np.concatenate([each[i] for each in found]) for i in range(2))
    counts = np.zeros(len(keys), np.int64)
    for number in np.unique(numbers[numbers >= 0]).tolist():
        places = np.flatnonzero(numbers == number)
        own, target = keys[places], leaves["target"][number]
        counts[places] = draws(own, cut(own, target), _Identities(table, parts, places))
    smallest = counts.astype(np.min_scalar_type(int(counts.max(initial=0))))
    ends = np.cumsum([part.rows for part in parts])
    return {part.path: each for part, each in zip(parts, np.split(smallest, ends[:-1]), strict=True)}


def _keys_and_leaves(
    table: Table, part: Part, kept: pl.Expr, leaves: pl.DataFrame, seed: int
) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """Return the key of each row of a file, and the number of its leaf; -1 for a row that is not drawn."""
    columns = list(dict.fromkeys(("uuid", *LEVELS, *kept.meta.root_names())))
    frame = table.part_frame(part, columns).select("uuid", *LEVELS, kept)
    joined = frame.join(leaves, on=LEVELS, how="left", maintain_order="left")
    number = pl.when(_KEPT).then(pl.col("number").cast(pl.Int32)).fill_null(-1)
    return row_keys(frame["uuid"], seed), joined.select(number)["number"].to_numpy().astype(np.int32)


class _Identities:
    """Identities of rows by their place in a leaf; read when rows share a uuid, which is rare."""

    def __init__(self, table: Table, parts: list[Part], places: NDArray[np.int64]) -> None:
        self._table, self._parts, self._places = table, parts, places

    def __call__(self, positions: NDArray[np.int64]) -> list[bytes]:
        ends = np.cumsum([part.rows for part in self._parts])
        names: list[bytes] = []
        frames: dict[int, pl.DataFrame] = {}
        for place in self._places[positions].tolist():
            number = int(np.searchsorted(ends, place, side="right"))
            if number not in frames:
                frames = {number: self._table.part_frame(self._parts[number], IDENTITY_COLUMNS)}
            first = int(ends[number]) - self._parts[number].rows
            names.append(row_identity(frames[number].row(place - first, named=True)))
        return names


def _shown(parts: Sequence[Part], progress: Progress | None) -> Iterator[Part]:
    """Yield the files; report when the next is asked for."""
    total, done = sum(part.rows for part in parts), 0
    for part in parts:
        yield part
        done += part.rows
        if progress:
            progress("choosing rows", done, total)
