"""Clips in a tar that is the same for the same clips, and that WebDataset readers read.

The headers are ustar with no times, users or paths. A member's name is what WebDataset makes a key of, so it
has one dot, before the extension; where an id does not do as a name, the index has the id.
"""

import os
import re
from collections.abc import Iterable
from typing import Final

from xxhash import xxh3_64

BLOCK_BYTES: Final = 512
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_OCTAL_LIMIT = 8**11
_ZEROS = bytes(BLOCK_BYTES)


def member_name(audio_id: str, extension: str, taken: set[str]) -> str:
    """Return the name of a clip in its tar, and add it to the names `taken`.

    It is the id, where that consists of up to 80 ASCII letters, digits, ``-`` and ``_``; otherwise the id
    with everything else replaced by ``_``, cut, and with a hash of it. Never a path, at most 100 bytes.
    """
    stem = audio_id
    if not _PLAIN_NAME.fullmatch(audio_id):
        stem = f"{_UNSAFE.sub('_', audio_id)[:60]}-{xxh3_64(audio_id.encode()).hexdigest()}"
    name, number = f"{stem}.{extension}", 0
    while name in taken:
        number += 1
        name = f"{stem}-{number}.{extension}"
    taken.add(name)
    return name


def member_header(name: str, nbytes: int) -> bytes:
    """Return the 512 bytes that stand before a payload of `nbytes` bytes."""
    size = b"%011o\0" % nbytes if nbytes < _OCTAL_LIMIT else b"\x80" + nbytes.to_bytes(11, "big")
    head = b"".join((
        name.encode("ascii").ljust(100, b"\0"), b"0000644\0", b"0000000\0", b"0000000\0", size,
        b"00000000000\0", b" " * 8, b"0", bytes(100), b"ustar\x0000", bytes(64), b"0000000\0", b"0000000\0",
    )).ljust(BLOCK_BYTES, b"\0")  # fmt: skip
    return head[:148] + b"%06o\0 " % sum(head) + head[156:]


class TarWriter:
    """Writes one tar to a file opened unbuffered, and hashes it on the way."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._hash = xxh3_64()
        self.nbytes = 0
        """Bytes written."""

    def add(self, name: str, nbytes: int, parts: Iterable[bytes]) -> int:
        """Append one clip, given in parts of `nbytes` bytes altogether; return the offset of its payload."""
        header = member_header(name, nbytes)
        offset = self.nbytes + BLOCK_BYTES
        padding = _ZEROS[: -nbytes % BLOCK_BYTES]
        pending = [header]
        for part in parts:
            self._write(*pending, part)
            pending = []
        self._write(*pending, padding)
        if self.nbytes != offset + nbytes + len(padding):
            raise OSError(f"{name}: expected {nbytes} bytes, got {self.nbytes - offset - len(padding)}")
        return offset

    def close(self) -> str:
        """Write the end of the archive; return the xxh3 (64 bits, hex) of the file."""
        self._write(_ZEROS, _ZEROS)
        return self._hash.hexdigest()

    def _write(self, *parts: bytes) -> None:
        for part in parts:
            self._hash.update(part)
        total = sum(map(len, parts))
        written = os.writev(self._descriptor, parts)
        if written < total:
            rest = memoryview(b"".join(parts))[written:]
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        self.nbytes += total
