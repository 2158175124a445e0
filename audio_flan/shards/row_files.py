"""Row files: Parquet with page checksums, whose row groups suit the form."""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from audio_flan.records.schema import AUDIO_COLUMNS
from audio_flan.shards.manifest import LeafRows
from audio_flan.shards.row_columns import RowColumns, RowValues
from audio_flan.shards.schema import DICTIONARY_COLUMNS, STATISTICS_COLUMNS, row_schema

GROUP_ROWS: Final = 4000
"""Rows of a row group at most: about 400 kB compressed, without audio."""
EMBEDDED_GROUP_BYTES: Final = 8_000_000
"""Audio of a row group with embedded audio, in bytes; a clip that its rows share counts once."""
_DICTIONARY_BYTES = 1 << 30
"""The dictionary page may hold all audio of a row group; by default it would stop at 1 MB."""


class RowFileWriter:
    """Writes one row file; each call of `write` is one row group.

    The bytes of audio are not compressed, and encoded with a dictionary: a clip that occurs twice in a row
    group is stored once.

    Attributes
    ----------
    groups : list of int
        Rows of each row group that is written.
    """

    def __init__(self, path: Path) -> None:
        self._schema = row_schema()
        self.groups: list[int] = []
        self._leaves: dict[tuple[str, str], dict[int, int]] = {}
        audio = [f"{column}.list.element.bytes" for column in AUDIO_COLUMNS]
        self._writer = pq.ParquetWriter(
            path,
            self._schema,
            compression={leaf: "NONE" if leaf in audio else "ZSTD" for leaf in _leaves(self._schema)},
            use_dictionary=[*DICTIONARY_COLUMNS, *audio],
            dictionary_pagesize_limit=_DICTIONARY_BYTES,
            write_statistics=list(STATISTICS_COLUMNS),
            write_page_checksum=True,
            store_schema=False,
        )
        # Without the Arrow schema, which no reader needs, pyarrow leaves out this as well.
        self._writer.add_key_value_metadata({"huggingface": self._schema.metadata[b"huggingface"].decode()})

    def write(self, rows: Iterable[RowValues]) -> None:
        """Append `rows` as one row group."""
        columns = RowColumns()
        for row in rows:
            columns.add(row)
        self.write_table(columns.table())

    def write_table(self, table: pa.Table) -> None:
        """Append the rows of a table that has the columns of `row_schema` as one row group."""
        self._writer.write_table(table, row_group_size=table.num_rows)
        counted = table.group_by(["corpus", "direction"]).aggregate([([], "count_all")])
        for corpus, direction, rows in zip(*(column.to_pylist() for column in counted.columns), strict=True):
            self._leaves.setdefault((corpus, direction), {})[len(self.groups)] = rows
        self.groups.append(table.num_rows)

    @property
    def leaves(self) -> tuple[LeafRows, ...]:
        """Rows of each row group by corpus and direction."""
        numbers = range(len(self.groups))
        return tuple(
            LeafRows(*leaf, groups=tuple(rows.get(number, 0) for number in numbers))
            for leaf, rows in sorted(self._leaves.items())
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()


def _leaves(schema: pa.Schema) -> list[str]:
    """Name the columns as Parquet does."""
    leaves: list[str] = []
    for field in schema:
        if not pa.types.is_list(field.type):
            leaves.append(field.name)
        elif pa.types.is_struct(field.type.value_type):
            leaves += [f"{field.name}.list.element.{inner.name}" for inner in field.type.value_type]
        else:
            leaves.append(f"{field.name}.list.element")
    return leaves
