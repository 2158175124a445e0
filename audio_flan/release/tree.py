"""Files below a root, on a local disk or behind fsspec (``hf://``, ``s3://``, ...), by relative path."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Protocol

from audio_flan.release.errors import ReleaseError
from audio_flan.waveform import AudioError, ClipFault, FileSource, RangeSource, UrlSource

if TYPE_CHECKING:
    import fsspec

    from audio_flan.waveform import ClipSource


@dataclass(frozen=True, slots=True)
class Entity:
    """A file of the tree: its path relative to the root, size in bytes, and a mark that changes with it."""

    path: str
    size: int
    mark: str


class Tree(Protocol):
    """What the readers of a release need of a file system."""

    root: str

    def find(self, folder: str) -> list[Entity]:
        """List all files below `folder`, sorted by path; empty when there is no such folder."""
        ...

    def open(self, path: str) -> IO[bytes]:
        """Open one file for reading."""
        ...

    def clip(self, path: str, audio_id: str) -> "ClipSource | None":
        """Return the source of a clip that is a file of its own; None when there is no such file."""
        ...

    def part(self, path: str, offset: int, nbytes: int, name: str) -> "ClipSource":
        """Return the source of a clip that is a byte range of a file."""
        ...

    def names(self, folder: str) -> list[str]:
        """List the names directly in `folder`; empty when there is none."""
        ...

    def folder_bytes(self, folder: str) -> int | None:
        """Sum the sizes of all files below `folder`, in bytes; None where that would be a long listing."""
        ...


@dataclass
class LocalTree:
    """A tree on a mounted disk. No link leads out of it."""

    root: str
    _safe_folders: dict[str, bool] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.root = os.path.abspath(self.root)  # noqa: PTH100 - keeps links as the user wrote them

    def find(self, folder: str) -> list[Entity]:
        """List all regular files below `folder` (see `Tree`)."""
        return sorted(self._walk(os.path.join(self.root, folder)), key=lambda entity: entity.path)

    def _walk(self, folder: str) -> Iterator[Entity]:
        try:
            listing = list(os.scandir(folder))
        except (FileNotFoundError, NotADirectoryError):
            return
        for item in listing:
            if item.is_dir(follow_symlinks=False) or (item.is_dir() and self._inside(item.path)):
                yield from self._walk(item.path)
            elif item.is_file() and (not item.is_symlink() or self._inside(item.path)):
                facts = item.stat()
                path = os.path.relpath(item.path, self.root).replace(os.sep, "/")
                yield Entity(path, facts.st_size, str(facts.st_mtime_ns))

    def open(self, path: str) -> IO[bytes]:
        """Open one file (see `Tree`)."""
        return open(os.path.join(self.root, path), "rb")

    def names(self, folder: str) -> list[str]:
        """List names in `folder` (see `Tree`)."""
        try:
            return sorted(os.listdir(os.path.join(self.root, folder)))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def folder_bytes(self, folder: str) -> int:
        """Sum the sizes of all files below `folder` (see `Tree`)."""
        return sum(entity.size for entity in self._walk(os.path.join(self.root, folder)))

    def clip(self, path: str, audio_id: str) -> "ClipSource | None":
        """Return the clip at `path` (see `Tree`).

        Raises
        ------
        AudioError
            ``outside_root`` when a link on the way leads out of the root; ``unreadable_audio`` when it is
            no regular file or may not be looked at.
        """
        full = f"{self.root}/{path}"
        folder = full.rpartition("/")[0]
        safe = self._safe_folders.get(folder)
        if safe is None:
            safe = self._safe_folders[folder] = self._inside(folder)
        try:
            mode = os.lstat(full).st_mode
            if stat.S_ISLNK(mode):
                safe = safe and self._inside(full)
                mode = os.stat(full).st_mode if safe else mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise AudioError(audio_id, path, ClipFault.UNREADABLE_AUDIO, str(error)) from None
        if not safe:
            detail = "a symbolic link leads out of the root"
            raise AudioError(audio_id, path, ClipFault.OUTSIDE_ROOT, detail)
        if not stat.S_ISREG(mode):
            raise AudioError(audio_id, path, ClipFault.UNREADABLE_AUDIO, "not a regular file")
        return FileSource(full)

    def part(self, path: str, offset: int, nbytes: int, name: str) -> "ClipSource":
        """Return a byte range of a file (see `Tree`)."""
        return RangeSource(os.path.join(self.root, path), offset, nbytes, name)

    def _inside(self, full: str) -> bool:
        real = os.path.realpath(full)
        return any(real == base or real.startswith(base + os.sep) for base in self._bases)

    @cached_property
    def _bases(self) -> tuple[str, ...]:
        """Where files of this tree may really be: the root, and the blobs of a Hub cache snapshot."""
        real = os.path.realpath(self.root)
        parts = Path(real).parts
        if "snapshots" in parts:
            repo = Path(*parts[: parts.index("snapshots")])
            if repo.name.startswith("datasets--") and (repo / "blobs").is_dir():
                return real, str(repo / "blobs")
        return (real,)


@dataclass
class RemoteTree:
    """A tree behind an fsspec file system, for instance a dataset repo on the Hub."""

    root: str
    """Full URL, such as ``hf://datasets/ORG/NAME@REVISION``."""
    storage_options: dict[str, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def _fs(self) -> "fsspec.AbstractFileSystem":
        import fsspec

        fs, _ = fsspec.core.url_to_fs(self.root, **self.storage_options)
        return fs

    @cached_property
    def _base(self) -> str:
        return str(self._fs._strip_protocol(self.root)).rstrip("/")  # noqa: SLF001 - fsspec's own idiom

    def find(self, folder: str) -> list[Entity]:
        """List all files below `folder` (see `Tree`)."""
        try:
            found = self._fs.find(f"{self._base}/{folder}", detail=True)
        except FileNotFoundError:
            return []
        entities = [
            Entity(str(PurePosixPath(path).relative_to(self._base)), int(facts.get("size") or 0), _mark(facts))
            for path, facts in found.items()
        ]
        return sorted(entities, key=lambda entity: entity.path)

    def open(self, path: str) -> IO[bytes]:
        """Open one file (see `Tree`)."""
        handle: IO[bytes] = self._fs.open(f"{self._base}/{path}", "rb")
        return handle

    def names(self, folder: str) -> list[str]:
        """List names in `folder` (see `Tree`)."""
        try:
            return sorted(str(path).rpartition("/")[2] for path in self._fs.ls(f"{self._base}/{folder}", detail=False))
        except FileNotFoundError:
            return []

    def folder_bytes(self, folder: str) -> None:  # noqa: ARG002 - as the protocol has it
        """Return None (see `Tree`): the audio of a release is millions of files."""
        return

    def clip(self, path: str, audio_id: str) -> "ClipSource | None":  # noqa: ARG002 - as the protocol has it
        """Return the clip at `path` (see `Tree`).

        The first clip of a folder is looked up; where it is a file of its own, so are its neighbours taken
        to be, as a request for each would double the cost. One that is missing shows when it is read.
        """
        folder = path.rpartition("/")[0]
        if folder not in self._plain_folders:
            if not self._fs.exists(f"{self._base}/{path}"):
                return None
            self._plain_folders.add(folder)
        return UrlSource(f"{self.root}/{path}", self.storage_options)

    def part(self, path: str, offset: int, nbytes: int, name: str) -> "ClipSource":
        """Return a byte range of a file (see `Tree`)."""
        return UrlSource(f"{self.root}/{path}", self.storage_options, offset, nbytes, name)

    @cached_property
    def _plain_folders(self) -> set[str]:
        return set()


def open_tree(root: str | os.PathLike[str], *, token: str | bool | None = None, revision: str | None = None) -> Tree:
    """Return the tree at `root`: a folder, a URL that fsspec knows, or the id of a dataset repo on the Hub.

    Raises
    ------
    ReleaseError
        When `root` is none of these.
    """
    text = os.fspath(root)
    if os.path.isdir(text):
        return LocalTree(text)
    if "://" in text:
        return _remote(text, token, revision)
    if os.path.exists(text):
        raise ReleaseError(f"{text!r} is a file; the root of a release is a folder")
    if _is_repo_id(text):
        return _remote(f"hf://datasets/{text}", token, revision)
    raise ReleaseError(f"there is no folder {text!r}, and it is not the id (ORG/NAME) of a dataset repo on the Hub")


def _remote(url: str, token: str | bool | None, revision: str | None) -> RemoteTree:
    url = url.rstrip("/")
    if not url.startswith("hf://"):
        return RemoteTree(url)
    if revision:
        kind, org, name, *rest = url.removeprefix("hf://").split("/")
        url = "hf://" + "/".join((kind, org, f"{name.partition('@')[0]}@{revision.replace('/', '%2F')}", *rest))
    return RemoteTree(url, {} if token is None else {"token": token})


def _is_repo_id(text: str) -> bool:
    org, slash, name = text.partition("/")
    legal = all(part and all(c.isalnum() or c in "-_." for c in part) for part in (org, name))
    return bool(slash) and legal and not text.startswith(".")


def _mark(facts: dict[str, Any]) -> str:
    return str(facts.get("blob_id") or facts.get("ETag") or facts.get("etag") or facts.get("mtime") or "")
