"""Files of a built root against its manifest."""

from typing import Final

from xxhash import xxh3_64

from audio_flan.records import Reason
from audio_flan.release import Entry, Report
from audio_flan.release.report import Progress
from audio_flan.shards.manifest import FileFacts, Manifest
from audio_flan.shards.store import Store

_READ_BYTES: Final = 1 << 22
_GLOBBED: Final = ("data", "sample")
"""Folders in which the card has globs."""


def check_files(
    store: Store, manifest: Manifest, report: Report, *, deep: bool, progress: Progress | None
) -> frozenset[str]:
    """Compare sizes, and with `deep` hashes; return the paths of the files that are missing or cut.

    A file of the right size and another hash may have good clips and rows: each is checked by itself.
    """
    bad: set[str] = set()
    total, done = sum(file.nbytes for file in manifest.files), 0
    for file in manifest.files:
        fault = _size_fault(store, file)
        if fault:
            bad.add(file.path)
        elif deep:
            fault = _hash_fault(store, file)
        if fault:
            report.entries.add(Entry(file.path, None, None, *fault))
        done += file.nbytes
        if progress:
            progress("files", done, total)
    for path in _unknown(store, manifest):
        message = "the manifest does not list it, and plain `datasets` would read it: remove it"
        report.entries.add(Entry(path, None, None, Reason.UNKNOWN_FILE, message))
    return frozenset(bad)


def _unknown(store: Store, manifest: Manifest) -> list[str]:
    """List Parquet files where the globs of the card look, and the manifest knows nothing of."""
    known = {file.path for file in manifest.files}
    found = [path for folder in _GLOBBED for path in store.find(folder)]
    return [path for path in found if path.endswith(".parquet") and path not in known]


def _size_fault(store: Store, file: FileFacts) -> tuple[Reason, str] | None:
    try:
        size = store.size(file.path)
    except OSError as error:
        return Reason.UNREADABLE_FILE, str(error)
    if size is None:
        return Reason.MISSING_FILE, "the manifest lists it and it is missing"
    if size != file.nbytes:
        return Reason.CHANGED_FILE, f"expected {file.nbytes:,} bytes, found {size:,}"
    return None


def _hash_fault(store: Store, file: FileFacts) -> tuple[Reason, str] | None:
    digest = xxh3_64()
    try:
        for offset in range(0, file.nbytes, _READ_BYTES):
            digest.update(store.read_range(file.path, offset, min(_READ_BYTES, file.nbytes - offset)))
    except OSError as error:
        return Reason.UNREADABLE_FILE, str(error)
    found = digest.hexdigest()
    if found == file.xxh3:
        return None
    return Reason.CHANGED_FILE, f"expected xxh3 {file.xxh3}, found {found}: its bytes have changed"
