"""Clips inside a ``.tar`` or ``.zip`` that stands beside the place their path names.

For a path ``a/b/c.flac`` that is no file, the archives in ``a/b`` and ``a`` are looked at, the nearest folder
first. A member is the clip when its name is the path relative to the archive's folder, relative to a folder
named like the archive, or relative to the root. Members are read where they lie and never extracted.
"""

import contextlib
import struct
import tarfile
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from threading import Lock
from typing import IO, TYPE_CHECKING

from audio_flan.release.sources import ZipMember
from audio_flan.release.tree import Tree
from audio_flan.waveform import ClipError, ClipFault

if TYPE_CHECKING:
    from audio_flan.waveform import ClipSource

ARCHIVE_SUFFIXES = (".tar", ".zip")
MAX_OPEN_ARCHIVES = 64
_Member = tuple[int, int] | zipfile.ZipInfo
"""(offset, size) in bytes of a member of a tar; what its table says of a member of a zip."""
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_DAMAGE = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, RuntimeError,
    OverflowError, MemoryError,
)  # fmt: skip
"""What the readers of the standard library raise at the tables of broken and hostile archives."""


class ArchiveMap:
    """Clips by path, inside archives; the member tables of the archives last used are kept.

    It may be asked from several threads.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._archives_in: dict[str, list[str]] = {}
        self._members: OrderedDict[str, dict[str, _Member]] = OrderedDict()
        self._lock = Lock()

    def __reduce__(self) -> tuple[type, tuple[Tree]]:
        return type(self), (self._tree,)

    def clip(self, path: str) -> "ClipSource | None":
        """Return the source of the clip that `path` names, or None when no archive beside it has it.

        Raises
        ------
        ClipError
            For a member of a zip that is encrypted, or packed by a rare method.
        OSError
            When a folder or an archive cannot be read.
        """
        found = self._find(path)
        if found is None:
            return None
        archive, name, member = found
        if isinstance(member, zipfile.ZipInfo):
            return self._zip_member(archive, member)
        return self._tree.part(archive, *member, name)

    def archive_of(self, path: str) -> str | None:
        """Return the path of the archive that has the clip, or None."""
        found = self._find(path)
        return found and found[0]

    def _find(self, path: str) -> tuple[str, str, _Member] | None:
        with self._lock:
            for archive, names in self._candidates(path):
                members = self._members_of(archive)
                for name in names:
                    if name in members:
                        return archive, name, members[name]
        return None

    def _candidates(self, path: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        folder = path
        while "/" in folder:
            folder = folder.rpartition("/")[0]
            if folder not in self._archives_in:
                names = self._tree.file_names(folder, ARCHIVE_SUFFIXES)
                self._archives_in[folder] = [f"{folder}/{name}" for name in names]
            for archive in self._archives_in[folder]:
                relative = path[len(folder) + 1 :]
                stem = archive[len(folder) + 1 :].rpartition(".")[0]
                yield archive, tuple(dict.fromkeys((relative, relative.removeprefix(f"{stem}/"), path)))

    def _members_of(self, archive: str) -> dict[str, _Member]:
        if archive in self._members:
            self._members.move_to_end(archive)
            return self._members[archive]
        read = _read_tar if archive.endswith(".tar") else _read_zip
        self._members[archive] = _table(self._tree, archive, read)
        if len(self._members) > MAX_OPEN_ARCHIVES:
            self._members.popitem(last=False)
        return self._members[archive]

    def _zip_member(self, archive: str, info: zipfile.ZipInfo) -> "ClipSource":
        encrypted = info.flag_bits & 1
        if encrypted or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            how = "encrypted" if encrypted else f"packed by method {info.compress_type}"
            raise ClipError(
                ClipFault.UNSUPPORTED_AUDIO, f"the member {info.filename!r} of {archive} is {how}"
            )
        # The data stand behind a header whose two lengths are not those in the archive's table.
        header = self._tree.part(archive, info.header_offset, _LOCAL_HEADER.size, info.filename).read()
        magic, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(header)
        if magic != b"PK\x03\x04":
            raise ClipError(
                ClipFault.DAMAGED_AUDIO, f"no member begins at byte {info.header_offset} of {archive}"
            )
        offset = info.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes
        packed = self._tree.part(archive, offset, info.compress_size, info.filename)
        deflated = info.compress_type == zipfile.ZIP_DEFLATED
        return ZipMember(packed, info.file_size, info.CRC, deflated, info.filename)


def _table(
    tree: Tree, archive: str, read: Callable[..., Iterator[tuple[str, _Member]]]
) -> dict[str, _Member]:
    """Read an archive's table; a damaged one gives what stands before the damage."""
    members: dict[str, _Member] = {}
    # The clips after the damage are reported as missing, each by its id.
    with tree.open(archive) as handle, contextlib.suppress(*_DAMAGE):
        members.update(read(handle))
    return members


def _read_tar(handle: IO[bytes]) -> Iterator[tuple[str, _Member]]:
    with tarfile.open(fileobj=handle, mode="r:") as tar:
        while (info := tar.next()) is not None:
            if info.isreg() and not info.issparse():
                yield info.name.removeprefix("./"), (info.offset_data, info.size)
            tar.members = []  # type: ignore[attr-defined] # it would keep every header


def _read_zip(handle: IO[bytes]) -> Iterator[tuple[str, _Member]]:
    with zipfile.ZipFile(handle) as table:
        yield from ((info.filename, info) for info in table.infolist() if not info.is_dir())
