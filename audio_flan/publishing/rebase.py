"""Another base for all audio cells of an indexed root."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from audio_flan.card import write_card
from audio_flan.publishing.base import check_base
from audio_flan.publishing.errors import PublishError
from audio_flan.shards import FileFacts, read_manifest, write_manifest
from audio_flan.shards.atomic import atomic_path, remove_leftovers, sync_folders
from audio_flan.shards.hashing import hash_file
from audio_flan.shards.layout import split_of_row_file
from audio_flan.shards.manifest import REBASE_NAME

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done and how much there is, in bytes."""


@dataclass(frozen=True)
class RebaseSummary:
    """What a rebase has done: row files that it has written again, of those that there are."""

    root: str
    form: str
    base_before: str
    base: str
    rewritten: int
    row_files: int

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)


def rebase(root: str | os.PathLike[str], base: str, *, progress: Progress | None = None) -> RebaseSummary:
    """Write the place of the clips into all audio cells of an indexed root; manifest and card follow.

    Only the paths in the row files change. Each file is replaced at once and the manifest comes last: stopped
    at any moment, the same call goes on and ends right. Until then `verify` says that it has not come to its
    end. An embedded root has no such cells and stays as it is.

    Parameters
    ----------
    root : path
        A built root on a disk.
    base : str
        Where it can be read: ``hf://datasets/ORG/NAME``, ``hf://datasets/ORG/NAME@REV``, ``https://...``;
        empty for a root that is read by those who know its folder.
    progress : callable, optional

    Returns
    -------
    RebaseSummary

    Raises
    ------
    ValueError
        For a base that is no such URL.
    ManifestError
        When `root` is no finished build.
    PublishError
        When another process is at it, or a file is missing.
    """
    folder = Path(root)
    wanted = check_base(base)
    manifest = read_manifest(folder)
    row_files = [file for file in manifest.files if split_of_row_file(file.path)]
    if manifest.form == "embedded" or (manifest.base == wanted and not (folder / REBASE_NAME).exists()):
        return RebaseSummary(str(root), manifest.form, manifest.base, manifest.base, 0, len(row_files))
    with _marked(folder, wanted):
        remove_leftovers(folder)
        total, done, rewritten = sum(file.nbytes for file in row_files), 0, 0
        facts: dict[str, FileFacts] = {}
        for file in row_files:
            facts[file.path], changed = _rebase_file(folder, file, wanted)
            rewritten += changed
            done += file.nbytes
            if progress:
                progress("rewriting rows", done, total)
        files = tuple(facts.get(file.path, file) for file in manifest.files)
        rebased = msgspec.structs.replace(manifest, base=wanted, files=files)
        sync_folders({(folder / path).parent for path in facts})
        write_card(folder, rebased)
        write_manifest(folder, rebased)
        sync_folders({folder})
    return RebaseSummary(str(root), manifest.form, manifest.base, wanted, rewritten, len(row_files))


def _rebase_file(root: Path, file: FileFacts, base: str) -> tuple[FileFacts, bool]:
    """Give one row file the base, unless it has it; return its facts, and whether it has changed."""
    from audio_flan.shards.rebase_rows import base_of_rows, rebase_rows

    path = root / file.path
    if not path.is_file():
        raise PublishError(f"{path} is missing: the manifest lists it")
    changed = base_of_rows(path) not in (None, base)
    if changed:
        with atomic_path(path) as temporary:
            rebase_rows(path, temporary, base)
    return FileFacts(file.path, path.stat().st_size, hash_file(path), rows=file.rows), changed


@contextmanager
def _marked(root: Path, base: str) -> Iterator[None]:
    """Leave a mark in the root until the end is reached, and keep others out meanwhile."""
    mark = root / REBASE_NAME
    descriptor = os.open(mark, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = os.path.samestat(os.fstat(descriptor), mark.stat())
        except (BlockingIOError, FileNotFoundError):
            alone = False
        if not alone:
            raise PublishError(f"another rebase of {root} is running; wait for it")
        os.ftruncate(descriptor, 0)
        os.write(descriptor, base.encode())
        os.fsync(descriptor)
        yield
        mark.unlink()
    finally:
        os.close(descriptor)
