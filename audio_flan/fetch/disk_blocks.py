"""Blocks of bytes in files of a folder, up to a size; those not used for longest go first.

Any number of processes share a folder, and may be killed at any moment. There are no locks: a block appears
whole by being renamed into its place, and is compared with its hash whenever it is read.
"""

import contextlib
import logging
import os
import re
import time
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from xxhash import xxh3_64

BLOCK_BYTES: Final = 1 << 20
"""A block is never longer."""
MIN_LIMIT_BYTES: Final = 16 * BLOCK_BYTES
LEFTOVER_S: Final = 3600.0
"""A temporary file that is older, in seconds, belongs to a process that was killed."""
_DIGEST_BYTES: Final = 8
_STORED_BYTES: Final = BLOCK_BYTES + _DIGEST_BYTES
_TEMPORARY_PREFIX: Final = ".tmp-"
_FOLDER = re.compile(r"[0-9a-f]{2}", re.ASCII)
_FILE = re.compile(r"[0-9a-f]{30}", re.ASCII)

logger = logging.getLogger("audio_flan")


class _File(NamedTuple):
    used_ns: int
    nbytes: int
    path: str


class DiskBlocks:
    """The blocks in a folder, by names of 32 hex digits.

    What cannot be written is not kept, with one warning: a full disk stops nobody.

    Parameters
    ----------
    folder : str
        It is made when the first block is put into it.
    limit_bytes : int
        What all processes have there is never more, but for blocks that are just being written.
    """

    def __init__(self, folder: str, limit_bytes: int) -> None:
        self._folder, self._limit_bytes = os.path.join(folder, "blocks"), limit_bytes
        self._slack = limit_bytes // 16 // _STORED_BYTES
        """So many blocks are put between two looks at the size of all."""

    def get(self, name: str) -> bytes | None:
        """Return a block, if it is there and whole."""
        path = self._path(name)
        try:
            with open(path, "rb") as file:
                stored = file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            _warn(self._folder, str(error.strerror))
            return None
        data = stored[:-_DIGEST_BYTES]
        if stored[-_DIGEST_BYTES:] != _digest(name, data):
            self.drop(name)
            return None
        with contextlib.suppress(OSError):  # another process may have removed it
            os.utime(path)
        return data

    def put(self, name: str, data: bytes) -> None:
        """Keep a block, and remove others where there are too many."""
        path = self._path(name)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120 - hot
            written = self._count()
            _write(path, (data, _digest(name, data)))
            if written >= self._slack:
                self._clean_up()
        except OSError as error:
            _warn(self._folder, str(error.strerror))

    def drop(self, name: str) -> None:
        """Remove a block."""
        with contextlib.suppress(OSError):
            os.unlink(self._path(name))  # noqa: PTH108 - hot

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name[:2]}/{name[2:]}"

    def _count(self) -> int:
        """Count one block more; return how many all processes have written since the last look at the size.

        Before it is written: what is killed meanwhile leaves a temporary file, which takes room, too.
        """
        descriptor = os.open(f"{self._folder}/written", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(descriptor, b".")
            return os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)

    def _clean_up(self) -> None:
        """Make room for as many blocks as are written before the next look."""
        os.truncate(f"{self._folder}/written", 0)
        now, files = time.time(), list[_File]()
        for file in self._files():
            if file.path.rpartition("/")[2].startswith(_TEMPORARY_PREFIX):
                if now - file.used_ns / 1e9 > LEFTOVER_S:
                    _remove(file.path)
            else:
                files.append(file)
        excess = sum(file.nbytes for file in files) - self._limit_bytes + self._slack * _STORED_BYTES
        for file in sorted(files):
            if excess <= 0:
                break
            _remove(file.path)
            excess -= file.nbytes

    def _files(self) -> Iterator[_File]:
        """List the files that are ours."""
        for folder in list(os.scandir(self._folder)):
            if not (_FOLDER.fullmatch(folder.name) and folder.is_dir(follow_symlinks=False)):
                continue
            for entry in os.scandir(folder.path):
                if _FILE.fullmatch(entry.name) or entry.name.startswith(_TEMPORARY_PREFIX):
                    with contextlib.suppress(FileNotFoundError):
                        facts = entry.stat(follow_symlinks=False)
                        yield _File(facts.st_mtime_ns, facts.st_size, entry.path)


def _digest(name: str, data: bytes) -> bytes:
    """Hash a block with its name, so that no other block passes for it."""
    digest = xxh3_64(name.encode())
    digest.update(data)
    return digest.digest()


def _write(path: str, parts: tuple[bytes, ...]) -> None:
    # Not by tempfile, whose files are for their owner alone: the folder and the umask say who shares it.
    temporary = f"{os.path.dirname(path)}/{_TEMPORARY_PREFIX}{os.urandom(8).hex()}"  # noqa: PTH120
    try:
        with open(temporary, "xb") as file:
            file.writelines(parts)
        os.replace(temporary, path)  # noqa: PTH105 - hot
    except BaseException:
        _remove(temporary)
        raise


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)  # noqa: PTH108 - hot


@cache
def _warn(folder: str, problem: str) -> None:
    """Say once what is wrong."""
    logger.warning("the cache of shards in %s: %s; going on without what it cannot keep", folder, problem)
