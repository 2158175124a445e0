"""Lines of a metadata or scp file with their byte offsets, in bounded memory whatever the file holds."""

import gzip
import zlib
from collections.abc import Iterator
from typing import IO, cast

import msgspec

from audio_flan.records import Reason

MAX_LINE_BYTES = 1 << 20
"""Longest line that is read, in bytes. A record of Audio-FLAN is about 550 bytes long."""
MAX_GZIP_GROWTH = ((1 << 20, 400), (16 << 20, 200))
"""(decompressed bytes, ratio): from that size on a gzip stream that has grown more than this is refused.

JSON text shrinks 5 to 40 times, and one record of 500 bytes repeated for ever about 230 times.
"""
_GRACE_LINES = 1 << 16
"""From that line on a gzip stream with more lines than compressed bytes is refused: rows are not as small."""
_GZIP_PIECE_BYTES = 4096
_BOM = b"\xef\xbb\xbf"


class Line(msgspec.Struct, frozen=True, gc=False):
    """One line.

    ``data`` is None for a line over the limit; its rest has been passed over.
    """

    number: int
    byte_offset: int
    data: bytes | None


class FileFault(ValueError):
    """A file that cannot be read to its end; the lines before the fault have been given out."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}")


def read_lines(
    handle: IO[bytes], *, compressed: bool = False, max_bytes: int = MAX_LINE_BYTES
) -> Iterator[Line]:
    """Yield the lines of `handle` that are not blank, without line breaks or byte order mark.

    Parameters
    ----------
    handle : binary file
    compressed : bool
        Whether it is gzip. Offsets are those of the decompressed text.
    max_bytes : int
        Longest line, in bytes.

    Raises
    ------
    FileFault
        ``bad_gzip``, ``gzip_bomb`` or ``unreadable_file``, after the lines that could be read.
    """
    guard = _BombGuard(handle) if compressed else None
    source = cast("IO[bytes]", gzip.GzipFile(fileobj=cast("IO[bytes]", guard))) if guard else handle
    try:
        yield from _bounded_lines(source, max_bytes, guard)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileFault(Reason.BAD_GZIP, f"not a whole gzip stream: {error}") from None
    except OSError as error:
        raise FileFault(Reason.UNREADABLE_FILE, str(error)) from None


def _bounded_lines(source: IO[bytes], max_bytes: int, guard: "_BombGuard | None") -> Iterator[Line]:
    number = offset = 0
    while data := source.readline(max_bytes + 2):  # room for a CRLF
        number += 1
        start, size = offset, len(data)
        while data and data[-1] != 10 and (more := source.readline(max_bytes)):
            # The line goes on: it is over the limit. Pass over it in pieces, holding none.
            size += len(more)
            data = b"\n" if more[-1] == 10 else b"."
            if guard:
                guard.check(offset + size, number)
        offset += size
        if guard:
            guard.check(offset, number)
        text = data.rstrip(b"\r\n")
        if number == 1:
            text = text.removeprefix(_BOM)
        if size - 2 > max_bytes or len(text) > max_bytes:
            yield Line(number, start, None)
        elif text and not text.isspace():
            yield Line(number, start, text)


class _BombGuard:
    """The compressed side of a gzip stream; refuses what comes out of it beyond proportion.

    It is read in small pieces, so that what has gone in is what the lines so far were made of.
    """

    def __init__(self, handle: IO[bytes]) -> None:
        self._handle = handle
        self._nbytes = 0

    def read(self, size: int) -> bytes:
        data = self._handle.read(min(size, _GZIP_PIECE_BYTES))
        self._nbytes += len(data)
        return data

    def check(self, decompressed_bytes: int, lines: int) -> None:
        if (lines > _GRACE_LINES and lines > self._nbytes) or any(
            decompressed_bytes >= from_bytes and decompressed_bytes > ratio * self._nbytes
            for from_bytes, ratio in MAX_GZIP_GROWTH
        ):
            found = f"{decompressed_bytes:,} bytes and {lines:,} lines out of {self._nbytes:,} bytes"
            raise FileFault(Reason.GZIP_BOMB, f"{found}; the rest is not read")
