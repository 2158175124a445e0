"""Buckets: rows that are put into order together, few enough to be held in memory."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

from xxhash import xxh3_64_intdigest

from audio_flan.shards import folder_name
from audio_flan.shards.atomic import TEMPORARY_PREFIX
from audio_flan.taxonomy import Task, taxonomy

BUCKET_ROWS: Final = 100_000
"""Rows of a bucket, about."""
_MAX_FOLDER_BYTES: Final = 200
Group = tuple[str, ...]


class _Counted(Protocol):
    @property
    def task(self) -> str: ...
    @property
    def corpus(self) -> str: ...
    @property
    def split(self) -> str: ...
    @property
    def rows(self) -> int: ...


@dataclass(frozen=True)
class Buckets:
    """Groups of rows, each cut into buckets by the uuid: all rows of a uuid are in one.

    Attributes
    ----------
    groups : tuple
        Sorted; a split, or (domain, direction folder, part, corpus) of a metadata file.
    firsts : tuple of int
        The first bucket of each group, and the number of buckets at the end.
    """

    groups: tuple[Group, ...]
    firsts: tuple[int, ...]

    @classmethod
    def of_splits(cls, leaves: Iterable[_Counted]) -> "Buckets":
        """Group by split."""
        return cls._of(((leaf.split,), leaf.rows) for leaf in leaves)

    @classmethod
    def of_release(cls, leaves: Iterable[_Counted]) -> "Buckets":
        """Group by metadata folder; a task with two of them may come to stand in either."""
        tasks = taxonomy().tasks
        return cls._of(
            ((tasks[leaf.task].domain, folder, part_of(leaf.split), corpus_folder(leaf.corpus)), leaf.rows)
            for leaf in leaves
            for folder in tasks[leaf.task].folders
        )

    @classmethod
    def _of(cls, counted: Iterable[tuple[Group, int]]) -> "Buckets":
        rows: Counter[Group] = Counter()
        for group, count in counted:
            rows[group] += count
        groups, firsts = tuple(sorted(rows)), [0]
        for group in groups:
            firsts.append(firsts[-1] + max(1, -(-rows[group] // BUCKET_ROWS)))
        return cls(groups, tuple(firsts))

    @cached_property
    def _numbers(self) -> dict[Group, int]:
        return {group: number for number, group in enumerate(self.groups)}

    def __len__(self) -> int:
        return self.firsts[-1]

    def find(self, group: Group, uuid: str) -> int:
        """Return the bucket of a row."""
        number = self._numbers[group]
        first, end = self.firsts[number], self.firsts[number + 1]
        return first + xxh3_64_intdigest(uuid.encode()) % (end - first)

    def place(self, bucket: int) -> tuple[Group, int]:
        """Return the group of a bucket, and its number in that."""
        number = bisect_right(self.firsts, bucket) - 1
        return self.groups[number], bucket - self.firsts[number]


def part_of(split: str) -> str:
    """Return the folder of a release in which rows of a split stand."""
    return "test" if split == "test" else "train_dev"


def folder_of(tasks: Sequence[Task]) -> str | None:
    """Return the direction folder that may hold a record of all these tasks; None when there is none."""
    shared = frozenset.intersection(*(task.folders for task in tasks))
    first = tasks[0].direction
    return first if first in shared else min(shared, default=None)


def corpus_folder(corpus: str) -> str:
    """Return the folder of a corpus in a release: its name, where that can be the name of a folder."""
    plain = corpus.isprintable() and "/" not in corpus and "\\" not in corpus
    odd = corpus in ("", ".", "..") or corpus.startswith(TEMPORARY_PREFIX)
    fits = plain and not odd and len(corpus.encode(errors="replace")) <= _MAX_FOLDER_BYTES
    return corpus if fits and corpus == corpus.strip() else folder_name(corpus)
