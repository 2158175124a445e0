"""Memory for samples that is used again.

What threads decode ahead is freed by another thread, and later. C's allocator gives such memory back to the
system, which clears it page by page for the next clip: for a WAV clip this takes longer than all the rest.
"""

from __future__ import annotations

import sys
from collections import deque
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

_SMALLEST_BYTES: Final = 64 << 10
"""Below it the allocator keeps what is freed."""
_LARGEST_BYTES: Final = 64 << 20
_KEPT_BYTES: Final = 8 << 20
"""Blocks of one size that are kept, in bytes, but at least two."""
_LOOKS: Final = 16
"""Blocks that are looked at for one that is free, before another one is made."""

_Blocks = deque[NDArray[np.uint8]]


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
    blocks = _blocks(size)
    for _ in range(_LOOKS):
        block, references = _take(blocks)
        if block is None:
            break
        if references == _FREE:
            blocks.append(block)
            return np.ndarray(shape, kind, block)
        blocks.appendleft(block)
    block = np.empty(size, np.uint8)
    blocks.append(block)
    return np.ndarray(shape, kind, block)


def _take(blocks: _Blocks) -> tuple[NDArray[np.uint8] | None, int]:
    """Take the block out that was given out last, so that no other thread does, and count its references.

    Every array in a block refers to it, and so does every view of such an array: numpy sees to it that the
    owner of the memory is the base of them all.
    """
    try:
        block = blocks.pop()
    except IndexError:
        return None, 0
    return block, sys.getrefcount(block)


_FREE: Final = _take(deque([np.empty(0, np.uint8)]))[1]
"""References to a block that nobody uses; how many `_take` itself counts depends on the interpreter."""


def _block_bytes(nbytes: int) -> int:
    """Round up to one of four sizes in each octave."""
    step = 1 << (nbytes.bit_length() - 3)
    return -(-nbytes // step) * step


@cache
def _blocks(size: int) -> _Blocks:
    """Return the blocks of a size, used or not; a full deque lets go of the one unused for longest."""
    return deque(maxlen=max(2, _KEPT_BYTES // size))
