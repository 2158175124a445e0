"""Rows out of a table that was read from a row file."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from audio_flan.records.schema import AUDIO_COLUMNS
from audio_flan.shards.row_columns import CellValue

SOUND_LEAVES: Final = tuple(f"{column}.list.element.bytes" for column in AUDIO_COLUMNS)
"""Columns that are to be read as dictionaries, by their names in Parquet."""
SECONDS_COLUMNS: Final = ("input_seconds", "output_seconds")


def rows_of_table(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table, read with `SOUND_LEAVES` as dictionaries; audio is a list of `CellValue`."""
    names = table.column_names
    columns = [
        _cells(table[name].combine_chunks()) if name in AUDIO_COLUMNS else table[name].to_pylist()
        for name in names
    ]
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))


def rows_at(table: pa.Table, numbers: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Yield the rows with these numbers, as `rows_of_table` does."""
    return rows_of_table(table.take(pa.array(numbers, pa.int64())))


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


def _cells(column: pa.ListArray) -> list[list[CellValue]]:
    """Return the cells of each row; a clip that rows share is one object."""
    flat = column.flatten()
    sound = flat.field("bytes")
    clips = sound.dictionary.to_pylist()
    data = [None if place is None else clips[place] for place in sound.indices.to_pylist()]
    cells = list(zip(data, flat.field("path").to_pylist(), strict=True))
    ends = accumulate((length or 0 for length in column.value_lengths().to_pylist()), initial=0)
    return [cells[start:end] for start, end in pairwise(ends)]
