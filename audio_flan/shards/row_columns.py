"""Rows on their way into a row group, gathered by column.

Nothing of a row is held but texts, bytes and numbers. Thousands of rows as objects would keep Python's
garbage collector busy for as long as all else takes.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pyarrow as pa

from audio_flan.shards.schema import CELL, row_schema

RowValues = tuple[Any, ...]
"""One row: its values in the order of the columns; an audio column is a list of `CellValue`."""
CellValue = tuple[bytes | None, str]
"""The bytes and the path of an audio cell."""


class RowColumns:
    """Takes in rows; `table` has them."""

    def __init__(self) -> None:
        self._schema = row_schema()
        self._columns = [_column(field.type) for field in self._schema]
        self._adders: list[Callable[[Any], None]] = [column.add for column in self._columns]
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def add(self, row: RowValues) -> None:
        """Take in one row."""
        for add, value in zip(self._adders, row, strict=True):
            add(value)
        self._rows += 1

    def table(self) -> pa.Table:
        """Return the rows as a table that has the columns of `row_schema`."""
        return pa.Table.from_arrays([column.array() for column in self._columns], schema=self._schema)


class _Column(Protocol):
    def add(self, value: Any) -> None: ...  # noqa: ANN401 - of any column

    def array(self) -> pa.Array: ...


class _Values:
    def __init__(self, kind: pa.DataType) -> None:
        self._kind = kind
        self._values: list[Any] = []

    def add(self, value: Any) -> None:  # noqa: ANN401 - of any column
        self._values.append(value)

    def array(self) -> pa.Array:
        return pa.array(self._values, self._kind)


class _Lists:
    """Lists, or None: a start that is None says so."""

    def __init__(self, kind: pa.DataType) -> None:
        self._kind = kind
        self._items: list[Any] = []
        self._starts: list[int | None] = []

    def add(self, items: Sequence[Any] | None) -> None:
        if items is None:
            self._starts.append(None)
        else:
            self._starts.append(len(self._items))
            self._items += items

    def array(self) -> pa.Array:
        starts = pa.array([*self._starts, len(self._items)], pa.int32())
        return pa.ListArray.from_arrays(starts, pa.array(self._items, self._kind.value_type))


class _Cells:
    """Lists of audio cells."""

    def __init__(self) -> None:
        self._bytes: list[bytes | None] = []
        self._paths: list[str] = []
        self._starts: list[int] = []

    def add(self, cells: Sequence[CellValue]) -> None:
        self._starts.append(len(self._paths))
        for data, path in cells:
            self._bytes.append(data)
            self._paths.append(path)

    def array(self) -> pa.Array:
        children = [pa.array(self._bytes, pa.binary()), pa.array(self._paths, pa.string())]
        starts = pa.array([*self._starts, len(self._paths)], pa.int32())
        return pa.ListArray.from_arrays(starts, pa.StructArray.from_arrays(children, fields=list(CELL)))


def _column(kind: pa.DataType) -> _Column:
    if not pa.types.is_list(kind):
        return _Values(kind)
    return _Cells() if kind.value_type == CELL else _Lists(kind)
