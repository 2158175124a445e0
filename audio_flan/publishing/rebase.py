"""Another base for all audio cells of an indexed root."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from audio_flan.building.workspace import hold
from audio_flan.card import write_card
from audio_flan.publishing.base import check_base
from audio_flan.publishing.errors import PublishError
from audio_flan.shards import FileFacts, read_manifest, write_manifest
from audio_flan.shards.atomic import atomic_path, remove_leftovers, sync_folders, write_atomically
from audio_flan.shards.hashing import hash_file, hash_footer
from audio_flan.shards.layout import split_of_row_file
from audio_flan.shards.manifest import REBASE_NAME

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done and how much there is, in bytes."""
_REMEDY = "build the root anew, or copy it once more"


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
    BuildError
        When a build, a rebase or an upload of it is running.
    PublishError
        When a row file is missing, or is not the one that the manifest lists.
    """
    folder = Path(root)
    wanted = check_base(base)
    read_manifest(folder)  # a folder without one gets no lock
    with hold(folder):
        return rebase_held(folder, wanted, progress)


def rebase_held(folder: Path, wanted: str, progress: Progress | None = None) -> RebaseSummary:
    """Do what `rebase` does, in a root that the caller holds."""
    manifest = read_manifest(folder)
    row_files = [file for file in manifest.files if split_of_row_file(file.path)]
    resumed = (folder / REBASE_NAME).exists()
    if manifest.form == "embedded" or (manifest.base == wanted and not resumed):
        return RebaseSummary(str(folder), manifest.form, manifest.base, manifest.base, 0, len(row_files))
    with _marked(folder, wanted):
        remove_leftovers(folder)
        total, done, rewritten = sum(file.nbytes for file in row_files), 0, 0
        facts: dict[str, FileFacts] = {}
        for file in row_files:
            facts[file.path], changed = _rebase_file(folder, file, manifest.base, wanted, resumed=resumed)
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
    return RebaseSummary(str(folder), manifest.form, manifest.base, wanted, rewritten, len(row_files))


def _rebase_file(
    root: Path, file: FileFacts, before: str, base: str, *, resumed: bool
) -> tuple[FileFacts, bool]:
    """Give one row file the base, unless it has it; return its facts, and whether it has changed.

    What the manifest will say of it must be true: the file is the one that it lists, or where a rebase was
    stopped, one with another base and as many rows.
    """
    from audio_flan.shards.rebase_rows import base_of_rows, count_rows, rebase_rows

    path = root / file.path
    if not path.is_file():
        raise PublishError(f"{path} is missing: the manifest lists it")
    if not resumed:
        _check_listed(path, file)
    found = base_of_rows(path)
    if resumed and found in (None, before):
        _check_listed(path, file)
    elif resumed and (rows := count_rows(path)) != file.rows:
        raise PublishError(f"{path} has {rows:,} rows, the manifest lists {file.rows:,}: {_REMEDY}")
    if found is None or found == base == before:
        return file, False
    if found != base:
        with atomic_path(path) as temporary:
            rebase_rows(path, temporary, base)
    nbytes, xxh3, footer = path.stat().st_size, hash_file(path), hash_footer(path)
    return msgspec.structs.replace(file, nbytes=nbytes, xxh3=xxh3, footer=footer), found != base


def _check_listed(path: Path, file: FileFacts) -> None:
    """Refuse a file that is not the one that the manifest lists."""
    if path.stat().st_size != file.nbytes or hash_file(path) != file.xxh3:
        raise PublishError(f"{path} is not the file that the manifest lists: {_REMEDY}")


@contextmanager
def _marked(root: Path, base: str) -> Iterator[None]:
    """Leave a mark in the root until the end is reached."""
    mark = root / REBASE_NAME
    write_atomically(mark, base.encode())
    sync_folders({root})
    yield
    mark.unlink()
