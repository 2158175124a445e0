"""Clips that are a part of a file: a byte range behind a URL, a member of a zip archive."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audio_flan.waveform import ClipError, ClipFault
from audio_flan.waveform.sources import network_errors
from audio_flan.waveform.urls import shown_file

if TYPE_CHECKING:
    from audio_flan.release.archives import ArchiveMap
    from audio_flan.waveform import ClipSource

MAX_MEMBER_BYTES = 512 << 20
"""The largest clip, in bytes, that is unpacked from a zip archive."""


@dataclass(frozen=True, slots=True)
class UrlRange:
    """A run of `nbytes` bytes, from `offset` on, of the file at `url`.

    `name` is the clip's own file name, for messages and for its extension. The methods are those of
    `ClipSource`.
    """

    url: str = field(repr=False)
    offset: int
    nbytes: int
    name: str
    storage_options: Mapping[str, Any] = field(default_factory=dict, hash=False, repr=False)

    @property
    def location(self) -> str:
        """The URL as it is shown, the clip's name and its range."""
        return f"{shown_file(self.url)}/{self.name} at {self.offset}+{self.nbytes}"

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


@dataclass(frozen=True, slots=True)
class PlainOrArchived:
    """A clip that is taken to be a file of its own, and looked for in archives when it is not.

    To ask a server for each clip whether it is there would cost as much as to fetch it.
    """

    plain: "ClipSource"
    archives: "ArchiveMap"
    path: str

    @property
    def location(self) -> str:
        """The URL of the file."""
        return self.plain.location

    def read(self) -> bytes:
        """Fetch the clip; `FileNotFoundError` when no archive has it either."""
        return self.start(0)[0]

    def start(self, nbytes: int) -> tuple[bytes, int]:
        """Fetch the clip, and tell its size in bytes; errors as in `read`."""
        try:
            return self.plain.start(nbytes)
        except FileNotFoundError:
            member = self.archives.clip(self.path)
            if member is None:
                raise
            return member.start(nbytes)

    def cell(self) -> tuple[bytes | None, str]:
        """Give no bytes and the URL: it is a file but for rare cases."""
        return self.plain.cell()
