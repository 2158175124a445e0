"""The files of a built root, in a folder or behind a URL, by runs of bytes."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import quote

from audio_flan.fetch.clip import ShardClip
from audio_flan.fetch.place import check_path, local_file
from audio_flan.fetch.remote import RemoteFile, fetch_range, fetch_size, fetch_span, forget_range, web_url
from audio_flan.fetch.shard_cache import ShardCache
from audio_flan.release.tree import LocalTree, RemoteTree, hub_place, open_tree
from audio_flan.shards import MANIFEST_NAME, Manifest, ManifestError, parse_manifest, read_manifest
from audio_flan.shards.store import Store
from audio_flan.waveform import ClipError
from audio_flan.waveform.sources import read_range
from audio_flan.waveform.urls import is_web, without_credentials

_MAX_MANIFEST_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class LocalStore:
    """A root in a folder. The methods are those of `audio_flan.shards.store.Store`."""

    root: str

    def manifest(self) -> Manifest | None:
        """Read the manifest; None where there is none."""
        return read_manifest(Path(self.root)) if Path(self.root, MANIFEST_NAME).is_file() else None

    def size(self, path: str) -> int | None:
        """Return the size of a file; `OSError` when its path leads out of the root."""
        try:
            return os.stat(self._full(path)).st_size  # noqa: PTH116 - hot
        except FileNotFoundError:
            return None

    def find(self, folder: str) -> list[str]:
        """List the files below a folder."""
        return [entity.path for entity in LocalTree(self.root).find(folder)]

    def read_range(self, path: str, offset: int, nbytes: int) -> bytes:
        """Read exactly this run of bytes; `OSError` when that fails."""
        try:
            return read_range(self._full(path), offset, nbytes)
        except ClipError as error:
            raise OSError(f"{self.root}/{path}: {error.detail}") from None

    def forget(self, path: str, offset: int, nbytes: int) -> None:
        """Do nothing: nothing is kept."""

    def clip(self, cell_path: str) -> ShardClip:
        """Return the clip of a cell; `CellError` when the path is none."""
        return ShardClip.of(cell_path, self.root)

    def _full(self, path: str) -> str:
        try:
            return local_file(self.root, path)
        except ClipError as error:
            raise OSError(f"{self.root}/{path}: {error.detail}") from None


@dataclass(frozen=True, slots=True)
class RemoteStore:
    """A root behind a URL. The methods are those of `audio_flan.shards.store.Store`.

    Parameters
    ----------
    url
        Of the root. Credentials in it are used and not shown.
    token
        Of the Hub, as in `huggingface_hub`.
    cache
        Where bytes of its files are kept, if anywhere.
    """

    url: str = field(repr=False)
    token: str | bool | None = field(default=None, repr=False)
    cache: ShardCache | None = None

    @property
    def root(self) -> str:
        """The URL as it is shown."""
        return without_credentials(self.url)

    def url_of(self, path: str) -> str:
        """Return the URL of a file, with the credentials of the root."""
        return web_url(self.url, path) if is_web(self.url) else f"{self.url}/{path}"

    def manifest(self) -> Manifest | None:
        """Read the manifest with one request; None where there is none."""
        return self.read_manifest()[1]

    def read_manifest(self) -> "tuple[RemoteStore, Manifest | None]":
        """Read the manifest, and return the store at the commit that it is of, so that files go together."""
        file = self._file(MANIFEST_NAME)
        try:
            span = fetch_span(file, 0, _MAX_MANIFEST_BYTES)
            try:
                manifest = parse_manifest(span.data, str(file))
            except ManifestError:  # maybe it was damaged on its way
                forget_range(file, 0, len(span.data))
                span = fetch_span(file, 0, _MAX_MANIFEST_BYTES)
                manifest = parse_manifest(span.data, str(file))
        except FileNotFoundError:
            return self, None
        cache = self.cache and self.cache.of(_without_revision(self.url), span.data)
        return replace(self, url=_at_commit(self.url, span.commit), cache=cache), manifest

    def size(self, path: str) -> int | None:
        """Ask for the size of a file; `OSError` when that fails."""
        try:
            return fetch_size(self._file(path))
        except FileNotFoundError:
            return None

    def find(self, folder: str) -> list[str]:
        """List the files below a folder; `OSError` when that fails."""
        return [entity.path for entity in open_tree(self.url, token=self.token).find(folder)]

    def read_range(self, path: str, offset: int, nbytes: int) -> bytes:
        """Fetch exactly this run of bytes with one request, if it is whole; `OSError` when that fails."""
        file = self._file(path)
        data = fetch_range(file, offset, offset + nbytes) if nbytes else b""
        if len(data) < nbytes:  # maybe what is kept was cut short
            forget_range(file, offset, offset + nbytes)
            data = fetch_range(file, offset, offset + nbytes)
        if len(data) < nbytes:
            end = offset + len(data)
            raise OSError(f"{self.root}/{path} ends at byte {end}; expected it to go on to {offset + nbytes}")
        return data

    def forget(self, path: str, offset: int, nbytes: int) -> None:
        """Let go of what is kept of a run of bytes."""
        forget_range(self._file(path), offset, offset + nbytes)

    def clip(self, cell_path: str) -> ShardClip:
        """Return the clip of a cell; `CellError` when the path is none."""
        return ShardClip.of(cell_path, self.url, self.token, self.cache)

    def _file(self, path: str) -> RemoteFile:
        try:
            check_path(path)
        except ClipError as error:
            raise OSError(f"{self.root}/{path}: {error.detail}") from None
        return RemoteFile(self.url, path, self.token, self.cache)


def open_store(
    root: str | os.PathLike[str], *, token: str | bool | None = None, revision: str | None = None
) -> Store:
    """Return the files of a root: a folder, a URL that fsspec knows, or the id of a dataset on the Hub.

    Nothing is read yet.

    Parameters
    ----------
    root : path or str
        The root.
    token : str or bool, optional
        Of the Hub, as in `huggingface_hub`; by default the user's own.
    revision : str, optional
        Branch, tag or commit on the Hub.

    Raises
    ------
    ReleaseError
        When `root` is none of these.
    """
    tree = open_tree(root, token=token, revision=revision)
    return RemoteStore(tree.url, token) if isinstance(tree, RemoteTree) else LocalStore(tree.root)


def open_built(
    root: str | os.PathLike[str],
    *,
    token: str | bool | None = None,
    revision: str | None = None,
    cache: ShardCache | None = None,
) -> tuple[Store, Manifest | None]:
    """Open a root and read its manifest with one request; `cache` is for what a remote one has.

    The other parameters are those of `open_store`.

    Returns
    -------
    tuple of Store and Manifest or None
        The files of the root, on the Hub at the commit that the manifest is of, so that they go together;
        None in place of the manifest where there is none: whatever lies there was not built.

    Raises
    ------
    ReleaseError
        When there is nothing to be opened.
    ManifestError
        When there is a manifest and it cannot be understood.
    OSError
        When it cannot be read.
    """
    store = open_store(root, token=token, revision=revision)
    if isinstance(store, RemoteStore):
        return replace(store, cache=cache).read_manifest()
    return store, store.manifest()


def _without_revision(root: str) -> str:
    """Return what stays the same of a URL: no revision of the Hub, no signature of a storage service."""
    place = hub_place(root)
    return without_credentials(root) if place is None else f"hf://datasets/{place.repo_id}/{place.folder}"


def _at_commit(root: str, commit: str | None) -> str:
    place = hub_place(root)
    if place is None or commit is None:
        return root
    return "/".join((f"hf://datasets/{place.repo_id}@{quote(commit, safe='')}", place.folder)).rstrip("/")
