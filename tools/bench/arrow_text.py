"""Columns of text made at once: numbers, digests and sentences as Arrow arrays."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_HEX: Final = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), np.uint8).reshape(256, 2)
_DRAWS: Final = 1 << 16


class Lexicon:
    """Words that are drawn as often as in a language: the k-th in proportion to 1 / k."""

    def __init__(self, words: Sequence[str], separator: str) -> None:
        self._words = pa.array(words, pa.string())
        self._separator = separator
        ends = np.cumsum(1 / np.arange(1, len(words) + 1))
        self._draws = np.searchsorted(ends / ends[-1], (np.arange(_DRAWS) + 0.5) / _DRAWS).astype(np.int32)

    def sentences(self, count: int, shortest: int, longest: int, rng: np.random.Generator) -> pa.Array:
        """Draw `count` sentences of `shortest` to `longest` words."""
        lengths = rng.integers(shortest, longest + 1, count, np.int32)
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        drawn = self._draws[rng.integers(0, _DRAWS, starts[-1], np.uint16)]
        words = pa.ListArray.from_arrays(starts, self._words.take(pa.array(drawn)))
        return pc.binary_join(words, self._separator)


def joined(*parts: pa.Array | str) -> pa.Array:
    """Join texts row by row; a plain text is the same for every row."""
    return pc.binary_join_element_wise(*parts, "")


def decimals(values: NDArray[np.int64], width: int = 1) -> pa.Array:
    """Write whole numbers, with leading zeros up to `width` digits."""
    text = pc.cast(pa.array(values), pa.string())
    return pc.utf8_lpad(text, width=width, padding="0") if width > 1 else text


def seconds_text(centiseconds: NDArray[np.int64]) -> pa.Array:
    """Write times in seconds, with two decimals."""
    return joined(decimals(centiseconds // 100), ".", decimals(centiseconds % 100, 2))


def digests(values: NDArray[np.uint64]) -> pa.Array:
    """Write 64-bit numbers as 16 hex digits."""
    return _fixed(_hex_digits(values))


def uuids(count: int, rng: np.random.Generator) -> pa.Array:
    """Draw random UUIDs (version 4)."""
    digits = _hex_digits(rng.integers(0, 1 << 64, 2 * count, np.uint64)).reshape(count, 32)
    digits[:, 12] = ord("4")
    digits[:, 16] = np.frombuffer(b"89ab", np.uint8)[rng.integers(0, 4, count)]
    return _fixed(np.insert(digits, (8, 12, 16, 20), ord("-"), axis=1))


def _hex_digits(values: NDArray[np.uint64]) -> NDArray[np.uint8]:
    return _HEX[values.astype(">u8").view(np.uint8)].reshape(len(values), 16)


def _fixed(characters: NDArray[np.uint8]) -> pa.Array:
    """Make a column of the rows of a table of ASCII characters."""
    count, width = characters.shape
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int32)
    buffers = [pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(characters))]
    return pa.StringArray.from_buffers(count, *buffers)
