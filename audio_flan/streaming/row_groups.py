"""Rows of a built root by row group and number, in any order; groups that were read are kept for a while."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import accumulate
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from audio_flan.records.schema import COLUMNS
from audio_flan.shards import FileFacts, ManifestError
from audio_flan.shards.parquet_reader import ParquetError, ParquetReader
from audio_flan.shards.row_tables import SOUND_LEAVES, TableRows, microseconds_of_table
from audio_flan.streaming.rows import Place, Row
from audio_flan.streaming.shard_rows import ShardRows

GROUP_BYTES: Final = 256 << 20
"""Memory for row groups, in bytes; one is always kept."""


class RowGroups:
    """The row groups of some row files, numbered in the order of the files. Pickles, without what it keeps.

    Parameters
    ----------
    source : ShardRows
    files : sequence of FileFacts
    columns : list of str, optional
        Columns to read; None for all.
    budget_bytes : int
        Memory for groups.

    Raises
    ------
    ManifestError
        When the manifest does not say how many rows the groups have.
    """

    def __init__(
        self,
        source: ShardRows,
        files: Sequence[FileFacts],
        columns: list[str] | None,
        budget_bytes: int = GROUP_BYTES,
    ) -> None:
        self._source, self._files, self._columns, self._budget = source, files, columns, budget_bytes
        for file in files:
            if sum(file.groups) != file.rows:
                message = f"{source.root}: the manifest does not say which row groups {file.path} has"
                raise ManifestError(f"{message}; build it anew")
        counts = np.array([len(file.groups) for file in files], np.int64)
        self.sizes = np.array([rows for file in files for rows in file.groups], np.int64)
        """int64, shape (groups,): the number of rows of each."""
        self._file_of = np.repeat(np.arange(len(files)), counts)
        self._first_group = np.repeat(np.cumsum(counts) - counts, counts)
        self.first_rows = np.cumsum(self.sizes) - self.sizes
        """int64, shape (groups,): the number of the first row of each, counted through all files."""
        self._first_row = self.first_rows - self.first_rows[self._first_group]
        """int64, shape (groups,): the number of the first row of each in its file."""
        starts = accumulate((file.rows for file in files), initial=0)
        self._first_row_of_file = dict(zip((file.path for file in files), starts, strict=False))
        self._kept: OrderedDict[int, TableRows] = OrderedDict()
        self._kept_bytes = 0
        self._reader: tuple[int, ParquetReader] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_kept": OrderedDict(), "_kept_bytes": 0, "_reader": None}

    def rows(self, groups: NDArray[np.int64], numbers: NDArray[np.int64]) -> Iterator[tuple[Place, Row]]:
        """Yield rows and their places in the order asked for; audio is a list of `CellValue`.

        Parameters
        ----------
        groups, numbers : numpy.ndarray
            int64, shape (rows,): the group of each row, and its number in the group.

        Raises
        ------
        ParquetError
            When a file is damaged or is not one of ours.
        """
        rows, firsts = {}, {}
        for group in dict.fromkeys(groups.tolist()):
            rows[group] = self._rows(group).at(numbers[groups == group])
            firsts[group] = self._files[self._file_of[group]].path, int(self._first_row[group]) + 1
        for group, number in zip(groups.tolist(), numbers.tolist(), strict=True):
            row = next(rows[group])
            path, first = firsts[group]
            yield Place(path, first + number, None, row["uuid"]), row

    def number_of(self, place: Place) -> int:
        """Return the number of the row at a place, counted through all files."""
        return self._first_row_of_file[place.file] + place.line - 1

    def microseconds(self, groups: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the length of the sound of some rows, of all columns of seconds that are read.

        Parameters
        ----------
        groups, numbers : numpy.ndarray
            As in `rows`.
        """
        found = np.empty(len(groups), np.int64)
        for group in dict.fromkeys(groups.tolist()):
            here = groups == group
            found[here] = microseconds_of_table(self.table(group))[numbers[here]]
        return found

    def table(self, group: int) -> Any:  # noqa: ANN401 - an Arrow table
        """Return a row group, with the columns that are read; errors as in `rows`."""
        return self._rows(group).table

    def _rows(self, group: int) -> TableRows:
        kept = self._kept.get(group)
        if kept is not None:
            with suppress(KeyError):  # a pass in another thread may have let go of it
                self._kept.move_to_end(group)
            return kept
        reader = self._open(int(self._file_of[group]))
        table = reader.read_group(
            int(group - self._first_group[group]), self._columns, dictionaries=SOUND_LEAVES
        )
        if table.num_rows != self.sizes[group]:
            expected = int(self.sizes[group])
            raise ParquetError(
                f"{reader.name}: expected a row group of {expected}, found {table.num_rows} rows"
            )
        rows = TableRows(table)
        if self._kept.setdefault(group, rows) is rows:
            self._kept_bytes += table.nbytes
        with suppress(KeyError):  # others may let go of groups at the same time
            while self._kept_bytes > self._budget and len(self._kept) > 1:
                self._kept_bytes -= self._kept.popitem(last=False)[1].table.nbytes
        return rows

    def _open(self, number: int) -> ParquetReader:
        """Open a file; the one opened last stays open, as its groups are often read one after the other."""
        opened = self._reader  # once: a pass in another thread may open another file meanwhile
        if opened is not None and opened[0] == number:
            return opened[1]
        reader = ParquetReader.of(self._source.store, self._files[number])
        missing = [each for each in self._columns or COLUMNS if each not in reader.columns]
        if missing:
            raise ParquetError(f"{reader.name} has no column {missing[0]!r}")
        self._reader = number, reader
        return reader
