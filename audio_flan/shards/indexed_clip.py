"""What is known of a stored clip."""

from typing import NamedTuple


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
