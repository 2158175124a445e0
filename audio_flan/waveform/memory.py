"""Memory for samples that is used again.

What threads decode ahead is freed by another thread, and later. C's allocator gives such memory back to the
system, which clears it page by page for the next clip: for a WAV clip this takes longer than all the rest.
"""

from __future__ import annotations

from collections import deque
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

_SMALLEST_BYTES: Final = 64 << 10
"""Below it the allocator keeps what is freed."""
_LARGEST_BYTES: Final = 64 << 20
_KEPT_BYTES: Final = 8 << 20
"""Free blocks of one size that are kept, in bytes, but at least two."""

_Memory = NDArray[np.uint8]


class _Block:
    """Owner of the memory of an array and of all its views; keeps the memory when the last one is gone."""

    __slots__ = ("__array_interface__", "_free", "_memory")

    def __init__(self, memory: _Memory, free: deque[_Memory], shape: tuple[int, ...], kind: str) -> None:
        self._memory, self._free = memory, free
        place = (memory.ctypes.data, False)
        self.__array_interface__ = {"version": 3, "data": place, "shape": shape, "typestr": kind}

    def __del__(self) -> None:
        self._free.append(self._memory)


def empty(shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Make an array as ``numpy.empty`` does, in memory that was used for another one, if there is some.

    Parameters
    ----------
    shape
        Its shape.
    dtype
        Its type.

    Returns
    -------
    ndarray
        C-contiguous, writable and shared with nobody; what is in it is undefined.
    """
    kind = np.dtype(dtype)
    nbytes = kind.itemsize
    for length in shape:
        nbytes *= int(length)
    if not _SMALLEST_BYTES <= nbytes <= _LARGEST_BYTES:
        return np.empty(shape, kind)
    size = _block_bytes(nbytes)
    free = _free_blocks(size)
    try:
        memory = free.pop()
    except IndexError:
        memory = np.empty(size, np.uint8)
    return np.asarray(_Block(memory, free, shape, kind.str))


def _block_bytes(nbytes: int) -> int:
    """Round up to one of four sizes in each octave."""
    step = 1 << (nbytes.bit_length() - 3)
    return -(-nbytes // step) * step


@cache
def _free_blocks(size: int) -> deque[_Memory]:
    """Return the free blocks of a size; a full deque lets go of the oldest one."""
    return deque(maxlen=max(2, _KEPT_BYTES // size))
