"""What every step of an export works on."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from audio_flan.building.step import UnitStep
from audio_flan.building.workspace import Workspace
from audio_flan.exporting.buckets import Buckets
from audio_flan.exporting.request import NEEDS_RELEASE, Request
from audio_flan.streaming.source import RowSource

CLIPS_FOLDER: Final = "clips"
"""Of clips on their way, each once, below the workspace."""
AUDIO_FOLDER: Final = "audio"
"""Of clips beside chat files, below OUT."""
_RELEASE_FOLDER = "release"
Place = tuple[str, str, str, str, str]
"""Direction, domain, task, corpus and split."""


def place_of(row: Mapping[str, str]) -> Place:
    """Return where a row belongs."""
    return row["direction"], row["domain"], row["task"], row["corpus"], row["split"]


class DrawnPart(msgspec.Struct, frozen=True):
    """A file of rows, and how many rows of it are drawn, repeats counted."""

    path: str
    drawn: int


class DrawnLeaf(msgspec.Struct, frozen=True):
    """How many rows of a leaf and split are drawn: repeats counted, and each once."""

    direction: str
    domain: str
    task: str
    corpus: str
    split: str
    rows: int
    distinct: int

    @property
    def place(self) -> Place:
        """The leaf and the split."""
        return self.direction, self.domain, self.task, self.corpus, self.split


class Selected(msgspec.Struct, frozen=True):
    """The rows of an export, by leaf and by file; how often each is drawn stands in files of their own."""

    leaves: tuple[DrawnLeaf, ...]
    parts: tuple[DrawnPart, ...]

    @property
    def rows(self) -> int:
        """Rows, repeats counted."""
        return sum(leaf.rows for leaf in self.leaves)

    def leaves_without(self, left_out: Iterable[DrawnLeaf]) -> tuple[DrawnLeaf, ...]:
        """Return the leaves less the rows of others; those without any row are not there."""
        rows, distinct = Counter[Place](), Counter[Place]()
        for leaf in left_out:
            rows[leaf.place] += leaf.rows
            distinct[leaf.place] += leaf.distinct
        less = (
            msgspec.structs.replace(
                leaf, rows=leaf.rows - rows[leaf.place], distinct=leaf.distinct - distinct[leaf.place]
            )
            for leaf in self.leaves
        )
        return tuple(leaf for leaf in less if leaf.rows)


@dataclass
class Job:
    """The source, the request, the rows and the workspace. Pickles."""

    source: RowSource
    request: Request
    selected: Selected
    work: Workspace

    @property
    def out(self) -> Path:
        """Root of the result."""
        return self.work.out

    @property
    def release(self) -> Path:
        """Folder of the release that is made."""
        return self.out if self.request.to == "release" else self.work.root / _RELEASE_FOLDER

    @property
    def metadata_root(self) -> Path:
        """Folder in which the metadata of that release is written; it comes to OUT at the very end."""
        return self.work.root / _RELEASE_FOLDER

    @property
    def clips(self) -> Path:
        """Folder in which clips are gathered."""
        return self.work.root / CLIPS_FOLDER

    @property
    def buckets(self) -> Buckets:
        """Where rows are gathered: by metadata file of the release, else by split."""
        make = Buckets.of_release if self.needs_release else Buckets.of_splits
        return make(self.selected.leaves)

    @property
    def needs_release(self) -> bool:
        """Whether rows are turned into records of a release."""
        return self.request.to in NEEDS_RELEASE


class ExportStep(UnitStep):
    """One step of an export."""

    def __init__(self, job: Job) -> None:
        self.job = job

    @property
    def work(self) -> Workspace:
        """The workspace of the export."""
        return self.job.work
