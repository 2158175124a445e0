"""The columns of the row files and of the clip index, as Arrow schemas.

What says that a column is audio is written by hand, with JSON list literals: ``datasets`` 5 would write
``"_type": "List"``, which 3.6 refuses, and both read literals.
"""

import json
from typing import Final

import pyarrow as pa

from audio_flan.records.schema import AUDIO_COLUMNS, COLUMNS

LIST_COLUMNS: Final = ("source", "input_audio_ids", "output_audio_ids")
SECONDS_COLUMNS: Final = ("input_seconds", "output_seconds")
DICTIONARY_COLUMNS: Final = (
    "instruction", "split", "domain", "major", "minor", "task", "direction", "corpus", "source.list.element",
)  # fmt: skip
"""Columns of row files that repeat themselves."""
STATISTICS_COLUMNS: Final = ("uuid", "split", "domain", "major", "minor", "task", "direction", "corpus")
CELL: Final = pa.struct([("bytes", pa.binary()), ("path", pa.string())])

INDEX_SCHEMA: Final = pa.schema(
    [
        ("id", pa.string()),
        ("shard", pa.string()),
        ("offset", pa.int64()),
        ("nbytes", pa.int64()),
        ("sampling_rate", pa.int32()),
        ("channels", pa.int16()),
        ("frames", pa.int64()),
        ("format", pa.string()),
        ("xxh3", pa.uint64()),
    ]
)
"""``shard`` is the file relative to the root, ``xxh3`` the 64-bit XXH3 of the clip's bytes."""


def row_schema() -> pa.Schema:
    """Return the schema of row files, with the features that ``datasets`` is to see."""
    metadata = json.dumps({"info": {"features": row_features()}})
    return pa.schema([(column, _type(column)) for column in COLUMNS], {"huggingface": metadata})


def row_features() -> dict[str, object]:
    """Return the features of a row as the JSON that ``datasets`` stores."""
    return {column: _feature(column) for column in COLUMNS}


def _type(column: str) -> pa.DataType:
    if column in AUDIO_COLUMNS:
        return pa.list_(CELL)
    if column in LIST_COLUMNS:
        return pa.list_(pa.string())
    if column in SECONDS_COLUMNS:
        return pa.list_(pa.float64())
    return pa.bool_() if column == "unseen" else pa.string()


def _feature(column: str) -> object:
    if column in AUDIO_COLUMNS:
        return [{"_type": "Audio"}]
    if column in LIST_COLUMNS:
        return [{"dtype": "string", "_type": "Value"}]
    if column in SECONDS_COLUMNS:
        return [{"dtype": "float64", "_type": "Value"}]
    return {"dtype": "bool" if column == "unseen" else "string", "_type": "Value"}
