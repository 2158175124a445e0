"""Parquet files behind a URL as one lazy table: of the files that can match, the columns that are asked for.

Polars reads from huggingface.co only, without regard to HF_ENDPOINT, and gives up where the connection
fails; here bytes are fetched as everywhere else, with tokens, retries and requests that are joined.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import and_
from typing import NamedTuple

import polars as pl
from polars.io.plugins import register_io_source

from audio_flan.shards import FileFacts
from audio_flan.shards.parquet_reader import ParquetReader
from audio_flan.shards.store import Store


class RemoteFile(NamedTuple):
    """A file of a store, and the numbers of the `keys` that its rows may have."""

    facts: FileFacts
    keys: Sequence[int] = ()


def scan_remote_files(
    store: Store, files: Sequence[RemoteFile], schema: pl.Schema, keys: pl.DataFrame | None = None
) -> pl.LazyFrame:
    """Return the rows of `files`, in this order, as a lazy table with the columns of `schema`.

    Parameters
    ----------
    keys : polars.DataFrame, optional
        The combinations of values of some columns that there are; `files` refer to its rows.
    """

    def read(
        columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        wanted = list(schema) if columns is None else columns
        needed = [*wanted, *(name for name in _columns_of(predicate) if name not in wanted)]
        left = n_rows
        for file in _matching(files, predicate, keys):
            for table in read_remote_file(store, file, needed, schema):
                part = table if left is None else table.head(left)
                left = None if left is None else left - len(part)
                yield (part if predicate is None else part.filter(predicate)).select(wanted)
                if left == 0:
                    return

    return register_io_source(read, schema=dict(schema))


def read_remote_file(
    store: Store, file: RemoteFile, columns: Sequence[str], schema: pl.Schema
) -> Iterator[pl.DataFrame]:
    """Yield the row groups of a file, with these columns only."""
    reader = ParquetReader.of(store, file.facts)
    types = {name: schema[name] for name in columns}
    for group in range(len(reader.group_rows)):
        table = pl.from_arrow(reader.read_group(group, columns))
        yield pl.DataFrame(table).cast(types).select(columns)  # type: ignore[arg-type] # names to types


def conjuncts(predicate: pl.Expr) -> Iterator[pl.Expr]:
    """Yield the expressions that a predicate joins with ``AND``."""
    inputs = predicate.meta.pop()
    for left, right in (inputs, inputs[::-1]) if len(inputs) == 2 else ():
        if (left & right).meta.eq(predicate):
            yield from conjuncts(left)
            yield from conjuncts(right)
            return
    yield predicate


def _columns_of(predicate: pl.Expr | None) -> list[str]:
    return [] if predicate is None else predicate.meta.root_names()


def _matching(
    files: Sequence[RemoteFile], predicate: pl.Expr | None, keys: pl.DataFrame | None
) -> Iterable[RemoteFile]:
    """Leave out the files of which no row can match."""
    if predicate is None or keys is None:
        return files
    decided = [each for each in conjuncts(predicate) if set(each.meta.root_names()) <= set(keys.columns)]
    if not decided:
        return files
    kept = set(keys.with_row_index("key").filter(reduce(and_, decided))["key"].to_list())
    return [file for file in files if not kept.isdisjoint(file.keys)]
