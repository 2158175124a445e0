"""Another base for the audio cells of a row file."""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from audio_flan.records.schema import AUDIO_COLUMNS
from audio_flan.shards.cell import CellError, cell_prefix, parse_cell
from audio_flan.shards.row_files import RowFileWriter
from audio_flan.shards.schema import CELL, row_schema

_PLACE = "audio/[^/?#]+/[^/?#]+/[^/?#]+[?][^/]*$"
"""The path of a cell after its base."""


def base_of_rows(path: Path) -> str | None:
    """Return the base of the cells of a row file; None for one without audio.

    All of them have one: a row file is written whole.
    """
    with _opened(path) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, list(AUDIO_COLUMNS))
            for column in AUDIO_COLUMNS:
                paths = _cells(table, column).field("path")
                if len(paths):
                    return parse_cell(paths[0].as_py()).base
    return None


def count_rows(path: Path) -> int:
    """Count the rows of a row file."""
    with _opened(path) as file:
        return int(file.metadata.num_rows)


def rebase_rows(source: Path, target: Path, base: str) -> None:
    """Write a row file again, with another base in its audio cells.

    Row groups and options are the same, so the result is what a build with that base would have written. One
    row group is held at a time.

    Raises
    ------
    CellError
        When the cells of the file have several bases, or one is none.
    """
    old, new = cell_prefix(base_of_rows(source) or ""), cell_prefix(base)
    with _opened(source) as file, RowFileWriter(target) as writer:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            columns = [
                _rebased(table, field.name, old, new, source)
                if field.name in AUDIO_COLUMNS
                else table[field.name].cast(field.type)
                for field in row_schema()
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=row_schema()))


def _rebased(table: pa.Table, column: str, old: str, new: str, source: Path) -> pa.Array:
    """Replace what the paths of a column begin with.

    After it come exactly the four last parts of a cell's path, so that `parse_cell` finds the old base in it
    before, and the new one afterwards.
    """
    cells = _cells(table, column)
    paths = cells.field("path")
    expected = pc.match_substring_regex(paths, f"^{re.escape(old)}{_PLACE}")
    if not pc.all(expected, min_count=0).as_py():
        odd = paths.filter(pc.invert(expected))[0].as_py()
        raise CellError(f"{source}: expected cells that begin with {old!r}, got {odd[:200]!r}")
    moved = pc.utf8_replace_slice(paths, 0, len(old), new)
    flat = pa.StructArray.from_arrays([cells.field("bytes"), moved], fields=list(CELL))
    return pa.ListArray.from_arrays(_list(table, column).offsets, flat)


def _cells(table: pa.Table, column: str) -> pa.StructArray:
    """Return the cells of all rows, one after the other."""
    return _list(table, column).values


def _list(table: pa.Table, column: str) -> pa.ListArray:
    return table[column].combine_chunks()


def _opened(path: Path) -> pq.ParquetFile:
    return pq.ParquetFile(path, page_checksum_verification=True)
