"""Files below a root, on a local disk or behind fsspec (``hf://``, ``s3://``, ...), by relative path."""

import errno
import io
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, unquote

from audio_flan.release.errors import ReleaseError
from audio_flan.release.sources import UrlRange
from audio_flan.waveform import AudioError, ClipFault, FileSource, RangeSource, UrlSource
from audio_flan.waveform.sources import network_errors
from audio_flan.waveform.urls import is_web, without_credentials

if TYPE_CHECKING:
    import fsspec
    from _typeshed import WriteableBuffer

    from audio_flan.waveform import ClipSource


MAX_LINK_DEPTH = 2
"""Symbolic links to folders of the tree that are followed inside one another."""
_READ_BYTES = 1 << 20
_QUESTIONS_AT_ONCE = 16
_NO_SUCH_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
_MARKS = (
    "blob_id", "ETag", "etag", "mtime", "LastModified", "Last-Modified", "last_modified", "updated",
    "created",
)  # fmt: skip
"""Where file systems of fsspec keep what changes with a file, best first."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A file of the tree: its path relative to the root, size in bytes, and a mark that changes with it."""

    path: str
    size: int
    mark: str


class Tree(Protocol):
    """What the readers of a release need of a file system."""

    @property
    def root(self) -> str:
        """Folder, or URL as it is shown."""
        ...

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

    def file_names(self, folder: str, suffixes: tuple[str, ...]) -> list[str]:
        """List the regular files directly in `folder` that end in one of `suffixes`, sorted."""
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
        """List all regular files below `folder` (see `Tree`); `ReleaseError` when a link to it leads out."""
        full = os.path.join(self.root, folder)
        if os.path.islink(full) and not os.path.exists(full):  # noqa: PTH110, PTH114 - as `full` is text
            raise ReleaseError(f"{full} is a symbolic link to {os.readlink(full)}, which is not there")  # noqa: PTH115
        if not self._inside(full):
            raise ReleaseError(
                f"{full} is a symbolic link that leads out of {self.root}, and such links are not followed: "
                "move the folder there, or mount it there (mount --bind)"
            )
        return sorted(self._walk(full), key=lambda entity: entity.path)

    def _walk(self, folder: str, links: tuple[str, ...] = ()) -> Iterator[Entity]:
        """Yield the files below `folder`, which was reached by links to the folders `links`."""
        for item in _scan(folder):
            try:
                if item.is_symlink() and not self._inside(item.path):
                    continue
                if item.is_dir():
                    below = self._follow(item, links) if item.is_symlink() else links
                    if below is not None:
                        yield from self._walk(item.path, below)
                elif item.is_file():
                    facts = item.stat()
                    path = os.path.relpath(item.path, self.root).replace(os.sep, "/")
                    yield Entity(path, facts.st_size, str(facts.st_mtime_ns))
            except OSError as error:
                if error.errno not in (*_NO_SUCH_FILE, errno.ELOOP):  # it went away, or links to itself
                    raise

    def _follow(self, item: "os.DirEntry[str]", links: tuple[str, ...]) -> tuple[str, ...] | None:
        """Return `links` and this link to a folder; None where it makes a loop or they are too many."""
        target, place = os.path.realpath(item.path), os.path.realpath(Path(item.path).parent)
        loop = target in links or f"{place}/".startswith(f"{target}/")
        return None if loop or len(links) >= MAX_LINK_DEPTH else (*links, target)

    def open(self, path: str) -> IO[bytes]:
        """Open one file (see `Tree`)."""
        return open(os.path.join(self.root, path), "rb")

    def file_names(self, folder: str, suffixes: tuple[str, ...]) -> list[str]:
        """List files in `folder` (see `Tree`)."""
        found = (item for item in _scan(os.path.join(self.root, folder)) if item.name.endswith(suffixes))
        return sorted(item.name for item in found if item.is_file() and self._inside(item.path))

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
                mode = os.stat(full).st_mode if safe else mode  # noqa: PTH116 - hot
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno in _NO_SUCH_FILE:
                return None
            raise AudioError(audio_id, path, ClipFault.UNREADABLE_AUDIO, str(error)) from None
        if not safe:
            detail = "a symbolic link leads out of the root, and such links are not followed"
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

    url: str = field(repr=False)
    """Full URL, such as ``hf://datasets/ORG/NAME@REVISION``. Credentials in it are used and not shown."""
    storage_options: dict[str, Any] = field(default_factory=dict, repr=False)

    def __reduce__(self) -> tuple[type, tuple[str, dict[str, Any]]]:
        return type(self), (self.url, self.storage_options)  # not the listings that were cached

    @property
    def root(self) -> str:
        """The URL as it is shown."""
        return without_credentials(self.url)

    @cached_property
    def _fs(self) -> "fsspec.AbstractFileSystem":
        import fsspec

        fs, _ = fsspec.core.url_to_fs(self.url, **self.storage_options)
        return fs

    @cached_property
    def _base(self) -> str:
        return str(self._fs._strip_protocol(self.url)).rstrip("/")  # noqa: SLF001 - fsspec's own idiom

    def _name(self, path: str) -> str:
        """Return how the file system calls a path: on the web names are quoted."""
        return f"{self._base}/{self._quoted(path)}"

    def _url(self, path: str) -> str:
        return f"{self.url}/{self._quoted(path)}"

    def _quoted(self, path: str) -> str:
        return quote(path, errors="surrogateescape") if is_web(self.url) else path

    def _path(self, name: str) -> str:
        """Return the path of which this is the `_name`, or that a listing has."""
        path = str(PurePosixPath(name).relative_to(self._base))
        return "/".join(map(_unquoted, path.split("/"))) if is_web(self.url) else path

    def find(self, folder: str) -> list[Entity]:
        """List all files below `folder` (see `Tree`)."""
        try:
            with network_errors(self.root):
                found = self._fs.find(self._name(folder), detail=True)
                if is_web(self.url):  # its listings tell neither sizes nor marks
                    from concurrent.futures import ThreadPoolExecutor

                    with ThreadPoolExecutor(_QUESTIONS_AT_ONCE) as pool:
                        found = dict(zip(found, pool.map(self._fs.info, found), strict=True))
        except FileNotFoundError:
            found = {}
        if not found:
            self._explain()
        entities = [
            Entity(self._path(name), int(facts.get("size") or 0), mark_of(facts))
            for name, facts in found.items()
        ]
        return sorted(entities, key=lambda entity: entity.path)

    def walk(self, folder: str) -> Iterator[Entity]:
        """Yield all files below `folder`, in no order; unlike `find`, it keeps none of them.

        Raises
        ------
        OSError
            When a listing fails.
        """
        place = hub_place(self.root)
        with network_errors(self.root):
            try:
                yield from self._walk_hub(place, folder) if place else self._walk_folders(folder)
            except FileNotFoundError:
                return

    def _walk_hub(self, place: "HubPlace", folder: str) -> Iterator[Entity]:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import EntryNotFoundError
        from huggingface_hub.hf_api import RepoFile

        above = f"{place.folder}/" if place.folder else ""
        listing = HfApi(token=self.storage_options.get("token")).list_repo_tree(
            place.repo_id, above + folder, recursive=True, revision=place.revision, repo_type="dataset"
        )
        try:
            for item in listing:
                if isinstance(item, RepoFile):
                    yield Entity(item.path.removeprefix(above), item.size, item.blob_id)
        except EntryNotFoundError:
            return

    def _walk_folders(self, folder: str) -> Iterator[Entity]:
        for name, _, files in self._fs.walk(self._name(folder), detail=True):
            for listed in files.values():
                # A listing on the web tells no sizes.
                facts = self._fs.info(listed["name"]) if listed.get("size") is None else listed
                yield Entity(self._path(facts["name"]), int(facts["size"] or 0), mark_of(facts))
            self._fs.invalidate_cache(name)

    def _explain(self) -> None:
        """Say why a repo on the Hub shows no files, where it is not just empty."""
        place = hub_place(self.root)
        if place is None:
            return
        from huggingface_hub import HfApi
        from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

        page = f"https://huggingface.co/datasets/{place.repo_id}"
        try:
            api = HfApi(token=self.storage_options.get("token"))
            api.dataset_info(place.repo_id, revision=place.revision)
        except GatedRepoError:
            remedy = f"ask for access at {page}, then log in with `hf auth login` or pass token="
            raise ReleaseError(f"the dataset {place.repo_id} is gated: {remedy}") from None
        except RepositoryNotFoundError:
            remedy = "if it is private, log in with `hf auth login` or pass token="
            raise ReleaseError(f"there is no dataset {place.repo_id} on the Hub; {remedy}") from None
        except HfHubHTTPError as error:
            raise ReleaseError(f"{self.root}: {str(error).splitlines()[0]}") from None

    def open(self, path: str) -> IO[bytes]:
        """Open one file (see `Tree`)."""
        with network_errors(self.root):
            handle = self._fs.open(self._name(path), "rb")
        return io.BufferedReader(_RemoteFile(handle, f"{self.root}/{path}"), _READ_BYTES)

    def file_names(self, folder: str, suffixes: tuple[str, ...]) -> list[str]:
        """List files in `folder` (see `Tree`)."""
        try:
            with network_errors(self.root):
                listing = self._fs.ls(self._name(folder), detail=True)
        except FileNotFoundError:
            return []
        paths = (self._path(item["name"]) for item in listing if item["type"] == "file")
        names = (path.rpartition("/")[2] for path in paths)
        return sorted(name for name in names if name.endswith(suffixes))

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
            with network_errors(self.root):
                if not self._fs.exists(self._name(path)):
                    return None
            self._plain_folders.add(folder)
        return UrlSource(self._url(path), self.storage_options)

    def part(self, path: str, offset: int, nbytes: int, name: str) -> "ClipSource":
        """Return a byte range of a file (see `Tree`)."""
        return UrlRange(self._url(path), offset, nbytes, name, self.storage_options)

    @cached_property
    def _plain_folders(self) -> set[str]:
        return set()


def _unquoted(name: str) -> str:
    """Return the name of a file or folder as it was before it was quoted for the web."""
    plain = unquote(name, errors="surrogateescape")
    return name if "/" in plain or plain in (".", "..") else plain


class _RemoteFile(io.RawIOBase):
    """A file of fsspec, whose errors are turned into `OSError`."""

    def __init__(self, handle: IO[bytes], url: str) -> None:
        self._handle, self._url = handle, url

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)
        with network_errors(self._url):
            data = self._handle.read(len(view))
        view[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        with network_errors(self._url):
            return self._handle.seek(offset, whence)

    def tell(self) -> int:
        return self._handle.tell()

    def close(self) -> None:
        self._handle.close()
        super().close()


def _scan(folder: str) -> "list[os.DirEntry[str]]":
    """List what is in `folder`, nothing when there is no such folder."""
    try:
        with os.scandir(folder) as listing:
            return list(listing)
    except OSError as error:
        if error.errno in _NO_SUCH_FILE:
            return []
        raise


def open_tree(
    root: str | os.PathLike[str], *, token: str | bool | None = None, revision: str | None = None
) -> Tree:
    """Return the tree at `root`: a folder, a URL that fsspec knows, or the id of a dataset repo on the Hub.

    Raises
    ------
    ReleaseError
        When `root` is none of these.
    """
    text = os.fspath(root).removeprefix("file://")
    if not text:
        raise ReleaseError("there is no folder ''")
    if Path(text).is_dir():
        return LocalTree(text)
    if "://" in text:
        return _remote(text, token, revision)
    if Path(text).exists():
        raise ReleaseError(f"{text!r} is a file; the root of a release is a folder")
    if _is_repo_id(text):
        return _remote(f"hf://datasets/{text}", token, revision)
    raise ReleaseError(
        f"there is no folder {text!r}, and it is not the id (ORG/NAME) of a dataset repo on the Hub"
    )


@dataclass(frozen=True, slots=True)
class HubPlace:
    """A dataset repo on the Hub and a folder in it."""

    repo_id: str
    revision: str | None
    folder: str


def hub_place(url: str) -> HubPlace | None:
    """Read ``hf://datasets/ORG/NAME[@REVISION][/FOLDER]``; None for any other URL."""
    if not url.startswith("hf://datasets/") or url.count("/") < 4:
        return None
    org, name, *folder = url.removeprefix("hf://datasets/").split("/")
    name, _, revision = name.partition("@")
    return HubPlace(f"{org}/{name}", unquote(revision) or None, "/".join(folder))


def _remote(url: str, token: str | bool | None, revision: str | None) -> RemoteTree:
    url = url.rstrip("/")
    if not url.startswith("hf://"):
        return RemoteTree(url)
    place = hub_place(url)
    if place is None:
        raise ReleaseError(f"expected a dataset of the Hub, hf://datasets/ORG/NAME; got {url!r}")
    if revision:
        folder = f"/{place.folder}" if place.folder else ""
        url = f"hf://datasets/{place.repo_id}@{quote(revision, safe='')}{folder}"
    return RemoteTree(url, {} if token is None else {"token": token})


def _is_repo_id(text: str) -> bool:
    org, slash, name = text.partition("/")
    legal = all(part and all(c.isalnum() or c in "-_." for c in part) for part in (org, name))
    return bool(slash) and legal and not text.startswith(".")


def mark_of(facts: dict[str, Any]) -> str:
    """Return the mark of a file out of what fsspec knows of it; empty when it knows none."""
    return next((str(facts[key]) for key in _MARKS if facts.get(key)), "")
