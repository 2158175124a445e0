"""Hashes by which orders are made: SplitMix64, which is the same everywhere."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

Key: TypeAlias = np.uint64


def make_key(version: int, seed: int, epoch: int, part: str = "") -> Key:
    """Return the key of the order of a seed and an epoch; `part` tells apart those of several things."""
    return np.uint64(xxh3_64_intdigest(f"{version} {seed} {epoch}{part and f' {part}'}".encode()))


def hashes(key: Key, major: NDArray[np.int64], minor: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return a 64-bit hash of a key and two numbers, for each pair."""
    return _mixed(_mixed(major.astype(np.uint64) ^ key) + minor.astype(np.uint64))


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the output of SplitMix64 for each state."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))
