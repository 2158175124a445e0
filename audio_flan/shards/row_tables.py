"""Rows out of a table that was read from a row file."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, Final

import pyarrow as pa

from audio_flan.records.schema import AUDIO_COLUMNS
from audio_flan.shards.row_columns import CellValue

SOUND_LEAVES: Final = tuple(f"{column}.list.element.bytes" for column in AUDIO_COLUMNS)
"""Columns that are to be read as dictionaries, by their names in Parquet."""


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


def _cells(column: pa.ListArray) -> list[list[CellValue]]:
    """Return the cells of each row; a clip that rows share is one object."""
    flat = column.flatten()
    sound = flat.field("bytes")
    clips = sound.dictionary.to_pylist()
    data = [None if place is None else clips[place] for place in sound.indices.to_pylist()]
    cells = list(zip(data, flat.field("path").to_pylist(), strict=True))
    ends = accumulate((length or 0 for length in column.value_lengths().to_pylist()), initial=0)
    return [cells[start:end] for start, end in pairwise(ends)]
