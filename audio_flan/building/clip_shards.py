"""Where the clips of a shard go: a tar, Parquet, or nowhere, where rows are to carry them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from audio_flan.building.errors import BuildError
from audio_flan.building.payload import Payload
from audio_flan.shards.hashing import hash_file
from audio_flan.shards.indexed_clip import IndexedClip
from audio_flan.shards.names import extension_of
from audio_flan.shards.parquet_clips import MAX_CLIP_BYTES, ParquetClipWriter
from audio_flan.shards.tar import TarWriter, member_name


class ClipShard(Protocol):
    """Takes in clips, one after the other."""

    def add(self, audio_id: str, payload: Payload) -> None:
        """Store one clip."""
        ...

    def finish(self) -> list[IndexedClip]:
        """Return the clips with their places; the file is whole then."""
        ...

    @property
    def xxh3(self) -> str:
        """Hash of the finished file, 16 hex digits."""
        ...


class TarShard:
    """A WebDataset tar; its methods are those of `ClipShard`."""

    def __init__(self, descriptor: int, shard: str) -> None:
        self._tar, self._shard = TarWriter(descriptor), shard
        self._taken: set[str] = set()
        self._clips: list[IndexedClip] = []
        self.xxh3 = ""

    def add(self, audio_id: str, payload: Payload) -> None:
        """Store one clip; it need not be in memory."""
        name = member_name(audio_id, extension_of(payload.header.format), self._taken)
        offset = self._tar.add(name, payload.nbytes, payload.parts())
        self._clips.append(_indexed(audio_id, payload, self._shard, offset))

    def finish(self) -> list[IndexedClip]:
        """End the tar."""
        self.xxh3 = self._tar.close()
        return self._clips


class ParquetShard:
    """A Parquet file of clips; its methods are those of `ClipShard`."""

    def __init__(self, path: Path, writer: ParquetClipWriter, shard: str) -> None:
        self._path, self._writer, self._shard = path, writer, shard
        self._taken: set[str] = set()

    def add(self, audio_id: str, payload: Payload) -> None:
        """Store one clip.

        Raises
        ------
        BuildError
            For a clip that is too large for a page.
        """
        if payload.nbytes > MAX_CLIP_BYTES:
            raise BuildError(
                f"the clip {audio_id!r} has {payload.nbytes:,} bytes, clips in Parquet have at most "
                f"{MAX_CLIP_BYTES:,}: build with clips in tars (--clips tar)"
            )
        name = member_name(audio_id, extension_of(payload.header.format), self._taken)
        data = b"".join(payload.parts())
        self._writer.add(_indexed(audio_id, payload, self._shard, 0), name, data)

    def finish(self) -> list[IndexedClip]:
        """End the file."""
        return self._writer.close()

    @property
    def xxh3(self) -> str:
        """Hash of the finished file."""
        return hash_file(self._path)


class NoShard:
    """Clips that are only looked at, and described; its methods are those of `ClipShard`."""

    xxh3 = ""

    def __init__(self) -> None:
        self._clips: list[IndexedClip] = []

    def add(self, audio_id: str, payload: Payload) -> None:
        """Describe one clip."""
        for _ in payload.parts():
            pass
        self._clips.append(_indexed(audio_id, payload, "", 0))

    def finish(self) -> list[IndexedClip]:
        """Return the descriptions."""
        return self._clips


@contextmanager
def open_shard(path: Path, shard: str, clips: str) -> Iterator[ClipShard]:
    """Open `path` for the clips of the file `shard` of the root, in the form `clips`: tar or parquet."""
    if clips == "parquet":
        with ParquetClipWriter(path) as writer:
            yield ParquetShard(path, writer, shard)
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC)
    try:
        yield TarShard(descriptor, shard)
    finally:
        os.close(descriptor)


def _indexed(audio_id: str, payload: Payload, shard: str, offset: int) -> IndexedClip:
    """Describe a clip whose bytes have been taken."""
    header = payload.header
    return IndexedClip(
        audio_id,
        shard,
        offset,
        payload.nbytes,
        header.sampling_rate,
        header.channels,
        header.frames,
        header.format,
        payload.xxh3,
    )
