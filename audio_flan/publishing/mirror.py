"""A built root onto an object store: S3, Google Cloud Storage, Azure."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from audio_flan.building.workspace import hold
from audio_flan.fetch.retry import TransientError, with_retries
from audio_flan.publishing.errors import PublishError
from audio_flan.publishing.journal import Journal
from audio_flan.publishing.plan import describe_problems
from audio_flan.publishing.rebase import Progress
from audio_flan.publishing.upload import Commit, Uploaded, upload
from audio_flan.release.tree import hub_place
from audio_flan.shards import (
    MANIFEST_NAME,
    Manifest,
    ManifestError,
    parse_manifest,
    read_manifest,
    verify,
)

if TYPE_CHECKING:
    import fsspec

OBJECT_STORES: Final = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss")
"""Kinds of URL where a file appears whole or not at all."""
_FILES_AT_ONCE = 8
_LASTING = (PermissionError, FileNotFoundError, ImportError, ValueError)


@dataclass(frozen=True)
class MirrorSummary:
    """What was uploaded.

    Attributes
    ----------
    root, url : str
    files, bytes : int
        Sent by this run; what was there already is not sent again.
    removed : int
        Files of an older build that were removed there.
    """

    root: str
    url: str
    files: int
    bytes: int
    removed: int

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)


def build_folder(out: str, work: str | os.PathLike[str] | None) -> Path:
    """Return the folder in which a build for `out`, a folder or a URL, is made.

    Raises
    ------
    PublishError
        When `out` is a URL that cannot be written to, or there is no folder `work` to build in.
    """
    if "://" not in out:
        if work is not None:
            raise PublishError(f"--work is for an OUT that is a URL; {out} is a folder")
        return Path(out)
    place = hub_place(out)
    if place:
        raise PublishError(
            "a repo is not built into: build a folder, then "
            f"`audio-flan publish FOLDER --repo-id {place.repo_id}`"
        )
    if urlsplit(out).scheme not in OBJECT_STORES:
        raise PublishError(
            f"{out} is no object store ({', '.join(OBJECT_STORES)}): build a folder, and copy it there"
        )
    if work is None:
        raise PublishError(
            f"a build for {out} is made on a disk first: say --work FOLDER, with room for all of it"
        )
    return Path(work)


def mirror(root: str | os.PathLike[str], url: str, *, progress: Progress | None = None) -> MirrorSummary:
    """Upload a built root to an object store; the card and the manifest last.

    Stopped at any moment, the same call goes on where it stopped. Who may write there is up to the settings
    of the package that knows the store: `s3fs`, `gcsfs` or `adlfs`.

    Parameters
    ----------
    root : path
        A finished build on a disk.
    url : str
        Such as ``s3://BUCKET/FOLDER``: empty, or with an older build.

    Raises
    ------
    BuildError
        When a build, a rebase or an upload of it is running.
    PublishError
        When the root does not verify, `url` holds other data, or the store refuses or fails.
    """
    folder = Path(root)
    read_manifest(folder)  # a folder without one gets no lock
    try:
        with hold(folder):
            done = _mirror_held(folder, url, progress)
    except TransientError as error:
        raise PublishError(
            f"the upload stopped: {error}; run the same command again, it goes on where it stopped"
        ) from error
    return MirrorSummary(str(root), url, done.files, done.nbytes, done.removed)


def _mirror_held(folder: Path, url: str, progress: Progress | None) -> Uploaded:
    manifest = read_manifest(folder)
    problems = tuple(verify(folder))
    if problems:
        raise PublishError(f"{folder} does not match its manifest: {describe_problems(problems)}")
    store = ObjectStore(url)
    journal = Journal(folder, url, None, there=store.manifest())
    return upload(store, folder, manifest, journal, progress)


class ObjectStore:
    """A folder of an object store, as `upload` wants it."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    @cached_property
    def _fs(self) -> "fsspec.AbstractFileSystem":
        import fsspec

        return fsspec.core.url_to_fs(self._url)[0]

    def files(self) -> dict[str, int]:
        """Return the sizes of its files by path."""

        def ask() -> dict[str, int]:
            with self._errors():
                base = str(self._fs._strip_protocol(self._url))  # noqa: SLF001 - fsspec's own idiom
                self._fs.invalidate_cache()
                found = self._fs.find(base, detail=True)
            return {path.removeprefix(f"{base}/"): int(facts["size"]) for path, facts in found.items()}

        return with_retries(ask)

    def manifest(self) -> Manifest | None:
        """Read the manifest that is there."""

        def ask() -> bytes | None:
            with self._errors():
                try:
                    return bytes(self._fs.cat_file(f"{self._url}/{MANIFEST_NAME}"))
                except FileNotFoundError:
                    return None

        data = with_retries(ask)
        try:
            return parse_manifest(data) if data is not None else None
        except ManifestError:  # of another version
            return None

    def commit(self, root: Path, add: list[str], delete: list[str], message: str) -> Commit:  # noqa: ARG002
        """Send files, then remove others; there is no message to leave."""

        def send(path: str) -> None:
            with self._errors():
                self._fs.put_file(str(root / path), f"{self._url}/{path}")

        with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
            for sent in [pool.submit(with_retries, lambda path=path: send(path)) for path in add]:
                sent.result()
        if delete:
            with self._errors():
                self._fs.rm([f"{self._url}/{path}" for path in delete])
        return Commit(add, self._url)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn what a file system raises into what `upload` knows."""
        try:
            yield
        except _LASTING as error:
            raise PublishError(f"{self._url} cannot be written to: {error}") from error
        except OSError as error:
            raise TransientError(f"{self._url}: {error}") from error
