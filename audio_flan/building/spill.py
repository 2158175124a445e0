"""Rows on their way through the workspace: read by place, so that any order costs no memory."""

import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

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


class SpilledRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One row and where it came from.

    ``file`` is a number in the list of metadata files, ``clip_corpora`` has the corpus of each clip: those of
    the input, then those of the output.
    """

    file: int
    line: int
    byte_offset: int
    instance: list[Any]
    clip_corpora: list[str]

    def as_instance(self) -> Instance:
        """Return the instance."""
        return Instance(*self.instance)


encode_row = msgspec.msgpack.Encoder().encode
_decode_row = msgspec.msgpack.Decoder(SpilledRow).decode


class SpillReader:
    """Reads rows by place; files stay open, up to a limit."""

    def __init__(self, folders: list[Path]) -> None:
        self._folders = folders
        self._open: OrderedDict[int, int] = OrderedDict()

    def read(self, places: NDArray[Any]) -> Iterator[SpilledRow]:
        """Yield the rows at `places`, whose fields are those of `PLACE`."""
        fields: Iterable[tuple[int, int, int]] = zip(
            *(places[name].tolist() for name in PLACE.names or ()), strict=True
        )
        for unit, offset, nbytes in fields:
            yield _decode_row(os.pread(self._descriptor(unit), nbytes, offset))

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
