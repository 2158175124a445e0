"""Clips of one corpus by id: sorted hashes on disk, mapped into memory, so that no dictionary is needed."""

from array import array
from bisect import bisect_left
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from audio_flan.building.read_rows import clip_key
from audio_flan.shards.indexed_clip import IndexedClip

_RECORD: Final = np.dtype(
    [
        ("text", "u8"), ("text_bytes", "u4"), ("shard", "u4"), ("offset", "u8"), ("nbytes", "u8"),
        ("xxh3", "u8"), ("frames", "u8"), ("rate", "u4"), ("format", "u2"),
    ]
)  # fmt: skip
_CHUNK = 1 << 16
_RECENT_CLIPS = 8192


class ClipFacts(NamedTuple):
    """What rows say of a clip."""

    shard: str
    offset: int
    nbytes: int
    xxh3: int
    seconds: float
    format: str


class LookupWriter:
    """Takes in the clips of a corpus, in any order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._records = (folder / "unsorted.bin").open("wb")
        self._text = (folder / "ids.txt").open("wb")
        self._keys = array("Q")
        self._names: dict[str, int] = {}
        """Shards and formats, numbered."""
        self._end = 0

    def add(self, clip: IndexedClip) -> None:
        """Take in one clip."""
        text = clip.id.encode()
        self._keys.append(clip_key(clip.id))
        record = (
            self._end, len(text), self._number(clip.shard), clip.offset, clip.nbytes, clip.xxh3, clip.frames,
            clip.sampling_rate, self._number(clip.format),
        )  # fmt: skip
        self._records.write(np.array(record, _RECORD).tobytes())
        self._end += self._text.write(text)

    def finish(self) -> list[str]:
        """Write the table; return the names of shards and formats that `ClipLookup` wants back."""
        self._records.close()
        self._text.close()
        keys = np.frombuffer(self._keys, np.uint64)
        order = np.argsort(keys, kind="stable")
        np.save(self._folder / "keys.npy", keys[order])
        unsorted = (
            np.memmap(self._folder / "unsorted.bin", _RECORD, "r") if len(keys) else np.empty(0, _RECORD)
        )
        with (self._folder / "records.bin").open("wb") as records:
            for start in range(0, len(order), _CHUNK):
                records.write(unsorted[order[start : start + _CHUNK]].tobytes())
        del unsorted
        (self._folder / "unsorted.bin").unlink()
        return list(self._names)

    def _number(self, name: str) -> int:
        return self._names.setdefault(name, len(self._names))


class ClipLookup:
    """Finds clips in the folder that a `LookupWriter` wrote."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self._names = names
        self._keys = memoryview(np.load(folder / "keys.npy", mmap_mode="r"))
        text = folder / "ids.txt"
        self._records = np.memmap(folder / "records.bin", _RECORD, "r") if len(self._keys) else None
        self._text = np.memmap(text, np.uint8, "r") if len(self._keys) else None
        self.find = lru_cache(_RECENT_CLIPS)(self._find)

    def _find(self, audio_id: str) -> ClipFacts | None:
        """Return the facts of a good clip, None for any other; recent answers are kept."""
        if self._records is None or self._text is None:
            return None
        key, wanted = clip_key(audio_id), audio_id.encode()
        i = bisect_left(self._keys, key)
        while i < len(self._keys) and self._keys[i] == key:
            text, length, shard, offset, nbytes, xxh3, frames, rate, audio_format = self._records[i].item()
            if self._text[text : text + length].tobytes() == wanted:
                names = self._names
                return ClipFacts(names[shard], offset, nbytes, xxh3, frames / rate, names[audio_format])
            i += 1
        return None
