"""Rows out of a table that was read from a row file."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from audio_flan.records.schema import AUDIO_COLUMNS

SOUND_LEAVES: Final = tuple(f"{column}.list.element.bytes" for column in AUDIO_COLUMNS)
"""Columns that are to be read as dictionaries, by their names in Parquet."""
SECONDS_COLUMNS: Final = ("input_seconds", "output_seconds")


class TableRows:
    """Rows of a table by their numbers.

    Parameters
    ----------
    table : pyarrow.Table
        Read with `SOUND_LEAVES` as dictionaries.
    """

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def at(self, numbers: NDArray[np.int64]) -> Iterator[dict[str, Any]]:
        """Return the rows with these numbers, as `rows_of_table` does; equal numbers are rows of their own.

        All is taken out of the table at once: rows that wait keep nothing of it in memory.
        """
        common, empty, different = self._parts
        # Not `pyarrow.array`, which imports pandas to see whether it is given some of its objects.
        places = pa.Array.from_buffers(
            pa.int64(), len(numbers), [None, pa.py_buffer(np.ascontiguousarray(numbers, np.int64))]
        )
        return _rows(common, different.take(places), len(numbers), empty)

    @cached_property
    def _parts(self) -> tuple[dict[str, Any], list[str], pa.Table]:
        """A row that has what is the same in all rows, names of lists that are empty, and all other columns.

        To take rows out of a column costs about as much whether they differ or not.
        """
        names = self.table.column_names
        columns = dict(zip(names, self.table.columns, strict=True))
        same = {name: column[0].as_py() for name, column in columns.items() if _is_same(column)}
        empty = [name for name, column in columns.items() if _is_empty(column)]
        different = self.table.select([name for name in names if name not in same and name not in empty])
        return {name: same.get(name) for name in names}, empty, different


def rows_of_table(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Return the rows of a table that has `SOUND_LEAVES` as dictionaries; audio is a list of `CellValue`."""
    return _rows(dict.fromkeys(table.column_names), table, table.num_rows)


def _rows(
    common: dict[str, Any], table: pa.Table, count: int, empty: Sequence[str] = ()
) -> Iterator[dict[str, Any]]:
    """Return `count` times `common` with the values of each row of a table, which may have no column at all.

    Nothing but texts and numbers waits for its turn: what a row is made of is made with it. Objects that
    wait would be looked at by Python's garbage collector again and again.
    """
    texts, lists, sounds = [], [], []
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name in AUDIO_COLUMNS:
            sounds.append((name, *_flat_cells(column.combine_chunks())))
        elif pa.types.is_list(column.type) and not column.null_count:
            array = column.combine_chunks()
            lists.append((name, array.flatten().to_pylist(), _starts(array)))
        else:
            texts.append((name, column.to_pylist()))

    def made() -> Iterator[dict[str, Any]]:
        for i in range(count):
            row = common.copy()
            for name, values in texts:
                row[name] = values[i]
            for name, items, starts in lists:
                row[name] = items[starts[i] : starts[i + 1]]
            for name, data, paths, starts in sounds:
                start, end = starts[i], starts[i + 1]
                row[name] = list(zip(data[start:end], paths[start:end], strict=True))
            for name in empty:
                row[name] = []
            yield row

    return made()


def _flat_cells(column: pa.ListArray) -> tuple[list[bytes | None], list[str], list[int]]:
    """Return bytes and paths of all cells, and `_starts`; a clip that rows share is one object."""
    flat = column.flatten()
    sound = flat.field("bytes")
    places = sound.indices.to_pylist()
    clips = {place: sound.dictionary[place].as_py() for place in set(places) if place is not None}
    return [clips.get(place) for place in places], flat.field("path").to_pylist(), _starts(column)


def _starts(column: pa.ListArray) -> list[int]:
    """Return where the items of each list begin among those of all, and where the last one ends."""
    lengths = column.value_lengths()
    if lengths.null_count:
        lengths = lengths.fill_null(0)
    return list(accumulate(lengths.to_pylist(), initial=0))


def _is_empty(column: pa.ChunkedArray) -> bool:
    """Say whether all rows have a list without items."""
    return pa.types.is_list(column.type) and not column.null_count and not len(pc.list_flatten(column))


def _is_same(column: pa.ChunkedArray) -> bool:
    """Say whether all rows have the same text or None; of lists each row has to have its own."""
    if not len(column) or pa.types.is_nested(column.type):
        return False
    if column.null_count:
        return bool(column.null_count == len(column))
    return bool(pc.all(pc.equal(column, column[0])).as_py())


def microseconds_of_table(table: pa.Table) -> NDArray[np.int64]:
    """Return the length of the sound of each row: the sum of all columns of seconds, where they are known."""
    found = np.zeros(table.num_rows, np.int64)
    for name in SECONDS_COLUMNS:
        if name in table.column_names:
            column = table[name].combine_chunks()
            seconds = column.flatten().fill_null(0).to_numpy(zero_copy_only=False)
            ends = np.cumsum(column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False))
            sums = np.concatenate(([0], np.cumsum(np.rint(seconds * 1e6).astype(np.int64))))
            found += np.diff(sums[ends], prepend=0)
    return found


def numbers_by_value(table: pa.Table, first: str, second: str) -> dict[tuple[str, str], NDArray[np.int64]]:
    """Return the numbers of the rows that have each pair of values of two columns of strings."""
    one, other = (table[name].combine_chunks().dictionary_encode() for name in (first, second))
    values = other.dictionary.to_pylist()
    codes = one.indices.to_numpy() * len(values) + other.indices.to_numpy()
    return {
        (value, values[code % len(values)]): np.flatnonzero(codes == code)
        for code in np.unique(codes).tolist()
        for value in (one.dictionary[code // len(values)].as_py(),)
    }
