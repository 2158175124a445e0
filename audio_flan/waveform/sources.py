"""Where a clip's bytes are stored, and how they are read from there.

Every source is a small immutable value that pickles, opens nothing until it is asked for bytes and holds
nothing open afterwards: it can be sent to worker processes and used from any thread.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from audio_flan.waveform.errors import ClipError, ClipFault
from audio_flan.waveform.urls import hide_credentials, shown_file, without_credentials

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

    def start(self, nbytes: int) -> tuple[bytes, int]:
        """Read the first `nbytes` bytes of the clip, or all of a shorter one; and its size in bytes."""
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

    def start(self, nbytes: int) -> tuple[bytes, int]:
        """Read the first `nbytes` bytes, and the size of the file; `OSError` when that fails."""
        descriptor = os.open(self.path, _READ_FLAGS)
        try:
            size = os.fstat(descriptor).st_size
            # No more than there is: a buffer of `nbytes` would cost more than the read.
            data = os.read(descriptor, min(nbytes, size) if size else nbytes)
            return data, max(size, len(data))
        finally:
            os.close(descriptor)

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
        return self.start(self.nbytes)[0]

    def start(self, nbytes: int) -> tuple[bytes, int]:
        """Read the first `nbytes` bytes of the range, and its length; errors as in `read`."""
        return read_range(self.path, self.offset, min(nbytes, self.nbytes)), self.nbytes

    def cell(self) -> tuple[bytes, str]:
        """Give the bytes and the clip's name: nothing but this class knows how to open a range."""
        return self.read(), self.name


@dataclass(frozen=True, slots=True)
class UrlSource:
    """A clip behind a URL that fsspec opens, such as ``hf://...`` or ``https://...``.

    Parameters
    ----------
    url
        The URL. Credentials in it are used and not shown.
    storage_options
        Passed to the fsspec file system, such as a token; never shown.
    """

    url: str = field(repr=False)
    storage_options: Mapping[str, Any] = field(default_factory=dict, hash=False, repr=False)

    @property
    def location(self) -> str:
        """The URL as it is shown."""
        return shown_file(self.url)

    def read(self) -> bytes:
        """Fetch the whole clip; `OSError` when that fails."""
        import fsspec

        with network_errors(self.url):
            file_system, path = fsspec.core.url_to_fs(self.url, **self.storage_options)
            return bytes(file_system.cat_file(path))

    def start(self, nbytes: int) -> tuple[bytes, int]:  # noqa: ARG002 - as the protocol has it
        """Fetch the whole clip, as one request is cheaper than two; and its size in bytes."""
        data = self.read()
        return data, len(data)

    def cell(self) -> tuple[bytes | None, str]:
        """Give no bytes and the URL, which `datasets` opens; the bytes where that would need credentials."""
        return (None if self.location == self.url else self.read()), self.location


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

    def start(self, nbytes: int) -> tuple[bytes, int]:  # noqa: ARG002 - as the protocol has it
        """Give the whole clip, which is at hand, and its size in bytes."""
        return self.data, len(self.data)

    def cell(self) -> tuple[bytes, str]:
        """Give the bytes and the name."""
        return self.data, self.name


def read_range(path: str, offset: int, nbytes: int) -> bytes:
    """Read the `nbytes` bytes of a clip from `offset` on in a local file.

    Raises
    ------
    ClipError
        ``truncated_audio`` when the file ends before.
    OSError
        When reading fails.
    """
    descriptor = os.open(path, _READ_FLAGS)
    try:
        data = os.pread(descriptor, nbytes, offset)
        while len(data) < nbytes:
            more = os.pread(descriptor, nbytes - len(data), offset + len(data))
            if not more:
                detail = f"the file ends after {len(data)} of the clip's {nbytes} bytes"
                raise ClipError(ClipFault.TRUNCATED_AUDIO, detail)
            data += more
        return data
    finally:
        os.close(descriptor)


def _read_on(descriptor: int, data: bytes) -> bytes:
    """Read to the end of a file whose first read did not give exactly its size."""
    parts = [data]
    while part := os.read(descriptor, 2**20):
        parts.append(part)
    return b"".join(parts)


@contextlib.contextmanager
def network_errors(url: str) -> Iterator[None]:
    """Turn what an fsspec file system raises into `OSError`: each has the errors of its own HTTP library.

    Credentials in `url` are not shown.
    """
    try:
        yield
    except OSError as error:
        message = hide_credentials(str(error))
        if message == str(error):
            raise
        kinds = (kind for kind in (FileNotFoundError, PermissionError) if isinstance(error, kind))
        raise next(kinds, OSError)(message) from None
    except Exception as error:
        message = hide_credentials(str(error))
        told = f"{without_credentials(url)} cannot be read: {type(error).__name__}: {message}"
        if message != str(error):
            raise OSError(told) from None
        raise OSError(told) from error


def source_of_cell(cell: Mapping[str, Any], audio_id: str | None = None) -> tuple[ClipSource, str]:
    """Find the clip of a stored cell, and the best name there is for it.

    Parameters
    ----------
    cell
        A mapping with ``bytes`` and ``path``, as `datasets.Audio` stores them, and maybe an ``id``.
    audio_id
        The clip's id, where it is known better than by the cell.

    Raises
    ------
    ValueError
        The cell has neither bytes nor a path.
    """
    data, path = cell.get("bytes"), cell.get("path")
    source: ClipSource
    if data is not None:
        source = BytesSource(data, path or "clip")
    elif path is None:
        raise ValueError("an audio cell needs bytes or a path, and this one has neither")
    else:
        source = UrlSource(path) if "://" in path else FileSource(path)
    return source, audio_id or cell.get("id") or likely_id(source.location)


def likely_id(location: str) -> str:
    """Return the id that a clip most likely has, by where it lies.

    In a release that is ``<corpus>_<name>`` for ``audio_files/<domain>/<corpus>/<name>.flac``; elsewhere
    the name of the file. The scp files may know better, and whoever has them gives the id.
    """
    *folders, name = location.partition("::")[0].replace("\\", "/").split("/")
    name = name.rpartition(".")[0] or name
    in_release = len(folders) >= 3 and folders[-3] == "audio_files" and not name.startswith(folders[-1])
    return f"{folders[-1]}_{name}" if in_release else name
