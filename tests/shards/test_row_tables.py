"""Rows out of a table are those that went in, by any numbers, and each is its own."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st
from property_profiles import examples
from test_row_columns import values_of

from audio_flan.records.schema import AUDIO_COLUMNS, COLUMNS
from audio_flan.shards.row_columns import RowColumns
from audio_flan.shards.row_tables import SOUND_LEAVES, TableRows, rows_of_table

EMPTY = {column: [] for column in (*AUDIO_COLUMNS, "input_audio_ids", "input_seconds")}


def table_of(rows):
    columns = RowColumns()
    for row in rows:
        columns.add([row[column] for column in COLUMNS])
    file = io.BytesIO()
    pq.write_table(columns.table(), file)
    return pq.read_table(file, read_dictionary=list(SOUND_LEAVES))


def like(column):
    """Values of a column, most often one and the same."""
    same = st.just(EMPTY.get(column, ["x"] if column in ("source", "output_audio_ids") else None))
    return values_of(column) | same if column == "source" or column in EMPTY else values_of(column)


@given(
    st.lists(st.fixed_dictionaries({column: like(column) for column in COLUMNS}), min_size=1, max_size=5),
    st.booleans(),
    st.data(),
)
@examples(40)
def test_rows_by_number(rows, alike, data):
    if alike:
        shared = data.draw(st.sets(st.sampled_from(COLUMNS)))
        rows = [row | {column: rows[0][column] for column in shared} for row in rows]
    table = table_of(rows)
    assert list(rows_of_table(table)) == rows
    assert list(rows_of_table(table.slice(1))) == rows[1:]
    numbers = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=8))
    found = list(TableRows(table).at(np.array(numbers, np.int64)))
    assert found == [rows[number] for number in numbers]
    assert all(list(row) == list(COLUMNS) for row in found)


def test_rows_share_no_list():
    row = dict.fromkeys(COLUMNS, "x") | {"unseen": None, "source": ["studio"]}
    row |= {column: [] for column in ("input_audio", "output_audio", "output_audio_ids")}
    row |= {"input_audio_ids": ["a"], "input_seconds": [1.0], "output_seconds": []}
    rows = TableRows(table_of([row, row]))
    first, second, third = rows.at(np.array([0, 0, 1]))
    for column in COLUMNS:
        if isinstance(first[column], list):
            first[column].append("changed")
    assert second == third == row
    assert list(rows.at(np.array([1]))) == [row]


def test_some_columns_and_no_rows():
    row = dict.fromkeys(COLUMNS, "x") | {"unseen": True, "source": None}
    row |= {column: [] for column in COLUMNS if column.endswith(("audio", "audio_ids", "seconds"))}
    table = table_of([row, row])
    assert list(TableRows(table.select(["task"])).at(np.array([1, 0], np.int64))) == [{"task": "x"}] * 2
    seconds = TableRows(table.select(["input_seconds"]))
    assert list(seconds.at(np.array([1], np.int64))) == [{"input_seconds": []}]
    assert list(TableRows(table.slice(0, 0)).at(np.array([], np.int64))) == []
    assert list(rows_of_table(table.slice(0, 0))) == []


def test_rows_that_wait_keep_nothing_of_the_table():
    """Those of many row groups wait at a time, each of which has megabytes of sound."""
    sound = pa.DictionaryArray.from_arrays(
        pa.array([0, 1], pa.int32()), pa.array([b"x" * 1000, b"y" * 10**7])
    )
    cells = pa.StructArray.from_arrays([sound, pa.array(["a", "b"])], ["bytes", "path"])
    audio = pa.ListArray.from_arrays([0, 1, 2], cells)
    del sound, cells
    table = pa.table({"input_audio": audio, "uuid": ["a", "b"]})
    del audio
    held = pa.total_allocated_bytes()
    rows = TableRows(table).at(np.array([0], np.int64))
    del table
    assert pa.total_allocated_bytes() < held - 9 * 10**6
    assert next(rows) == {"input_audio": [(b"x" * 1000, "a")], "uuid": "a"}
