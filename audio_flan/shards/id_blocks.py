"""Blocks, of which tables of ids are made: some sorted ids, each with a record of fixed size.

A block is the number of its ids (u32), where each of them begins in the block and where the last one ends
(u32 each), the records, and the ids in UTF-8, whose order is that of their code points. All numbers are
little-endian.
"""

from bisect import bisect_right
from struct import Struct
from typing import Any, Final, NamedTuple

CLIP_RECORD: Final = Struct("<QQQQIIHH")
"""Of a clip: offset, nbytes, frames, xxh3, number of the shard, sampling rate, channels, format."""
POINTER_RECORD: Final = Struct("<QQI")
"""Of a block: the fields of `Pointer`."""
_U32: Final = Struct("<I")
_SPAN: Final = Struct("<II")


class Pointer(NamedTuple):
    """Where a block is in its file, and the 64-bit XXH3 of its bytes."""

    offset: int
    xxh3: int
    nbytes: int


class Block:
    """A block of a table.

    Parameters
    ----------
    data : bytes
    record : Struct
        What each id comes with: `CLIP_RECORD` or `POINTER_RECORD`.

    Raises
    ------
    ValueError
        When `data` is no block of such records.
    """

    __slots__ = ("_data", "_record", "_records_at", "count")

    def __init__(self, data: bytes, record: Struct) -> None:
        count = _U32.unpack_from(data)[0] if len(data) >= _U32.size else 0
        self._records_at = _U32.size * (count + 2)
        ids_at = self._records_at + record.size * count
        if not count or len(data) < ids_at or _SPAN.unpack_from(data, _U32.size)[0] != ids_at:
            raise ValueError("the block is not one of this kind")
        self._data, self._record, self.count = data, record, count

    def id(self, number: int) -> bytes:
        """Return an id, counted from 0."""
        start, stop = _SPAN.unpack_from(self._data, _U32.size * (number + 1))
        return self._data[start:stop]

    def record(self, number: int) -> tuple[Any, ...]:
        """Return the record of an id."""
        return self._record.unpack_from(self._data, self._records_at + self._record.size * number)

    def last_up_to(self, wanted: bytes) -> int:
        """Return the number of the last id that is not greater than `wanted`; -1 when all are."""
        return bisect_right(range(self.count), wanted, key=self.id) - 1


class BlockBuilder:
    """Takes ids and records in, and makes a block of them."""

    def __init__(self) -> None:
        self._ids: list[bytes] = []
        self._records: list[bytes] = []
        self.text_bytes = 0

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def first(self) -> bytes:
        """The first id."""
        return self._ids[0]

    def add(self, audio_id: bytes, record: bytes) -> None:
        """Take in an id, which is greater than those before."""
        self._ids.append(audio_id)
        self._records.append(record)
        self.text_bytes += len(audio_id)

    def data(self) -> bytes:
        """Return the block."""
        records = b"".join(self._records)
        ends = [_U32.size * (len(self._ids) + 2) + len(records)]
        for audio_id in self._ids:
            ends.append(ends[-1] + len(audio_id))
        bounds = Struct(f"<{len(ends) + 1}I").pack(len(self._ids), *ends)
        return b"".join((bounds, records, *self._ids))
