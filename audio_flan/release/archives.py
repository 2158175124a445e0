"""Clips inside a ``.tar`` or ``.zip`` that stands beside the place their path names.

For a path ``a/b/c.flac`` that is no file, the archives in ``a/b`` and ``a`` are looked at, the nearest folder
first. A member is the clip when its name is the path relative to the archive's folder, relative to a folder
named like the archive, or relative to the root. Members are read where they lie and never extracted.
"""

import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from audio_flan.release.tree import Tree
from audio_flan.waveform import ZipSource

if TYPE_CHECKING:
    from audio_flan.waveform import ClipSource

ARCHIVE_SUFFIXES = (".tar", ".zip")
MAX_OPEN_ARCHIVES = 64
_Member = tuple[int, int] | None
"""(offset, size) in bytes of a member that lies uncompressed; None for a compressed one."""


class ArchiveMap:
    """Clips by path, inside archives; the member tables of the archives last used are kept."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._archives_in: dict[str, list[str]] = {}
        self._members: OrderedDict[str, dict[str, _Member]] = OrderedDict()

    def clip(self, path: str) -> "ClipSource | None":
        """Return the source of the clip that `path` names, or None when no archive beside it has it."""
        found = self._find(path)
        if found is None:
            return None
        archive, name = found
        member = self._members_of(archive)[name]
        if member is None:
            return ZipSource(f"{self._tree.root}/{archive}", name)
        return self._tree.part(archive, *member, name)

    def archive_of(self, path: str) -> str | None:
        """Return the path of the archive that has the clip, or None."""
        found = self._find(path)
        return found and found[0]

    def _find(self, path: str) -> tuple[str, str] | None:
        for archive, names in self._candidates(path):
            members = self._members_of(archive)
            for name in names:
                if name in members:
                    return archive, name
        return None

    def _candidates(self, path: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        folder = path
        while "/" in folder:
            folder = folder.rpartition("/")[0]
            if folder not in self._archives_in:
                names = self._tree.names(folder)
                self._archives_in[folder] = [f"{folder}/{n}" for n in names if n.endswith(ARCHIVE_SUFFIXES)]
            for archive in self._archives_in[folder]:
                relative = path[len(folder) + 1 :]
                stem = archive[len(folder) + 1 :].rpartition(".")[0]
                yield archive, tuple(dict.fromkeys((relative, relative.removeprefix(f"{stem}/"), path)))

    def _members_of(self, archive: str) -> dict[str, _Member]:
        if archive in self._members:
            self._members.move_to_end(archive)
            return self._members[archive]
        read = _tar_members if archive.endswith(".tar") else _zip_members
        self._members[archive] = read(self._tree, archive)
        if len(self._members) > MAX_OPEN_ARCHIVES:
            self._members.popitem(last=False)
        return self._members[archive]


def _tar_members(tree: Tree, archive: str) -> dict[str, _Member]:
    """Read the member table of an uncompressed tar; a damaged one gives what stands before the damage."""
    members: dict[str, _Member] = {}
    with tree.open(archive) as handle:
        try:
            with tarfile.open(fileobj=handle, mode="r:") as tar:
                for info in tar:
                    if info.isreg() and not info.issparse():
                        members[info.name.removeprefix("./")] = (info.offset_data, info.size)
                    tar.members.clear()  # tarfile keeps every header otherwise
        except (tarfile.TarError, EOFError):
            pass  # clips after the damage are reported as missing, each by its id
    return members


def _zip_members(tree: Tree, archive: str) -> dict[str, _Member]:
    members: dict[str, _Member] = {}
    with tree.open(archive) as handle:
        try:
            with zipfile.ZipFile(handle) as table:
                members = {info.filename: None for info in table.infolist() if not info.is_dir()}
        except zipfile.BadZipFile:
            pass  # its clips are reported as missing, each by its id
    return members


