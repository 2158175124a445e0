"""A cache of shards on a local disk: what was fetched once is not fetched again."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Final, Self

from audio_flan.fetch.disk_blocks import BLOCK_BYTES, MIN_LIMIT_BYTES, DiskBlocks
from audio_flan.fetch.http import Span
from audio_flan.fetch.in_flight import in_flight
from audio_flan.integers import integer

SHARD_CACHE_BYTES: Final = 64 << 30
Fetch = Callable[[int, int], Span]
"""Called with the first byte and the one after the last; gives fewer where the file ends before."""


@dataclass(frozen=True, slots=True)
class ShardCache:
    """Keeps the files of remote roots in aligned blocks.

    A block is named by the root, the hash of its manifest, the path of the file and its own number. So it is
    never out of date, and stays good when the root is published again with the same data.

    Parameters
    ----------
    folder
        On a local disk; several processes, and several roots, may share it.
    limit_bytes
        Of all that is in it.
    root
        What is cached, and its version; see `of`.
    """

    folder: str
    limit_bytes: int = SHARD_CACHE_BYTES
    root: tuple[str, str] = field(default=("", ""), repr=False)

    @classmethod
    def at(cls, folder: str | os.PathLike[str] | None, limit_bytes: int = SHARD_CACHE_BYTES) -> Self | None:
        """Make the cache that a user asks for; None for None.

        Raises
        ------
        TypeError
            For a limit that is no whole number.
        ValueError
            For one that is too small to be of use.
        """
        if folder is None:
            return None
        limit_bytes = integer("shard_cache_bytes", limit_bytes)
        if limit_bytes < MIN_LIMIT_BYTES:
            message = f"shard_cache_bytes must be {MIN_LIMIT_BYTES:,} at least, got {limit_bytes:,}"
            raise ValueError(message)
        return cls(str(Path(folder).expanduser().absolute()), limit_bytes)

    def of(self, root: str, manifest: bytes) -> "ShardCache":
        """Return the cache for a root: its URL without the revision, and its manifest as it is stored."""
        return replace(self, root=(root, blake2b(manifest, digest_size=16).hexdigest()))

    def read(self, path: str, start: int, stop: int, fetch: Fetch) -> bytes:
        """Return the bytes [start, stop) of a file; of the blocks that they are in, fetch those not kept.

        Parameters
        ----------
        path : str
            Of the file, relative to the root.
        fetch : callable
            Fetches bytes of this file; what it raises is raised. Other threads of this process that want one
            of the same blocks wait meanwhile; other processes do not.
        """
        files, numbers = self._files(), range(start // BLOCK_BYTES, -(-stop // BLOCK_BYTES))
        names = {number: self._name(path, number) for number in numbers}
        blocks = {number: files.get(name) for number, name in names.items()}
        missing = _missing(blocks)
        if missing:
            with in_flight().claim({names[number] for number in missing}):
                # Another thread may have fetched some before the claim.
                blocks |= {number: files.get(names[number]) for number in missing}
                for first, last in _runs(_missing(blocks)):
                    span = fetch(first * BLOCK_BYTES, last * BLOCK_BYTES)
                    for number in range(first, last):
                        begin = (number - first) * BLOCK_BYTES
                        blocks[number] = block = span.data[begin : begin + BLOCK_BYTES]
                        # One that is short stays only where the file is known to end.
                        if len(block) == BLOCK_BYTES or number * BLOCK_BYTES + len(block) == span.total:
                            files.put(names[number], block)
        data = b"".join(_up_to_the_end(blocks.values()))
        return data[start - numbers.start * BLOCK_BYTES : stop - numbers.start * BLOCK_BYTES]

    def forget(self, path: str, start: int, stop: int) -> None:
        """Remove the blocks that hold any of the bytes [start, stop) of a file."""
        files = self._files()
        for number in range(start // BLOCK_BYTES, -(-stop // BLOCK_BYTES)):
            files.drop(self._name(path, number))

    def _files(self) -> DiskBlocks:
        return DiskBlocks(self.folder, self.limit_bytes)

    def _name(self, path: str, number: int) -> str:
        parts = "\0".join((*self.root, path, str(number)))
        return blake2b(parts.encode(), digest_size=16).hexdigest()


def _missing(blocks: Mapping[int, bytes | None]) -> list[int]:
    """Return the numbers of blocks that are not kept; none after a block that ends the file."""
    numbers = []
    for number, block in blocks.items():
        if block is None:
            numbers.append(number)
        elif len(block) < BLOCK_BYTES:
            break
    return numbers


def _up_to_the_end(blocks: Iterable[bytes | None]) -> Iterator[bytes]:
    """Yield blocks up to the first one that is short: there the file ends, or did when it was fetched."""
    for block in blocks:
        yield block or b""
        if block is None or len(block) < BLOCK_BYTES:
            return


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Join consecutive numbers to [first, last)."""
    first = last = -1
    for number in numbers:
        if number != last:
            if last > first:
                yield first, last
            first = number
        last = number + 1
    if last > first:
        yield first, last
