"""The clips of the generated data: pure functions of their place in their corpus, so that nothing is stored.

Each clip has a slot of its own in a shard, where it takes a run of bytes that no other takes. Their numbers,
and with them their ids, are in another order than their places, as in a built root.
"""

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from arrow_text import decimals, digests, joined
from numpy.typing import NDArray
from population import Corpus
from xxhash import xxh3_64_intdigest

from audio_flan.shards import clip_file
from audio_flan.shards.cell import cell_prefix
from audio_flan.shards.indexed_clip import IndexedClip

FORMAT: Final = "FLAC"
CHANNELS: Final = 1
_SHARD_BYTES: Final = 512_000_000
_BLOCK: Final = 512
_LEADS: Final = 256
"""A clip begins after up to so many blocks of its slot."""
_AT_ONCE: Final = 1 << 19


class ClipFacts(NamedTuple):
    """Columns of facts, a row for each clip: number of its id, shard, bytes, length in samples, hash."""

    number: NDArray[np.int64]
    shard: NDArray[np.int64]
    offset: NDArray[np.int64]
    nbytes: NDArray[np.int64]
    frames: NDArray[np.int64]
    xxh3: NDArray[np.uint64]


def clip_facts(corpus: Corpus, places: NDArray[np.int64], seed: int) -> ClipFacts:
    """Return the facts of the clips at `places`."""
    salt = np.uint64(xxh3_64_intdigest(corpus.name.encode(), seed))
    drawn = _mixed(places.astype(np.uint64) + salt)
    shortest, longest = corpus.seconds
    seconds = shortest * (longest / shortest) ** ((drawn & np.uint64(0xFFFF)) / 0x1_0000)
    frames = (seconds * corpus.sampling_rate).astype(np.int64)
    nbytes = frames * (100 + (drawn >> np.uint64(16) & np.uint64(31)).astype(np.int64)) // 100
    slot = _slot_bytes(corpus)
    per_shard = max(1, _SHARD_BYTES // slot)
    leads = (drawn >> np.uint64(24)).astype(np.int64) % _LEADS
    step = _coprime(corpus.clips)
    return ClipFacts(
        number=(places * step + step // 2) % corpus.clips,
        shard=places // per_shard,
        offset=places % per_shard * slot + (1 + leads) * _BLOCK,
        nbytes=nbytes,
        frames=frames,
        xxh3=_mixed(drawn),
    )


def clip_ids(corpus: Corpus, facts: ClipFacts) -> pa.Array:
    """Return the audio ids: the name of the corpus and a number."""
    return joined(f"{corpus.name}_", decimals(facts.number, 8))


def clip_cells(corpus: Corpus, facts: ClipFacts) -> pa.Array:
    """Return the paths of the audio cells of a local root."""
    shards, inverse = np.unique(facts.shard, return_inverse=True)
    folders = pa.array([f"{cell_prefix('')}{clip_file(corpus.name, int(n), 'tar')}/" for n in shards])
    return joined(
        folders.take(pa.array(inverse)),
        clip_ids(corpus, facts),
        f".{FORMAT.lower()}?offset=",
        decimals(facts.offset),
        "&size=",
        decimals(facts.nbytes),
        "&xxh3=",
        digests(facts.xxh3),
    )


def sorted_clips(corpus: Corpus, seed: int) -> Iterator[tuple[pa.Array, ClipFacts]]:
    """Yield ids and facts of all clips of a corpus by their ids, some hundred thousand at once."""
    step = _coprime(corpus.clips)
    back = pow(step, -1, corpus.clips)
    for start in range(0, corpus.clips, _AT_ONCE):
        numbers = np.arange(start, min(start + _AT_ONCE, corpus.clips), dtype=np.int64)
        facts = clip_facts(corpus, (numbers - step // 2) % corpus.clips * back % corpus.clips, seed)
        yield clip_ids(corpus, facts), facts


def indexed_clips(corpus: Corpus, ids: pa.Array, facts: ClipFacts) -> Iterator[IndexedClip]:
    """Yield the rows of the index of a corpus."""
    columns = (column.tolist() for column in facts)
    for audio_id, (_, shard, offset, nbytes, frames, xxh3) in zip(
        ids.to_pylist(), zip(*columns, strict=True), strict=True
    ):
        path = clip_file(corpus.name, shard, "tar")
        rate = corpus.sampling_rate
        yield IndexedClip(audio_id, path, offset, nbytes, rate, CHANNELS, frames, FORMAT, xxh3)


def _slot_bytes(corpus: Corpus) -> int:
    longest = int(corpus.seconds[1] * corpus.sampling_rate * 1.31)
    return (longest // _BLOCK + 2 + _LEADS) * _BLOCK


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread 64-bit numbers (the finaliser of splitmix64): none come to be the same."""
    values = values + np.uint64(0x9E37_79B9_7F4A_7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
    return values ^ (values >> np.uint64(31))


def _coprime(count: int) -> int:
    """Return a number near the golden section of `count` that shares no factor with it."""
    step = max(1, round(count * 0.618))
    while math.gcd(step, count) != 1:
        step += 1
    return step
