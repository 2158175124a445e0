"""Rows on their way through the workspace: read by place, so that any order costs no memory."""

import os
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from audio_flan.records import Instance

ROWS: Final = "rows.bin"
KEYS: Final = "keys.npy"
KEY: Final = np.dtype([("part", "u2"), ("group", "u8"), ("place", "u8"), ("offset", "u8"), ("nbytes", "u4")])
"""Of one row: its task and split, what it is sorted by, and where it is in the rows of its unit."""
PLACE: Final = np.dtype([("unit", "u4"), ("offset", "u8"), ("nbytes", "u4")])
"""Where one row is: a unit of the step that read it, and a run of bytes in its rows."""
_MAX_OPEN = 128
_CHUNK_ROWS = 1 << 14


class SpilledRow(NamedTuple):
    """One row and where it came from.

    Attributes
    ----------
    file : int
        Number in the list of metadata files.
    line, byte_offset : int
    instance : Instance
    clip_corpora : list of str
        The corpus of each clip: those of the input, then those of the output.
    content : bytes
        The instance and the corpora, encoded: the same for the same row, wherever it comes from.
    """

    file: int
    line: int
    byte_offset: int
    instance: Instance
    clip_corpora: list[str]
    content: bytes


class _ArrayInstance(Instance, array_like=True, frozen=True, gc=False):
    """An instance, encoded without the names of its fields."""


class _Content(msgspec.Struct, array_like=True, frozen=True, gc=False):
    instance: _ArrayInstance
    clip_corpora: list[str]


_PLACE_IN_FILE = Struct("<IQQ")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Content).decode


def encode_row(file: int, line: int, byte_offset: int, instance: Instance, clip_corpora: list[str]) -> bytes:
    """Encode the fields of a `SpilledRow`."""
    content = _encode((msgspec.structs.astuple(instance), clip_corpora))
    return _PLACE_IN_FILE.pack(file, line, byte_offset) + content


def decode_row(data: bytes) -> SpilledRow:
    """Decode what `encode_row` has encoded."""
    content = data[_PLACE_IN_FILE.size :]
    found = _decode(content)
    file, line, byte_offset = _PLACE_IN_FILE.unpack_from(data)
    return SpilledRow(file, line, byte_offset, found.instance, found.clip_corpora, content)


class SpillReader:
    """Reads rows by place; files stay open, up to a limit."""

    def __init__(self, folders: list[Path]) -> None:
        self._folders = folders
        self._open: OrderedDict[int, int] = OrderedDict()

    def read(self, places: NDArray[Any]) -> Iterator[SpilledRow]:
        """Yield the rows at `places`, whose fields are those of `PLACE`."""
        for start in range(0, len(places), _CHUNK_ROWS):
            for unit, offset, nbytes in places[start : start + _CHUNK_ROWS].tolist():
                yield decode_row(os.pread(self._descriptor(unit), nbytes, offset))

    def close(self) -> None:
        """Close the files."""
        while self._open:
            os.close(self._open.popitem()[1])

    def _descriptor(self, unit: int) -> int:
        descriptor = self._open.get(unit)
        if descriptor is None:
            if len(self._open) >= _MAX_OPEN:
                os.close(self._open.popitem(last=False)[1])
            descriptor = self._open[unit] = os.open(self._folders[unit] / ROWS, os.O_RDONLY)
        return descriptor
