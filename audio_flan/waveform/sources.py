"""Where a clip's bytes are stored, and how they are read from there.

Every source is a small immutable value that pickles, opens nothing until it is asked for bytes and holds
nothing open afterwards: it can be sent to worker processes and used from any thread.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from audio_flan.waveform.errors import ClipError, ClipFault

if TYPE_CHECKING:
    import zipfile

    from fsspec import AbstractFileSystem

MAX_MEMBER_BYTES = 512 * 2**20
"""The largest clip, in bytes, that is unpacked from a zip archive (a guard against zip bombs)."""

_READ_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class ClipSource(Protocol):
    """Where one clip's encoded bytes are.

    Reading raises `OSError` when the store fails and `ClipError` when the store works but does not hold the
    clip that was promised.
    """

    @property
    def location(self) -> str:
        """The path or URL to name in messages."""
        ...

    def read(self) -> bytes:
        """Read the whole encoded clip."""
        ...

    def head(self, nbytes: int) -> bytes:
        """Read the first `nbytes` bytes of the encoded clip, fewer when the clip is shorter."""
        ...

    def size(self) -> int:
        """Size of the encoded clip in bytes."""
        ...

    def cell(self) -> tuple[bytes | None, str]:
        """Bytes and path as a plain `datasets.Audio` column stores them.

        The bytes are None when the path is enough for `datasets` to open the clip.
        """
        ...


@dataclass(frozen=True, slots=True)
class FileSource:
    """A local file that is one clip.

    Parameters
    ----------
    path
        The file's path.
    """

    path: str

    @property
    def location(self) -> str:
        """The file's path."""
        return self.path

    def read(self) -> bytes:
        """Read the whole file; `OSError` when that fails."""
        descriptor = os.open(self.path, _READ_FLAGS)
        try:
            # One byte more than the size asks for end of file in the same call.
            size = os.fstat(descriptor).st_size
            data = os.read(descriptor, size + 1)
            return data if len(data) == size else _read_on(descriptor, data)
        finally:
            os.close(descriptor)

    def head(self, nbytes: int) -> bytes:
        """Read the first `nbytes` bytes; `OSError` when that fails."""
        descriptor = os.open(self.path, _READ_FLAGS)
        try:
            return os.read(descriptor, nbytes)
        finally:
            os.close(descriptor)

    def size(self) -> int:
        """Size of the file in bytes; `OSError` when there is none."""
        return os.stat(self.path).st_size  # noqa: PTH116 - a Path costs more than the call

    def cell(self) -> tuple[None, str]:
        """Give no bytes and the path: `datasets` opens local files."""
        return None, self.path


@dataclass(frozen=True, slots=True)
class RangeSource:
    """A run of bytes inside a local file, such as a member of a tar archive.

    Parameters
    ----------
    path
        The file's path.
    offset
        Where the clip begins, in bytes from the beginning of the file.
    nbytes
        Length of the encoded clip in bytes.
    name
        The clip's own file name, for messages and for its extension.
    """

    path: str
    offset: int
    nbytes: int
    name: str

    @property
    def location(self) -> str:
        """The file, the clip's name in it and its range."""
        return f"{self.path}/{self.name} at {self.offset}+{self.nbytes}"

    def read(self) -> bytes:
        """Read the range; `ClipError` when the file ends inside it, `OSError` when reading fails."""
        return self.head(self.nbytes)

    def head(self, nbytes: int) -> bytes:
        """Read the first `nbytes` bytes of the range; errors as in `read`."""
        wanted = min(nbytes, self.nbytes)
        descriptor = os.open(self.path, _READ_FLAGS)
        try:
            data = os.pread(descriptor, wanted, self.offset)
            while len(data) < wanted:
                more = os.pread(descriptor, wanted - len(data), self.offset + len(data))
                if not more:
                    detail = f"the file ends after {len(data)} of the clip's {self.nbytes} bytes"
                    raise ClipError(ClipFault.TRUNCATED_AUDIO, detail)
                data += more
            return data
        finally:
            os.close(descriptor)

    def size(self) -> int:
        """Length of the range in bytes."""
        return self.nbytes

    def cell(self) -> tuple[bytes, str]:
        """Give the bytes and the clip's name: nothing but this class knows how to open a range."""
        return self.read(), self.name


@dataclass(frozen=True, slots=True)
class ZipSource:
    """A member of a local zip archive.

    Parameters
    ----------
    archive
        Path of the archive.
    member
        Name of the member.
    max_bytes
        The largest member, in bytes when unpacked, that is read.
    """

    archive: str
    member: str
    max_bytes: int = MAX_MEMBER_BYTES

    @property
    def location(self) -> str:
        """The URL by which fsspec and `datasets` open the member."""
        return f"zip://{self.member}::{self.archive}"

    def read(self) -> bytes:
        """Unpack the member; `OSError` when it is missing, too large or broken."""
        return self._unpack(-1)

    def head(self, nbytes: int) -> bytes:
        """Unpack the first `nbytes` bytes of the member; errors as in `read`."""
        return self._unpack(nbytes)

    def size(self) -> int:
        """Size of the unpacked member in bytes, as the archive's directory declares it."""
        import zipfile

        try:
            with zipfile.ZipFile(self.archive) as archive:
                return self._entry(archive).file_size
        except zipfile.BadZipFile as error:
            raise OSError(str(error)) from error

    def cell(self) -> tuple[None, str]:
        """Give no bytes and a chained URL: `datasets` opens zip members."""
        return None, self.location

    def _unpack(self, nbytes: int) -> bytes:
        import zipfile
        import zlib

        try:
            with zipfile.ZipFile(self.archive) as archive, archive.open(self._entry(archive)) as member:
                # zipfile stops at the declared size, which the entry's check has limited.
                return member.read(nbytes)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            message = f"zip archive: {error}"
            raise OSError(message) from error

    def _entry(self, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
        try:
            entry = archive.getinfo(self.member)
        except KeyError:
            message = f"no member {self.member!r} in the archive"
            raise FileNotFoundError(message) from None
        if entry.file_size > self.max_bytes:
            message = f"the member unpacks to {entry.file_size} bytes; the limit is {self.max_bytes}"
            raise OSError(message)
        return entry


@dataclass(frozen=True, slots=True)
class UrlSource:
    """A clip behind a URL that fsspec opens, such as ``hf://...`` or ``https://...``.

    Parameters
    ----------
    url
        The URL.
    storage_options
        Passed to the fsspec file system, such as a token; never shown.
    """

    url: str
    storage_options: Mapping[str, Any] = field(default_factory=dict, hash=False, repr=False)

    @property
    def location(self) -> str:
        """The URL."""
        return self.url

    def read(self) -> bytes:
        """Fetch the whole clip; `OSError` when that fails."""
        with _as_os_error():
            file_system, path = self._resolve()
            return bytes(file_system.cat_file(path))

    def head(self, nbytes: int) -> bytes:
        """Fetch the first `nbytes` bytes; `OSError` when that fails."""
        with _as_os_error():
            file_system, path = self._resolve()
            return bytes(file_system.cat_file(path, start=0, end=nbytes))

    def size(self) -> int:
        """Size of the encoded clip in bytes; a clip of unknown length is fetched to count it."""
        with _as_os_error():
            file_system, path = self._resolve()
            size = file_system.size(path)
        return len(self.read()) if size is None else int(size)

    def cell(self) -> tuple[None, str]:
        """Give no bytes and the URL: `datasets` opens URLs."""
        return None, self.url

    def _resolve(self) -> tuple[AbstractFileSystem, str]:
        import fsspec

        file_system, path = fsspec.core.url_to_fs(self.url, **self.storage_options)
        return file_system, path


@dataclass(frozen=True, slots=True)
class BytesSource:
    """A clip that is in memory.

    Parameters
    ----------
    data
        The encoded clip.
    name
        Its file name, for messages and for its extension.
    """

    data: bytes = field(repr=False)
    name: str

    @property
    def location(self) -> str:
        """The clip's name."""
        return self.name

    def read(self) -> bytes:
        """Give the encoded clip."""
        return self.data

    def head(self, nbytes: int) -> bytes:
        """Give the first `nbytes` bytes of the encoded clip."""
        return self.data[:nbytes]

    def size(self) -> int:
        """Size of the encoded clip in bytes."""
        return len(self.data)

    def cell(self) -> tuple[bytes, str]:
        """Give the bytes and the name."""
        return self.data, self.name


def _read_on(descriptor: int, data: bytes) -> bytes:
    """Read to the end of a file whose first read did not give exactly its size."""
    parts = [data]
    while part := os.read(descriptor, 2**20):
        parts.append(part)
    return b"".join(parts)


@contextlib.contextmanager
def _as_os_error() -> Iterator[None]:
    """Turn what an fsspec file system raises into `OSError`.

    Every one of them raises the errors of its own HTTP library; nobody who reads a clip knows them all.
    """
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        raise OSError(message) from error
