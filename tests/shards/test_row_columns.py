"""Rows gathered by column are the same rows."""

import gc
import weakref

from hypothesis import given
from hypothesis import strategies as st
from property_profiles import examples

from audio_flan.records.schema import AUDIO_COLUMNS, COLUMNS
from audio_flan.shards.row_columns import RowColumns
from audio_flan.shards.schema import LIST_COLUMNS, SECONDS_COLUMNS

texts = st.text(max_size=8)
cells = st.tuples(st.none() | st.binary(max_size=8), texts)


def values_of(column):
    if column in AUDIO_COLUMNS:
        return st.lists(cells, max_size=3)
    if column in LIST_COLUMNS:
        return st.lists(texts, max_size=3) | (st.none() if column == "source" else st.nothing())
    if column in SECONDS_COLUMNS:
        return st.lists(st.floats(0, 100), max_size=3)
    if column == "unseen":
        return st.none() | st.booleans()
    return texts | (st.none() if column in ("other", "extra") else st.nothing())


@given(st.lists(st.tuples(*map(values_of, COLUMNS)), max_size=5))
@examples(40)
def test_a_table_has_the_rows_that_were_added(rows):
    columns = RowColumns()
    for row in rows:
        columns.add(row)
    assert len(columns) == len(rows)
    expected = [
        {
            name: [{"bytes": data, "path": path} for data, path in value] if name in AUDIO_COLUMNS else value
            for name, value in zip(COLUMNS, row, strict=True)
        }
        for row in rows
    ]
    assert columns.table().to_pylist() == expected


def test_they_are_freed_at_once():
    """Without reference cycles: the garbage collector would come too late."""
    columns = RowColumns()
    parts = [weakref.ref(columns), *map(weakref.ref, columns._columns)]
    gc.disable()
    try:
        del columns
        assert [part() for part in parts] == [None] * len(parts)
    finally:
        gc.enable()
