"""Rows as Arrow tables, audio as the cells that ``datasets.Audio`` stores."""

from collections.abc import Sequence

import pyarrow as pa

from audio_flan.loading.features import row_features
from audio_flan.records.schema import AUDIO_COLUMNS
from audio_flan.streaming import Row


def as_table(rows: Sequence[Row]) -> pa.Table:
    """Return whole rows as one table, whose schema says for others that its audio is `datasets.Audio`."""
    return pa.Table.from_pylist([_with_cells(row) for row in rows], row_features().arrow_schema)


def _with_cells(row: Row) -> Row:
    cells = {column: [audio and dict(audio.items()) for audio in row[column]] for column in AUDIO_COLUMNS}
    return row | cells
