"""Where clips and rows stand: pseudo-random orders and equal shards, as pure functions."""

from typing import TYPE_CHECKING

from xxhash import xxh3_64_intdigest

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray


def rank(seed: int, name: str) -> int:
    """Return the place of `name` in the order of `seed`: a 64-bit number, to be sorted by."""
    return xxh3_64_intdigest(name.encode(), seed=seed & 0xFFFF_FFFF_FFFF_FFFF)


def shard_bounds(sizes: "NDArray[np.int64]", shard_size: int) -> list[int]:
    """Cut consecutive items into shards of about equal size, none much over `shard_size`.

    Returns
    -------
    list of int
        First item of each shard, and the number of items at the end; [0] for no items.
    """
    import numpy as np

    if not len(sizes):
        return [0]
    ends = np.cumsum(sizes, dtype=np.int64)
    count = max(1, -(-int(ends[-1]) // shard_size))
    starts = ends - sizes
    cuts = [int(np.searchsorted(starts, -(-int(ends[-1]) * i // count))) for i in range(count)]
    return [*dict.fromkeys((*cuts, len(sizes)))]


def runs(weights: "Iterable[int]", limit: int) -> list[range]:
    """Cut items into runs of consecutive ones; a run ends as soon as it weighs `limit` or more."""
    found, start, stop, weight = [], 0, 0, 0
    for item in weights:
        stop, weight = stop + 1, weight + item
        if weight >= limit:
            found.append(range(start, stop))
            start, weight = stop, 0
    if start < stop:
        found.append(range(start, stop))
    return found


def corpus_of(path: str) -> str:
    """Return the corpus in whose audio folder a clip lies: ``audio_files/<domain>/<corpus>/...``.

    A clip that lies elsewhere belongs to a corpus named like its folder.
    """
    parts = path.split("/")
    if len(parts) >= 4 and parts[0] == "audio_files":
        return parts[2]
    return parts[-2] if len(parts) > 1 else "audio_files"
