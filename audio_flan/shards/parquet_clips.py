"""Clips in Parquet, each in one run of bytes of the file, so that one range request fetches it.

Audio is neither compressed nor encoded with a dictionary, and a row group has one page of it: there the clips
stand one behind the other, each after its length in four bytes.
"""

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from audio_flan.shards.indexed_clip import IndexedClip
from audio_flan.shards.schema import CELL

GROUP_BYTES: Final = 8_000_000
"""Audio of a row group, in bytes; the last clip may go beyond it."""
GROUP_CLIPS: Final = 4000
"""Clips of a row group at most: fewer than end a page."""
MAX_CLIP_BYTES: Final = 1 << 30
"""Pages count their bytes in 32 bits."""
_PAGE_BYTES: Final = (1 << 31) - 1
_LENGTH_BYTES: Final = 4
_AUDIO_LEAF: Final = "audio.bytes"

CLIP_SCHEMA: Final = pa.schema(
    [
        ("id", pa.string()),
        ("audio", CELL),
        ("sampling_rate", pa.int32()),
        ("channels", pa.int16()),
        ("frames", pa.int64()),
        ("format", pa.string()),
        ("xxh3", pa.uint64()),
    ]
)
"""The fields of `IndexedClip`, and the clip as a plain `datasets.Audio`."""


def clip_features() -> dict[str, object]:
    """Return the features of a clip as the JSON that ``datasets`` stores."""
    return {
        field.name: {"_type": "Audio"} if field.type == CELL else {"dtype": str(field.type), "_type": "Value"}
        for field in CLIP_SCHEMA
    }


class ParquetClipWriter:
    """Writes one clip shard; where the clips are is known when it is closed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._clips: list[IndexedClip] = []
        self._group: list[tuple[IndexedClip, str, bytes]] = []
        self._group_bytes = 0
        self._writer = pq.ParquetWriter(
            path,
            CLIP_SCHEMA,
            compression={leaf: "NONE" if leaf == _AUDIO_LEAF else "ZSTD" for leaf in _leaves()},
            use_dictionary=["sampling_rate", "channels", "format"],
            data_page_size=_PAGE_BYTES,
            write_statistics=["id"],
            write_page_checksum=True,
            store_schema=False,
        )
        features = json.dumps({"info": {"features": clip_features()}})
        self._writer.add_key_value_metadata({"huggingface": features})

    def add(self, clip: IndexedClip, name: str, data: bytes) -> None:
        """Append one clip: its facts but for the offset, its file name, its bytes."""
        self._clips.append(clip)
        self._group.append((clip, name, data))
        self._group_bytes += len(data)
        if self._group_bytes >= GROUP_BYTES or len(self._group) >= GROUP_CLIPS:
            self._flush()

    def close(self) -> list[IndexedClip]:
        """End the file; return the clips with their offsets.

        Raises
        ------
        RuntimeError
            When pyarrow has laid out pages in another way than this module counts on.
        """
        self._flush()
        self._writer.close()
        offsets = clip_offsets(self._path, [clip.nbytes for clip in self._clips])
        return [clip._replace(offset=offset) for clip, offset in zip(self._clips, offsets, strict=True)]

    def _flush(self) -> None:
        if not self._group:
            return
        clips = [clip for clip, _, _ in self._group]
        audio = pa.StructArray.from_arrays(
            [
                pa.array([data for _, _, data in self._group], pa.binary()),
                pa.array([name for _, name, _ in self._group], pa.string()),
            ],
            fields=list(CELL),
        )
        columns = [
            audio
            if field.type == CELL
            else pa.array([getattr(clip, field.name) for clip in clips], field.type)
            for field in CLIP_SCHEMA
        ]
        table = pa.Table.from_arrays(columns, schema=CLIP_SCHEMA)
        self._writer.write_table(table, row_group_size=len(clips))
        self._group, self._group_bytes = [], 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()


def clip_offsets(path: Path, sizes: list[int]) -> list[int]:
    """Return the offset of each clip of a shard, given their sizes in bytes; each is looked at in the file.

    Raises
    ------
    RuntimeError
        When a clip is not where it should be.
    """
    footer = pq.read_metadata(path)
    leaf = _leaves().index(_AUDIO_LEAF)
    offsets: list[int] = []
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        chunk = group.column(leaf)
        own = sizes[len(offsets) : len(offsets) + group.num_rows]
        # Before the clips stand the header of the page and the levels; nothing comes after them.
        place = chunk.data_page_offset + chunk.total_compressed_size - sum(own) - _LENGTH_BYTES * len(own)
        for nbytes in own:
            offsets.append(place + _LENGTH_BYTES)
            place = offsets[-1] + nbytes
    _check_lengths(path, sizes, offsets)
    return offsets


def _check_lengths(path: Path, sizes: list[int], offsets: list[int]) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        for nbytes, offset in zip(sizes, offsets, strict=True):
            length = os.pread(descriptor, _LENGTH_BYTES, offset - _LENGTH_BYTES)
            if int.from_bytes(length, "little") != nbytes:
                raise RuntimeError(
                    f"{path}: no clip of {nbytes} bytes at {offset}: pyarrow {pa.__version__} lays out pages "
                    "in a way that is not known here; build with clips in tars instead"
                )
    finally:
        os.close(descriptor)


def _leaves() -> list[str]:
    """Name the columns as Parquet does."""
    return [
        leaf
        for field in CLIP_SCHEMA
        for leaf in ([f"{field.name}.{inner.name}" for inner in CELL] if field.type == CELL else [field.name])
    ]
