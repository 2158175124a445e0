"""Rows and clips on their way through the workspace: written as they come, read by bucket."""

import contextlib
import os
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Generic, Self, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

_PLACE: Final = np.dtype([("bucket", "u4"), ("offset", "u8"), ("nbytes", "u4")])
"""Of one item: its bucket, and where it is."""
_BUFFER_BYTES: Final = 1 << 20
T = TypeVar("T")


class Item(msgspec.Struct, array_like=True, frozen=True):
    """One row that is drawn.

    Attributes
    ----------
    line : bytes
        What is written of it. Of a record that is several rows, the whole record.
    draws : int
        How often.
    own, places : int
        Which of the rows of the record this is, and how many there are.
    single : bytes
        Such a record with this row alone.
    name : str
        What the row is called among files.
    clips : list of str
        Files of its clips, relative to the folder of clips; those of the input first.
    inputs : int
        How many of them are of the input.
    """

    line: bytes
    draws: int
    own: int = 0
    places: int = 1
    single: bytes = b""
    name: str = ""
    clips: tuple[str, ...] = ()
    inputs: int = 0


class ClipItem(msgspec.Struct, array_like=True, frozen=True):
    """One clip that a row needs: its file in the folder of clips, and a domain and corpus that need it."""

    audio_id: str
    file: str
    domain: str
    corpus: str


class SpillWriter:
    """Writes the items of a unit into its folder; as a context manager it ends whole, or in an error."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._file = _items(folder, name).open("wb", _BUFFER_BYTES)
        self._encode = msgspec.msgpack.Encoder().encode
        self._buckets, self._offsets, self._sizes = array("Q"), array("Q"), array("Q")
        self._end = 0

    def add(self, bucket: int, item: msgspec.Struct) -> None:
        """Add an item to a bucket."""
        data = self._encode(item)
        self._buckets.append(bucket)
        self._offsets.append(self._end)
        self._sizes.append(self._file.write(data))
        self._end += len(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._close()
        else:
            with contextlib.suppress(OSError):  # the disk may be full; what went wrong is known
                self._file.close()

    def _close(self) -> None:
        """Write where each item is."""
        self._file.close()
        places = np.empty(len(self._buckets), _PLACE)
        for column, values in (
            ("bucket", self._buckets),
            ("offset", self._offsets),
            ("nbytes", self._sizes),
        ):
            places[column] = np.frombuffer(values, np.uint64)
        np.save(_places(self._folder, self._name), places[np.argsort(places["bucket"], kind="stable")])


class SpillReader(Generic[T]):
    """Reads the items of a bucket out of the folders of all units."""

    def __init__(self, folders: list[Path], name: str, kind: type[T]) -> None:
        self._folders, self._name = folders, name
        self._decode = msgspec.msgpack.Decoder(kind).decode

    def read(self, bucket: int) -> Iterator[T]:
        """Yield the items of a bucket: unit by unit, as they came."""
        for folder in self._folders:
            found = self._find(folder, bucket)
            if len(found):
                with _items(folder, self._name).open("rb") as file:
                    for offset, nbytes in found.tolist():
                        yield self._decode(os.pread(file.fileno(), nbytes, offset))

    def _find(self, folder: Path, bucket: int) -> NDArray[Any]:
        places = np.load(_places(folder, self._name), mmap_mode="r")
        start, stop = np.searchsorted(places["bucket"], [bucket, bucket + 1])
        return np.asarray(places[start:stop])[["offset", "nbytes"]]


def _items(folder: Path, name: str) -> Path:
    return folder / f"{name}.bin"


def _places(folder: Path, name: str) -> Path:
    return folder / f"{name}.npy"
