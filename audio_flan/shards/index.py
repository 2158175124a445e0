"""The clip index of a corpus: Parquet, sorted by id, for whatever reads tables."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from audio_flan.shards.id_table import IdTableWriter
from audio_flan.shards.indexed_clip import IndexedClip
from audio_flan.shards.schema import INDEX_SCHEMA

GROUP_CLIPS: Final = 8192


def write_index(path: Path, clips: Iterable[IndexedClip], *, group_clips: int = GROUP_CLIPS) -> int:
    """Write `clips`, which come sorted by id; return how many they are."""
    rest, count = iter(clips), 0
    with pq.ParquetWriter(
        path,
        INDEX_SCHEMA,
        compression="ZSTD",
        use_dictionary=["shard", "sampling_rate", "channels", "format"],
        write_statistics=["id"],
        write_page_checksum=True,
        store_schema=False,
    ) as writer:
        while group := list(islice(rest, group_clips)):
            columns = [
                pa.array(values, field.type)
                for values, field in zip(zip(*group, strict=True), INDEX_SCHEMA, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=INDEX_SCHEMA))
            count += len(group)
    return count


def write_index_and_table(index: Path, table: Path, corpus: str, clips: Iterable[IndexedClip]) -> int:
    """Write the index of a corpus and its table of ids in one go; return how many clips they have."""
    with table.open("wb") as file:
        writer = IdTableWriter(file, corpus)
        count = write_index(index, writer.over(clips))
        writer.finish()
    return count


def read_index(path: Path | str) -> Iterator[IndexedClip]:
    """Yield all clips, sorted by id, reading one row group at a time; no file stays open meanwhile."""
    groups = int(pq.read_metadata(path).num_row_groups)
    for group in range(groups):
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield from _clips(file.read_row_group(group))


def _clips(table: pa.Table) -> list[IndexedClip]:
    return [IndexedClip(*values) for values in zip(*table.to_pydict().values(), strict=True)]
