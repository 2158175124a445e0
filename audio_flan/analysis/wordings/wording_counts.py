"""How often each instruction of a task occurs, in bounded memory.

What is kept does not depend on the order of the rows: of each task, the instructions with the smallest hashes
(a bottom-k sketch). An instruction that is among them at the end was so all the time, so its count is exact.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import polars as pl

from audio_flan.mixing.row_keys import row_keys

MAX_WORDINGS: Final = 1 << 14
"""Instructions kept of a task; with 80 tasks, about 200 MB."""
FREQUENT: Final = 256
"""An instruction that more than one in so many rows have is found even if not all are kept."""
_BATCH_ROWS: Final = 1 << 17
_PIECE_ROWS: Final = 1 << 19
_SEED: Final = 0
_SPACE: Final = 2.0**64


class Wordings(NamedTuple):
    """The instructions of a task.

    Attributes
    ----------
    table : polars.DataFrame
        Columns ``instruction, rows``, in the order of their hashes (XXH3, 64 bits): all of them, or those
        with the smallest.
    rows : int
        Rows of the task.
    distinct : int
        Number of different instructions; an estimate if `sampled`.
    sampled : bool
        Not all are in the table.
    commonest : str or None
        The most frequent one, the first by code points among equals; None if `sampled` and none is frequent.
    commonest_share : float or None
        Its share of the rows.
    """

    table: pl.DataFrame
    rows: int
    distinct: int
    sampled: bool
    commonest: str | None
    commonest_share: float | None


def count_wordings(frame: pl.LazyFrame, max_wordings: int = MAX_WORDINGS) -> dict[str, Wordings]:
    """Count the instructions of every task.

    Parameters
    ----------
    frame : polars.LazyFrame
        With the columns ``task, instruction``.
    max_wordings : int
        How many are kept of a task.
    """
    texts = frame.select("task", pl.col("instruction").fill_null(""))
    kept = candidates = totals = None
    for counted in _counts(texts):
        totals = _added(totals, counted.group_by("task").agg(pl.col("rows").sum()), "task")
        candidates = _most_frequent(_added(candidates, counted, "task", "instruction"))
        keyed = counted.with_columns(key=pl.Series(row_keys(counted["instruction"], _SEED)))
        kept = _smallest(kept, keyed, max_wordings + 1)
    if kept is None or candidates is None or totals is None:
        return {}
    tables = {str(task): table for (task,), table in kept.group_by("task")}
    sampled = [task for task, table in tables.items() if len(table) > max_wordings]
    in_full = kept.filter(~pl.col("task").is_in(sampled)).drop("key")
    frequent = _exact(texts, candidates.filter(pl.col("task").is_in(sampled))) if sampled else in_full.clear()
    commonest = _commonest(pl.concat([in_full, frequent]))
    return {
        task: _wordings(tables[task], rows, max_wordings, commonest.get(task))
        for task, rows in totals.iter_rows()
    }


def _counts(texts: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """Count rows piece by piece: a text may be in several pieces, but once in each."""
    waiting: list[pl.DataFrame] = []
    for batch in texts.collect_batches(chunk_size=_BATCH_ROWS, maintain_order=False, engine="streaming"):
        waiting.append(batch.group_by("task", "instruction").agg(rows=pl.len().cast(pl.Int64)))
        if sum(map(len, waiting)) >= _PIECE_ROWS:
            yield _summed(waiting)
            waiting = []
    if waiting:
        yield _summed(waiting)


def _summed(counted: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(counted).group_by("task", "instruction").agg(pl.col("rows").sum())


def _added(before: pl.DataFrame | None, counted: pl.DataFrame, *by: str) -> pl.DataFrame:
    if before is None:
        return counted
    return pl.concat([before, counted.select(before.columns)]).group_by(by).agg(pl.col("rows").sum())


def _smallest(before: pl.DataFrame | None, counted: pl.DataFrame, many: int) -> pl.DataFrame:
    """Keep the instructions of each task with the smallest hashes."""
    if before is not None:
        full = before.group_by("task").agg(pl.len(), last=pl.col("key").max()).filter(pl.col("len") == many)
        limits = counted.select("task").join(full, on="task", how="left", maintain_order="left")["last"]
        counted = counted.filter((counted["key"] <= limits).fill_null(value=True))
    ranked = _added(before, counted, "task", "instruction", "key").sort("task", "key", "instruction")
    return ranked.filter(pl.int_range(pl.len()).over("task") < many)


def _most_frequent(counted: pl.DataFrame) -> pl.DataFrame:
    """Keep those that may be frequent (Misra and Gries 1982, merged as by Agarwal et al. 2012)."""
    nth = pl.col("rows").sort(descending=True).slice(FREQUENT, 1).max().over("task").fill_null(0)
    return counted.with_columns(pl.col("rows") - nth).filter(pl.col("rows") > 0)


def _exact(texts: pl.LazyFrame, candidates: pl.DataFrame) -> pl.DataFrame:
    return (
        texts.join(candidates.lazy(), on=["task", "instruction"], how="semi")
        .group_by("task", "instruction")
        .agg(rows=pl.len().cast(pl.Int64))
        .collect(engine="streaming")
    )


def _commonest(counted: pl.DataFrame) -> dict[str, tuple[str, int]]:
    ranked = counted.sort("task", "rows", "instruction", descending=[False, True, False])
    first = ranked.unique("task", keep="first", maintain_order=True)
    first = first.select("task", "instruction", "rows")
    return {task: (text, rows) for task, text, rows in first.iter_rows()}


def _wordings(table: pl.DataFrame, rows: int, limit: int, commonest: tuple[str, int] | None) -> Wordings:
    sampled = len(table) > limit
    distinct = len(table)
    if sampled:
        # The hash after the kept ones: k hashes lie below it, as evenly as chance has it.
        distinct = min(rows, max(limit + 1, round(limit * _SPACE / int(table["key"][limit]))))
    text, times = commonest or (None, 0)
    if sampled and times * FREQUENT <= rows:
        text = None
    return Wordings(
        table=table.head(limit).select("instruction", "rows"),
        rows=rows,
        distinct=distinct,
        sampled=sampled,
        commonest=text,
        commonest_share=None if text is None else times / rows,
    )
