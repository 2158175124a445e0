"""Row files as one lazy table, of which Polars opens only the files that can match."""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from audio_flan.analysis.tables.columns import KEY_COLUMNS
from audio_flan.mixing.row_schema import ROW_SCHEMA


class KeyBounds(NamedTuple):
    """A Parquet file of rows, and the lowest and the highest value of each of `KEY_COLUMNS` in it."""

    path: str
    rows: int
    low: tuple[str, ...]
    high: tuple[str, ...]


def scan_row_files(files: Sequence[KeyBounds]) -> pl.LazyFrame:
    """Return the rows of local files, in this order, as a lazy table with the columns of `ROW_SCHEMA`."""
    if not files:
        return pl.LazyFrame(schema=ROW_SCHEMA)
    return pl.scan_parquet(
        [file.path for file in files],
        schema=dict(ROW_SCHEMA),
        extra_columns="ignore",  # those with audio
        glob=False,
        hive_partitioning=False,
        _table_statistics=_statistics(files),
    )


def _statistics(files: Sequence[KeyBounds]) -> pl.DataFrame:
    """Say of each file what Polars needs to know to leave it unopened, under the names that it looks for."""
    columns: dict[str, pl.Series] = {"len": pl.Series([file.rows for file in files], dtype=pl.UInt32)}
    for i, name in enumerate(KEY_COLUMNS):
        columns[f"{name}_nc"] = pl.Series([0] * len(files), dtype=pl.UInt32)
        columns[f"{name}_min"] = pl.Series([file.low[i] for file in files], dtype=pl.String)
        columns[f"{name}_max"] = pl.Series([file.high[i] for file in files], dtype=pl.String)
    return pl.DataFrame(columns)
