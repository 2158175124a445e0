"""Clips that are a part of a file: a byte range behind a URL, a member of a zip archive."""

import contextlib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audio_flan.waveform import ClipError, ClipFault

if TYPE_CHECKING:
    from audio_flan.waveform import ClipSource

MAX_MEMBER_BYTES = 512 << 20
"""The largest clip, in bytes, that is unpacked from a zip archive."""


@contextlib.contextmanager
def network_errors(url: str) -> Iterator[None]:
    """Turn what an fsspec file system raises into `OSError`: each has the errors of its own HTTP library."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{url} cannot be read: {type(error).__name__}: {error}") from error


@dataclass(frozen=True, slots=True)
class UrlRange:
    """A run of `nbytes` bytes, from `offset` on, of the file at `url`.

    `name` is the clip's own file name, for messages and for its extension. The methods are those of
    `ClipSource`.
    """

    url: str
    offset: int
    nbytes: int
    name: str
    storage_options: Mapping[str, Any] = field(default_factory=dict, hash=False, repr=False)

    @property
    def location(self) -> str:
        """The URL, the clip's name and its range."""
        return f"{self.url}/{self.name} at {self.offset}+{self.nbytes}"

    def read(self) -> bytes:
        """Fetch the range; `ClipError` when the file ends inside it, `OSError` when fetching fails."""
        import fsspec

        with network_errors(self.url):
            file_system, path = fsspec.core.url_to_fs(self.url, **self.storage_options)
            data = bytes(file_system.cat_file(path, start=self.offset, end=self.offset + self.nbytes))
        if len(data) < self.nbytes:
            detail = f"the file ends after {len(data)} of the clip's {self.nbytes} bytes"
            raise ClipError(ClipFault.TRUNCATED_AUDIO, detail)
        return data

    def start(self, nbytes: int) -> tuple[bytes, int]:  # noqa: ARG002 - as the protocol has it
        """Fetch all of the range, as one request is cheaper than two; and its length in bytes."""
        return self.read(), self.nbytes

    def cell(self) -> tuple[bytes, str]:
        """Give the bytes and the clip's name."""
        return self.read(), self.name


@dataclass(frozen=True, slots=True)
class ZipMember:
    """A member of a zip archive, read where it lies; the archive's table is not read again.

    `packed` is its run of bytes in the archive, `nbytes` its unpacked size, `crc` the CRC-32 of the unpacked
    bytes. The methods are those of `ClipSource`; a member that is not what the table says is a `ClipError`.
    """

    packed: "ClipSource"
    nbytes: int
    crc: int
    deflated: bool
    name: str

    @property
    def location(self) -> str:
        """The archive and the place in it."""
        return self.packed.location

    def read(self) -> bytes:
        """Unpack the member."""
        data = self._unpack(self.packed.read(), self.nbytes + 1)
        if len(data) != self.nbytes or zlib.crc32(data) != self.crc:
            raise ClipError(ClipFault.DAMAGED_AUDIO, "it differs from the checksum in its zip archive")
        return data

    def start(self, nbytes: int) -> tuple[bytes, int]:  # noqa: ARG002 - as the protocol has it
        """Unpack all of the member, so that its checksum is tested; and its size in bytes."""
        return self.read(), self.nbytes

    def cell(self) -> tuple[bytes, str]:
        """Give the bytes and the clip's name."""
        return self.read(), self.name

    def _unpack(self, packed: bytes, limit: int) -> bytes:
        if self.nbytes > MAX_MEMBER_BYTES:
            detail = f"the member unpacks to {self.nbytes} bytes; the limit is {MAX_MEMBER_BYTES}"
            raise ClipError(ClipFault.UNREADABLE_AUDIO, detail)
        if not self.deflated:
            return packed
        try:
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, max(1, limit))
        except zlib.error as error:
            raise ClipError(ClipFault.DAMAGED_AUDIO, f"zip archive: {error}") from None
