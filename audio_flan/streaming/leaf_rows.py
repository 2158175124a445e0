"""Which rows of which row groups belong to the leaves of a plan."""

from collections import OrderedDict
from collections.abc import Sequence
from copy import copy
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audio_flan.mixing import NO_FILTER, Leaf, RowFilter
from audio_flan.shards import FileFacts, ManifestError
from audio_flan.shards.layout import split_of_row_file
from audio_flan.shards.row_tables import numbers_by_value
from audio_flan.streaming.order import Numbers
from audio_flan.streaming.row_groups import RowGroups
from audio_flan.streaming.shard_rows import ShardRows

_GROUPS_KEPT: Final = 2048
_LEAF_COLUMNS: Final = ("corpus", "direction")
LeafKey = tuple[str, str, str]
"""Task, corpus and direction."""


class LeafGroups(NamedTuple):
    """The row groups with rows of a leaf: their numbers, and how many rows; int64, shape (groups,)."""

    groups: Numbers
    rows: Numbers


class LeafRows:
    """The rows of some leaves, by row group. Pickles and copies, without what it keeps.

    Which row groups hold how many rows of a leaf is in the manifest, so that nothing is read to know where
    rows are; of groups with rows of several leaves the columns that tell them apart are read when their rows
    are asked for. Where rows have to pass a filter, all row groups are read at first, and a bit is kept for
    each row.

    Parameters
    ----------
    source : ShardRows
    files : sequence of FileFacts
        Their row groups are numbered in this order.
    leaves : sequence of Leaf
    row_filter : RowFilter

    Raises
    ------
    ManifestError
        When the manifest does not say which leaves the row groups have.
    """

    def __init__(
        self,
        source: ShardRows,
        files: Sequence[FileFacts],
        leaves: Sequence[Leaf],
        row_filter: RowFilter = NO_FILTER,
    ) -> None:
        self._table = RowGroups(source, files, list(_LEAF_COLUMNS))
        self._keys = [(leaf.task, leaf.corpus, leaf.direction) for leaf in leaves]
        self._recent: OrderedDict[int, dict[tuple[str, str], Numbers]] = OrderedDict()
        self._kept: dict[int, NDArray[np.uint8]] = {}
        """A bit for each row of a group, where rows have to pass a filter."""
        found = self._filtered(source, files, row_filter) if row_filter else _by_manifest(source, files)
        self._found = [found.get(key, LeafGroups(*np.zeros((2, 0), np.int64))) for key in self._keys]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_recent": OrderedDict(), "_table": copy(self._table)}

    def groups(self, leaf: int) -> LeafGroups:
        """Return the row groups with rows of a leaf."""
        return self._found[leaf]

    def numbers(self, leaf: int, groups: Numbers, places: Numbers) -> Numbers:
        """Return the numbers of rows in their groups.

        Parameters
        ----------
        leaf : int
        groups, places : numpy.ndarray
            int64, shape (rows,): the group of each row, and its place among the rows of the leaf there.
        """
        found = places.copy()
        for group in np.unique(groups).tolist():
            if self._is_shared(leaf, group):
                here = groups == group
                found[here] = self._rows_of(group)[self._keys[leaf][1:]][places[here]]
        return found

    def _is_shared(self, leaf: int, group: int) -> bool:
        """Say whether a group has rows that are not of the leaf."""
        held = self._found[leaf]
        place = np.searchsorted(held.groups, group)
        return bool(held.rows[place] != self._table.sizes[group])

    def _rows_of(self, group: int) -> dict[tuple[str, str], Numbers]:
        """Return the numbers of the rows of each corpus and direction that pass the filter."""
        if group in self._recent:
            self._recent.move_to_end(group)
            return self._recent[group]
        rows = numbers_by_value(self._table.table(group), *_LEAF_COLUMNS)
        if group in self._kept:
            kept = np.unpackbits(self._kept[group]).astype(bool)
            rows = {key: numbers[kept[numbers]] for key, numbers in rows.items()}
        self._recent[group] = rows
        if len(self._recent) > _GROUPS_KEPT:
            self._recent.popitem(last=False)
        return rows

    def _filtered(
        self, source: ShardRows, files: Sequence[FileFacts], row_filter: RowFilter
    ) -> dict[LeafKey, LeafGroups]:
        """Read what the filter looks at of all groups that may have rows of the leaves."""
        from audio_flan.streaming.filtered_rows import passing_rows  # and polars with it

        tasks = {task for task, _, _ in self._keys}
        own = [task for file in files for task in [task_of_file(source, file)] * len(file.groups)]
        wanted = [group for group, task in enumerate(own) if task in tasks]
        self._kept = passing_rows(source, list(files), wanted, row_filter)
        found: dict[LeafKey, list[tuple[int, int]]] = {}
        for group in wanted:
            for (corpus, direction), numbers in self._rows_of(group).items():
                if len(numbers):
                    found.setdefault((own[group], corpus, direction), []).append((group, len(numbers)))
        return {key: LeafGroups(*np.array(pairs, np.int64).T) for key, pairs in found.items()}


def task_of_file(source: ShardRows, file: FileFacts) -> str:
    """Return the task of the rows of a file.

    Raises
    ------
    ManifestError
        When it is no row file.
    """
    named = split_of_row_file(file.path)
    if named is None:
        raise ManifestError(f"{source.root}: {file.path} is no row file")
    return named[0]


def _by_manifest(source: ShardRows, files: Sequence[FileFacts]) -> dict[LeafKey, LeafGroups]:
    found: dict[LeafKey, list[tuple[Numbers, Numbers]]] = {}
    first = 0
    for file in files:
        task = task_of_file(source, file)
        if sum(sum(leaf.groups) for leaf in file.leaves) != file.rows:
            message = (
                f"{source.root}: the manifest does not say which corpora the row groups of {file.path} have"
            )
            raise ManifestError(f"{message}; build it anew")
        for leaf in file.leaves:
            rows = np.array(leaf.groups, np.int64)
            held = np.flatnonzero(rows)
            found.setdefault((task, leaf.corpus, leaf.direction), []).append((first + held, rows[held]))
        first += len(file.groups)
    return {
        key: LeafGroups(*(np.concatenate([pair[i] for pair in pairs]) for i in range(2)))
        for key, pairs in found.items()
    }
