"""What each metadata file holds, kept between runs, so that a task's rows are found without reading the rest.

A file's facts are written down when it has been read to its end, by whatever reader came first, and are good
as long as its size and mark stay as they are. Deleting the catalogue costs time, nothing else.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

import msgspec

from audio_flan.records import Instance, Reason
from audio_flan.release.cache import write_atomically
from audio_flan.release.layout import MetadataFile
from audio_flan.release.quarantine import Entry
from audio_flan.release.reader import read_instances
from audio_flan.release.tree import Tree

CATALOGUE_VERSION = 1
"""Raise it whenever the parser or the taxonomy gives other rows than before."""


class RowCount(msgspec.Struct, frozen=True, array_like=True):
    """How many rows of one file share task, split and direction."""

    task: str
    split: str
    direction: str
    rows: int


class FileFacts(msgspec.Struct, frozen=True):
    """What one metadata file holds."""

    size: int
    mark: str
    counts: list[RowCount]
    quarantined: dict[str, int]

    def rows(self, tasks: Collection[str], splits: Collection[str]) -> int:
        """Count its rows of `tasks` in `splits`."""
        return sum(c.rows for c in self.counts if c.task in tasks and c.split in splits)

    def nothing_for(self, tasks: Collection[str], splits: Collection[str]) -> bool:
        """Say whether reading it for these would give neither a row nor a fault."""
        return not self.quarantined and not self.rows(tasks, splits)


class Survey:
    """Counts what a reader passes on of one file, and makes its facts at the end."""

    def __init__(self, file: MetadataFile) -> None:
        self._file = file
        self._rows: Counter[tuple[str, str, str]] = Counter()
        self._faults: Counter[str] = Counter()

    def add(self, instance: Instance) -> None:
        """Count one row."""
        self._rows[instance.task, instance.split, instance.direction] += 1

    def add_fault(self, entry: Entry) -> None:
        """Count one record that was not taken."""
        self._faults[str(entry.reason)] += 1

    def facts(self) -> FileFacts:
        """Return the facts; to be asked once the file has been read to its end."""
        counts = [RowCount(*key, rows) for key, rows in sorted(self._rows.items())]
        return FileFacts(self._file.size, self._file.mark, counts, dict(self._faults))


class Catalogue:
    """Facts by metadata file."""

    def __init__(self, cache: Path) -> None:
        self._path = cache / "catalogue.json"
        self._facts = _read(self._path)
        self._new: dict[str, FileFacts] = {}

    def get(self, file: MetadataFile) -> FileFacts | None:
        """Return the facts of `file`, or None when they are not known or it has changed since."""
        facts = self._facts.get(file.path)
        return facts if facts and (facts.size, facts.mark) == (file.size, file.mark) else None

    def put(self, file: MetadataFile, facts: FileFacts) -> None:
        """Take in the facts of `file`, unless it could not be read: next time it may be."""
        if Reason.UNREADABLE_FILE not in facts.quarantined:
            self._facts[file.path] = self._new[file.path] = facts

    def save(self) -> None:
        """Write down what is new, where that can be; facts that other processes wrote meanwhile are kept."""
        if self._new:
            stored = _Stored(CATALOGUE_VERSION, _read(self._path) | self._new)
            with contextlib.suppress(OSError):
                write_atomically(self._path, msgspec.json.encode(stored))
            self._new = {}

    def complete(
        self, tree: Tree, files: Collection[MetadataFile], progress: Callable[[int, int], None] | None = None
    ) -> list[FileFacts]:
        """Return the facts of all `files`, reading those that are not known.

        Parameters
        ----------
        progress : callable, optional
            Called with (bytes done, bytes in all).
        """
        total = sum(file.size for file in files)
        done = 0
        found = []
        try:
            for file in files:
                facts = self.get(file)
                if facts is None:
                    facts = survey(tree, file)
                    self.put(file, facts)
                found.append(facts)
                done += file.size
                if progress:
                    progress(done, total)
        finally:
            self.save()  # an interrupted survey goes on where it stopped
        return found


def survey(tree: Tree, file: MetadataFile) -> FileFacts:
    """Read `file` to its end and count what it holds."""
    counter = Survey(file)
    for placed in read_instances(tree, file, counter.add_fault):
        counter.add(placed.instance)
    return counter.facts()


class _Stored(msgspec.Struct):
    version: int
    files: dict[str, FileFacts]


def _read(path: Path) -> dict[str, FileFacts]:
    try:
        stored = msgspec.json.decode(path.read_bytes(), type=_Stored)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    return stored.files if stored.version == CATALOGUE_VERSION else {}
