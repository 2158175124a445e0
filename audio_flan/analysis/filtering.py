"""Filters over a root: what stays, and what goes for which reason."""

import os
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from audio_flan.analysis.table import Table, as_names, open_table, splits_of
from audio_flan.analysis.tables.columns import KEY_COLUMNS
from audio_flan.analysis.tables.remote_scan import conjuncts
from audio_flan.mixing import (
    Licence,
    MixtureError,
    Plan,
    RowFilter,
    check_filter,
    count_leaves,
    rebalance_leaves,
)
from audio_flan.mixing.conditions import (
    Condition,
    conditions,
    naming_condition,
    passes,
    unknown_licences,
)
from audio_flan.records import SPLITS
from audio_flan.release.report import Progress
from audio_flan.shards.atomic import atomic_path, output_path
from audio_flan.taxonomy import UnknownNameError, resolve_config
from audio_flan.taxonomy.errors import nearest_names

_MICRO: Final = 1_000_000
_ID_COLUMNS: Final = ("uuid", "task", "split", "corpus")


class FilterSummary(msgspec.Struct, frozen=True):
    """What a filter does.

    Attributes
    ----------
    rows, clips : int
        Rows that stay, and their references to clips.
    seconds : float
        Length of these clips, each as often as it is referred to.
    removed : dict
        Rows that go, by the first reason to do so, most first.
    quarantined : dict or None
        What reading the data has not taken, by reason; it is in none of the other numbers. None for a part of
        the data.
    unknown_licences : list of str
        Corpora that go because it is not known what their licence allows.
    """

    rows: int
    clips: int
    seconds: float
    removed: dict[str, int]
    quarantined: dict[str, int] | None
    unknown_licences: list[str]

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return dict(msgspec.to_builtins(self))


@dataclass(frozen=True)
class Filtered:
    """The rows of a root that pass a filter.

    Attributes
    ----------
    table : Table
    config : str
    splits : tuple of str
    row_filter : RowFilter
    """

    table: Table
    config: str
    splits: tuple[str, ...]
    row_filter: RowFilter
    progress: Progress | None = None

    def scan(self) -> pl.LazyFrame:
        """Return the rows that stay, with the columns of `audio_flan.scan`."""
        return self._frame.filter(*(condition.expression for condition in self._conditions))

    @cached_property
    def rows(self) -> int:
        """Number of rows that stay; no more is read than it takes to say that."""
        all_conditions = (each for condition in self._conditions for each in conjuncts(condition.expression))
        # Those on columns that files share leave files unopened; the others are added up, which is faster.
        shared: list[pl.Expr] = []
        others: list[pl.Expr] = []
        for each in all_conditions:
            (shared if set(each.meta.root_names()) <= set(KEY_COLUMNS) else others).append(each)
        count = pl.all_horizontal(others).sum() if others else pl.len()
        with naming_condition(self.row_filter):
            return int(self._frame.filter(*shared).select(count).collect(engine="streaming").item())

    def summary(self) -> FilterSummary:
        """Count the rows that stay, with their clips, and those that go, by the first reason to do so."""
        whole = self.config == "all" and self.splits == SPLITS
        listed = self._conditions
        verdict = pl.lit(len(listed), pl.UInt8)
        for i, condition in reversed(list(enumerate(listed))):
            verdict = pl.when(passes([condition])).then(verdict).otherwise(pl.lit(i, pl.UInt8))
        lengths = [pl.col(f"{side}_seconds").list for side in ("input", "output")]
        counted = self._frame.group_by(verdict.alias("verdict")).agg(
            rows=pl.len(),
            clips=pl.sum_horizontal(each.eval(pl.element().count()).list.sum() for each in lengths).sum(),
            microseconds=pl.sum_horizontal(
                (each.sum() * _MICRO).round().cast(pl.Int64) for each in lengths
            ).sum(),
        )
        with naming_condition(self.row_filter):
            found = {row[0]: row[1:] for row in counted.collect(engine="streaming").iter_rows()}
        rows, clips, microseconds = found.pop(len(listed), (0, 0, 0))
        removed: Counter[str] = Counter()
        for i, (gone, _, _) in found.items():
            removed[listed[i].reason] += gone
        return FilterSummary(
            rows=rows,
            clips=clips,
            seconds=microseconds / _MICRO,
            removed=dict(removed.most_common()),
            quarantined=self.table.quarantined(self.progress) if whole else None,
            unknown_licences=unknown_licences(self.row_filter, self.table.corpora),
        )

    def check_plannable(self) -> None:
        """Raise `MixtureError` when the rows are of several splits."""
        if len(self.splits) != 1:
            raise MixtureError("a plan is for one split: name it")

    def plan(self) -> Plan:
        """Return a plan that takes each row that stays once.

        Raises
        ------
        MixtureError
            When the rows are of several splits, or there are none.
        """
        self.check_plannable()
        with naming_condition(self.row_filter):
            leaves = count_leaves(self.scan())
        return rebalance_leaves(
            leaves,
            revision=self.table.revision,
            split=self.splits[0],
            max_epochs=1,
            row_filter=self.row_filter,
        )

    def write_ids(self, path: str | os.PathLike[str]) -> None:
        """Write uuid, task, split and corpus of the rows that stay, to a ``.parquet`` or ``.jsonl`` file.

        Raises
        ------
        MixtureError
            For a file of another kind.
        OutputError
            When `path` is no place for a file.
        """
        check_ids_path(path)
        ids = self.scan().select(_ID_COLUMNS)
        with naming_condition(self.row_filter), atomic_path(output_path(Path(path))) as temporary:
            if Path(path).suffix == ".jsonl":
                ids.sink_ndjson(temporary)
            else:
                ids.sink_parquet(temporary)

    @cached_property
    def _frame(self) -> pl.LazyFrame:
        return self.table.frame(self.config, self.splits, progress=self.progress)

    @cached_property
    def _conditions(self) -> list[Condition]:
        return conditions(self.row_filter, self.table.corpora)


def check_ids_path(path: str | os.PathLike[str]) -> None:
    """Raise `MixtureError` unless ids can be written to such a file."""
    if Path(path).suffix not in (".jsonl", ".parquet"):
        raise MixtureError(f"ids are written to .parquet or .jsonl files, got {os.fspath(path)!r}")


def filter_rows(
    root: str | os.PathLike[str],
    where: str | None = None,
    *,
    config: str = "all",
    split: str | Collection[str] | None = None,
    tasks: str | Collection[str] = (),
    corpora: str | Collection[str] = (),
    unseen: bool | None = None,
    min_seconds: float | None = None,
    max_seconds: float | None = None,
    scripts: str | Collection[str] = (),
    licence: Licence = "any",
    token: str | bool | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Filtered:
    """Filter the instances at `root`; all conditions have to hold.

    Parameters
    ----------
    root : path or str
        A folder, the id of a dataset on the Hub, or a URL; in any form.
    where : str, optional
        SQL over the columns of `audio_flan.scan`, such as ``list_max(input_seconds) < 30``.
    config, split
        As for `audio_flan.scan`.
    tasks : str or collection of str
        Any of the configs; groups stand for their tasks.
    corpora : str or collection of str
    unseen : bool, optional
        Rows that are marked so, or marked that they are not.
    min_seconds, max_seconds : float, optional
        Bounds for the length of each clip of the row.
    scripts : str or collection of str
        Scripts of the text, such as ``latin`` or ``han``: that of most letters of input and output.
    licence : {"any", "commercial", "permissive"}
        Of the corpus, as far as it is known: unknown counts as not allowed.
    token, revision, cache_dir, progress
        As for `audio_flan.scan`.

    Returns
    -------
    Filtered
        ``.rows`` and ``.summary()`` count, ``.scan()`` gives the rows, ``.write_ids(path)`` lists them.

    Raises
    ------
    UnknownNameError
        For a config, split, column, corpus, script or licence class that does not exist.
    MixtureError
        For a `where` that is no condition, or bounds that exclude each other.
    """
    table = open_table(root, token=token, revision=revision, cache_dir=cache_dir)
    row_filter = make_filter(
        table,
        where=where,
        tasks=tasks,
        corpora=corpora,
        unseen=unseen,
        min_seconds=min_seconds,
        max_seconds=max_seconds,
        scripts=scripts,
        licence=licence,
    )
    return Filtered(table, resolve_config(config).name, splits_of(split), row_filter, progress)


def make_filter(
    table: Table,
    *,
    where: str | None = None,
    tasks: str | Collection[str] = (),
    corpora: str | Collection[str] = (),
    unseen: bool | None = None,
    min_seconds: float | None = None,
    max_seconds: float | None = None,
    scripts: str | Collection[str] = (),
    licence: Licence = "any",
) -> RowFilter:
    """Check the parts of a filter for a table; parameters and errors as for `filter_rows`."""
    known = table.corpora
    for corpus in as_names(corpora):
        if corpus not in known:
            raise UnknownNameError("corpus", corpus, nearest_names(corpus, known))
    row_filter = RowFilter(
        where=where,
        tasks=_sorted(name for task in as_names(tasks) for name in resolve_config(task).task_names),
        corpora=_sorted(as_names(corpora)),
        unseen=unseen,
        min_seconds=None if min_seconds is None else float(min_seconds),
        max_seconds=None if max_seconds is None else float(max_seconds),
        scripts=_sorted(as_names(scripts)),
        licence=licence,
    )
    check_filter(row_filter)
    conditions(row_filter, known)  # an SQL expression is understood now or never
    return row_filter


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))
