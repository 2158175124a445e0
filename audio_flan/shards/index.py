"""The clip index of a corpus: Parquet sorted by id, in which an id is found by reading one row group."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from audio_flan.shards.parquet_reader import ParquetReader
from audio_flan.shards.schema import INDEX_SCHEMA

GROUP_CLIPS: Final = 8192


class IndexedClip(NamedTuple):
    """One row of the index; the fields are its columns.

    ``offset`` and ``nbytes`` are a run of bytes of the file ``shard`` (relative to the root), ``frames`` is
    the length in samples per channel, ``xxh3`` the 64-bit XXH3 of the bytes.
    """

    id: str
    shard: str
    offset: int
    nbytes: int
    sampling_rate: int
    channels: int
    frames: int
    format: str
    xxh3: int


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


def read_index(path: Path | str) -> Iterator[IndexedClip]:
    """Yield all clips, sorted by id, reading one row group at a time; no file stays open meanwhile."""
    groups = int(pq.read_metadata(path).num_row_groups)
    for group in range(groups):
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield from _clips(file.read_row_group(group))


class ClipIndex:
    """The index of one corpus, opened for looking up.

    `find` reads one row group. It is not safe to be shared by threads.
    """

    def __init__(self, reader: ParquetReader) -> None:
        self._reader = reader
        lowest = reader.lowest("id")  # not said of ids of more than 4 kB
        self._firsts = [self._first_id(i) if first is None else str(first) for i, first in enumerate(lowest)]
        self._group = -1
        self._clips: dict[str, IndexedClip] = {}

    def __len__(self) -> int:
        return sum(self._reader.group_rows)

    def __iter__(self) -> Iterator[str]:
        """Yield the ids, sorted, reading one row group at a time."""
        for group in range(len(self._firsts)):
            yield from self._reader.read_group(group, ["id"])["id"].to_pylist()

    def find(self, audio_id: str) -> IndexedClip | None:
        """Return the clip, or None for an id that this corpus does not store."""
        group = bisect_right(self._firsts, audio_id) - 1
        if group < 0:
            return None
        if group != self._group:
            self._clips = {clip.id: clip for clip in _clips(self._reader.read_group(group))}
            self._group = group
        return self._clips.get(audio_id)

    def _first_id(self, group: int) -> str:
        return str(self._reader.read_group(group, ["id"])["id"][0].as_py())


def _clips(table: pa.Table) -> list[IndexedClip]:
    return [IndexedClip(*values) for values in zip(*table.to_pydict().values(), strict=True)]
