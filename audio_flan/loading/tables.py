"""Rows as Arrow tables, audio as the cells that ``datasets.Audio`` stores."""

from collections.abc import Iterable, Iterator

import pyarrow as pa

from audio_flan.loading.features import row_features
from audio_flan.records.schema import AUDIO_COLUMNS
from audio_flan.streaming import Row

_TABLE_BYTES = 64_000_000
"""Audio of a table, in bytes; it is ended by the row that reaches it."""


def as_tables(rows: Iterable[Row], rows_per_table: int) -> Iterator[pa.Table]:
    """Yield whole rows as tables, whose schema says for others that their audio is `datasets.Audio`.

    A table has up to `rows_per_table` rows, and fewer where the rows carry the bytes of their audio.
    """
    schema = row_features().arrow_schema
    batch: list[Row] = []
    nbytes = 0
    for row in rows:
        cells = {column: [audio and dict(audio.items()) for audio in row[column]] for column in AUDIO_COLUMNS}
        nbytes += sum(len(cell["bytes"] or b"") for side in cells.values() for cell in side if cell)
        batch.append(row | cells)
        if len(batch) == rows_per_table or nbytes >= _TABLE_BYTES:
            yield pa.Table.from_pylist(batch, schema)
            batch, nbytes = [], 0
    if batch:
        yield pa.Table.from_pylist(batch, schema)
