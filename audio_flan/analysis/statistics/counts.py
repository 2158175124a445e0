"""Rows counted by everything that statistics are broken down by; what is asked for is added up from these."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

import msgspec
import polars as pl

from audio_flan.records import SPLITS
from audio_flan.shards import Manifest, RowCount
from audio_flan.taxonomy import UnknownNameError, resolve_config, taxonomy
from audio_flan.taxonomy.errors import nearest_names

COLUMNS: Final = ("domain", "major", "task", "direction", "split", "corpus", "unseen")
"""What rows can be counted by; majors and tasks are named by their configs."""
_MICRO: Final = 1_000_000
_KEYS: Final = ("task", "split", "corpus", "direction")
_SECONDS: Final = ("input_seconds", "output_seconds")
_ROWS: Final = {
    "rows": pl.len(),
    "unseen": pl.col("unseen").sum(),
    "seen": pl.col("unseen").not_().sum(),
}


class Counted(NamedTuple):
    """Rows by task, split, corpus and direction, and references to clips that cannot be opened.

    Those clips are not in the counts.
    """

    counts: tuple[RowCount, ...]
    bad_clips: int = 0


class Cell(msgspec.Struct, frozen=True):
    """Rows with the values `key` of some columns, the clips that they refer to and the length of these.

    Clips and seconds are None where rows are told apart by ``unseen``: they are not counted by it.
    """

    key: tuple[str, ...]
    rows: int
    clips: int | None
    seconds: float | None


class _Measures(NamedTuple):
    rows: int
    clips: int
    seconds: float


def counts_of_manifest(manifest: Manifest, config: str, splits: Collection[str]) -> Counted:
    """Return what a build has counted; nothing is read. It has no clips that cannot be opened."""
    tasks = resolve_config(config).task_names
    chosen = (count for count in manifest.counts if count.task in tasks and count.split in splits)
    return Counted(tuple(count for count in chosen if count.rows))


def count_rows(frame: pl.LazyFrame) -> Counted:
    """Count the rows of a table and the clips that they refer to, in one pass."""

    def microseconds(column: str) -> pl.Expr:
        return (pl.col(column).list.sum() * _MICRO).round().cast(pl.Int64).sum()

    def good(column: str) -> pl.Expr:
        return pl.col(column).list.eval(pl.element().count()).list.sum().cast(pl.Int64).sum()

    def listed(column: str) -> pl.Expr:
        return pl.col(column).list.len().cast(pl.Int64).sum()

    def both(what: str) -> pl.Expr:
        return pl.sum_horizontal(f"{column}_{what}" for column in _SECONDS)

    measures = {"microseconds": microseconds, "good": good, "listed": listed}
    parts = {f"{c}_{what}": measure(c) for what, measure in measures.items() for c in _SECONDS}
    counted = (
        frame.group_by(_KEYS)
        .agg(**_ROWS, **parts)
        .select(
            *(*_KEYS, *_ROWS),
            seconds=both("microseconds") / _MICRO,
            clips=both("good"),
            bad_clips=both("listed") - both("good"),
        )
        .sort(_KEYS)
        .collect(engine="streaming")
    )
    counts = (RowCount(**row) for row in counted.drop("bad_clips").iter_rows(named=True))
    return Counted(tuple(counts), int(counted["bad_clips"].sum()))


def count_rows_alone(frame: pl.LazyFrame) -> Counted:
    """Count the rows of a table; no lists are read, which takes half the time. Clips and seconds are 0."""
    counted = frame.group_by(_KEYS).agg(**_ROWS).sort(_KEYS).collect(engine="streaming")
    return Counted(tuple(RowCount(**row, clips=0, seconds=0.0) for row in counted.iter_rows(named=True)))


def tally(counts: Iterable[RowCount], column: str) -> dict[str, int]:
    """Return rows by the values of one of `COLUMNS`; splits and tasks in their own order, others by name."""
    return {cell.key[0]: cell.rows for cell in cross_tabulate(counts, (column,))}


def cross_tabulate(counts: Iterable[RowCount], by: Sequence[str]) -> tuple[Cell, ...]:
    """Count by several of `COLUMNS` at once, in the order of their values."""
    found: dict[tuple[str, ...], list[_Measures]] = {}
    for count in counts:
        for unseen, rows in _by_mark(count) if "unseen" in by else (("", count.rows),):
            key = tuple(unseen if column == "unseen" else key_of(count, column) for column in by)
            found.setdefault(key, []).append(_Measures(rows, count.clips, count.seconds))
    ranks = [_ranks(column) for column in by]

    def order(key: tuple[str, ...]) -> list[tuple[int, str]]:
        return [(rank.get(name, 0), name) for rank, name in zip(ranks, key, strict=True)]

    cells = []
    for key in sorted(found, key=order):
        group, known = found[key], "unseen" not in by
        clips = sum(each.clips for each in group) if known else None
        seconds = sum(each.seconds for each in group) if known else None
        cells.append(Cell(key, sum(each.rows for each in group), clips, seconds))
    return tuple(cells)


def key_of(count: RowCount, column: str) -> str:
    """Return the value of one of `COLUMNS` other than ``unseen``."""
    if column in ("domain", "major"):
        task = taxonomy().tasks[count.task]
        return task.domain if column == "domain" else task.major_config
    return str(getattr(count, column))


def check_columns(by: Iterable[str]) -> tuple[str, ...]:
    """Return the columns to count by, each once.

    Raises
    ------
    UnknownNameError
        For one that is not among `COLUMNS`.
    """
    names = tuple(dict.fromkeys(by))
    for name in names:
        if name not in COLUMNS:
            nearest = nearest_names(name, COLUMNS)
            hint = f"rows are counted by {', '.join(COLUMNS)}; did you mean {nearest[0]!r}?"
            raise UnknownNameError("column", name, nearest, hint)
    return names


def _by_mark(count: RowCount) -> list[tuple[str, int]]:
    """Return rows that are marked unseen, marked not to be, and not marked; those that there are."""
    marks = {"true": count.unseen, "false": count.seen, "unknown": count.rows - count.unseen - count.seen}
    return [(mark, rows) for mark, rows in marks.items() if rows]


def _ranks(column: str) -> dict[str, int]:
    """Return the order of the values of a column that has one of its own: that of the paper's tables."""
    tasks = taxonomy().tasks.values()
    names = {
        "split": SPLITS,
        "task": [task.config for task in tasks],
        "major": [task.major_config for task in tasks],
        "domain": [task.domain for task in tasks],
    }.get(column, ())
    return {name: rank for rank, name in enumerate(dict.fromkeys(names))}
