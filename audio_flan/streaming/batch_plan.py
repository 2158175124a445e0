"""Which rows make a batch: a pure function of their lengths in their order."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from audio_flan.streaming.share import positive


@dataclass(frozen=True)
class BatchRule:
    """When a batch is full.

    Attributes
    ----------
    batch_size : int, optional
        Rows of a batch.
    max_microseconds : int, optional
        Length of the sound of a batch at most; a row that is longer is a batch of its own.
    bounds : tuple of int
        Upper bounds of all buckets but the last, in microseconds and ascending: only rows of the same bucket
        share a batch.
    drop_last : bool
        Whether to leave out the batches that are not full at the end.
    """

    batch_size: int | None = None
    max_microseconds: int | None = None
    bounds: tuple[int, ...] = ()
    drop_last: bool = False

    def __post_init__(self) -> None:
        if self.batch_size is None and self.max_microseconds is None:
            raise ValueError("batches need a batch_size, max_seconds, or both")
        object.__setattr__(self, "batch_size", positive("batch_size", self.batch_size))
        if self.max_microseconds is not None and self.max_microseconds < 1:
            raise ValueError(f"max_seconds must be positive, got {self.max_microseconds / 1e6!r}")
        if list(self.bounds) != sorted(set(self.bounds)) or any(bound < 1 for bound in self.bounds):
            shown = [bound / 1e6 for bound in self.bounds]
            raise ValueError(f"buckets must be positive and ascending bounds in seconds, got {shown}")

    @property
    def counts_rows(self) -> bool:
        """Whether the n-th batch ends with the same row whatever lengths there are."""
        return self.max_microseconds is None and not self.bounds


class Planner:
    """Puts rows into batches as they come.

    What it holds is a function of the rows that it holds alone, so that a planner that is given those again,
    in their order, goes on as this one would.
    """

    def __init__(self, rule: BatchRule) -> None:
        self._rule = rule
        self._rows: list[list[int]] = [[] for _ in range(len(rule.bounds) + 1)]
        self._microseconds = [0] * len(self._rows)

    def add(self, row: int, microseconds: int) -> Iterable[list[int]]:
        """Add a row; return the batches that this completes, at most two."""
        bucket = bisect_left(self._rule.bounds, microseconds)
        full = []
        limit = self._rule.max_microseconds
        if limit is not None and self._microseconds[bucket] + microseconds > limit and self._rows[bucket]:
            full.append(self._take(bucket))
        self._rows[bucket].append(row)
        self._microseconds[bucket] += microseconds
        if len(self._rows[bucket]) == self._rule.batch_size:
            full.append(self._take(bucket))
        return full

    def rest(self) -> Iterable[list[int]]:
        """Return the batches that are not full, one for each bucket with rows, and be empty."""
        found = [self._take(bucket) for bucket, rows in enumerate(self._rows) if rows]
        return [] if self._rule.drop_last else found

    @property
    def waiting(self) -> list[int]:
        """Rows that are in no batch yet, in their order."""
        return sorted(row for rows in self._rows for row in rows)

    def _take(self, bucket: int) -> list[int]:
        rows, self._rows[bucket], self._microseconds[bucket] = self._rows[bucket], [], 0
        return rows
