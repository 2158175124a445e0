"""Rows as Arrow tables of one schema, audio as the cells that ``datasets.Audio`` stores."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Final

import datasets
import numpy as np
import pyarrow as pa
from datasets.iterable_dataset import _BaseExamplesIterable

from audio_flan.loading.features import row_features
from audio_flan.streaming import Row
from audio_flan.waveform import LazyAudio

_TABLE_BYTES: Final = 64_000_000
"""Audio of a table, in bytes; it is ended by the row that reaches it."""
_ROWS_PER_TABLE: Final = 100


def as_tables(
    rows: Iterable[Row], rows_per_table: int, known: datasets.Features | None = None
) -> Iterator[pa.Table]:
    """Yield rows as tables.

    A table has up to `rows_per_table` rows, and fewer where the rows carry the bytes of their audio.

    Parameters
    ----------
    rows : iterable of dict
    rows_per_table : int
    known : datasets.Features, optional
        What is known of the columns; the rows of the first table tell of others. By default rows are whole.
        The schema says for others that audio is `datasets.Audio`.

    Raises
    ------
    ValueError
        For a column that the rows of the first table do not have.
    """
    schema = row_features().arrow_schema if known is None else None
    for batch in _batches(rows, rows_per_table):
        if schema is None:
            schema = _schema_of(batch, known or {})
        if late := set(chain.from_iterable(batch)) - set(schema.names):
            raise ValueError(f"the first rows have no column {late.pop()!r}: tables want it in every row")
        yield pa.Table.from_pylist(batch, schema)


def _batches(rows: Iterable[Row], most: int) -> Iterator[list[Row]]:
    """Yield rows by some, clips as cells."""
    batch: list[Row] = []
    nbytes = 0
    for row in rows:
        cells: list[Mapping[str, Any]] = []
        batch.append({name: _with_cells(value, cells) for name, value in row.items()})
        nbytes += sum(len(cell["bytes"] or b"") for cell in cells)
        if len(batch) == most or nbytes >= _TABLE_BYTES:
            yield batch
            batch, nbytes = [], 0
    if batch:
        yield batch


def _with_cells(value: Any, cells: list[Mapping[str, Any]]) -> Any:  # noqa: ANN401 - any value of a row
    """Return a value with the cells of its clips, which go to `cells`."""
    if isinstance(value, LazyAudio):
        cells.append(dict(value.items()))
        return cells[-1]
    if isinstance(value, dict):
        return {name: _with_cells(inner, cells) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_with_cells(inner, cells) for inner in value]
    return value


def _schema_of(rows: list[Row], known: Mapping[str, Any]) -> pa.Schema:
    names = dict.fromkeys(chain.from_iterable(rows))
    features = {name: _feature_of([row.get(name) for row in rows], known.get(name)) for name in names}
    return datasets.Features(features).arrow_schema


def _feature_of(values: list[Any], known: Any) -> Any:  # noqa: ANN401 - features of datasets
    """Return what a column is: what is known, unless a function has made something else of it."""
    if known is not None:
        try:
            pa.array(values, datasets.Features({"column": known}).type[0].type)
        except pa.ArrowException:
            pass
        else:
            return known
    found = pa.schema([("column", pa.array(values).type)])
    return datasets.Features.from_arrow_schema(found)["column"]


class TableExamples(_BaseExamplesIterable):  # type: ignore[misc]
    """Rows of another examples iterable in tables of one schema; ``datasets`` would infer one for each row.

    Parameters
    ----------
    ex_iterable : examples iterable of ``datasets``
        Called so there, too.
    decoded : datasets.Features, optional
        Features of the dataset without a format, where they are known.
    """

    def __init__(self, ex_iterable: Any, decoded: datasets.Features | None) -> None:  # noqa: ANN401
        super().__init__()
        self.ex_iterable, self.decoded = ex_iterable, decoded

    @property
    def features(self) -> datasets.Features | None:
        """Features of the rows."""
        return self.ex_iterable.features

    @property
    def iter_arrow(self) -> Callable[[], Iterator[tuple[int, pa.Table]]]:
        """How to iterate over tables."""
        return self._iter_arrow

    @property
    def num_shards(self) -> int:
        """As many as the rows have."""
        return self.ex_iterable.num_shards  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[tuple[Any, Row]]:
        yield from self.ex_iterable

    def _iter_arrow(self) -> Iterator[tuple[int, pa.Table]]:
        # What the rows are comes before what they are to be cast to, and that before what they once were.
        known = row_features() | (self.decoded or {}) | (self.features or {})
        yield from enumerate(as_tables((row for _, row in self.ex_iterable), _ROWS_PER_TABLE, known))

    def _init_state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = self.ex_iterable._init_state_dict()  # noqa: SLF001 - as those of datasets do
        self._state_dict = state
        return state

    def shuffle_data_sources(self, generator: np.random.Generator) -> "TableExamples":
        """Shuffle the rows."""
        return TableExamples(self.ex_iterable.shuffle_data_sources(generator), self.decoded)

    def shard_data_sources(self, num_shards: int, index: int, contiguous: bool = True) -> "TableExamples":
        """Keep a shard of the rows."""
        shard = self.ex_iterable.shard_data_sources(num_shards, index, contiguous=contiguous)
        return TableExamples(shard, self.decoded)

    def reshard_data_sources(self) -> "TableExamples":
        """Divide the rows further, where they can be."""
        return TableExamples(self.ex_iterable.reshard_data_sources(), self.decoded)
