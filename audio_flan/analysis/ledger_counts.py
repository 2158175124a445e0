"""How often rows of a ledger were given out: by position of an epoch, by row, and by leaf."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from audio_flan.streaming.leaf_rows import task_of_file
from audio_flan.streaming.ledger_file import Chunk, LedgerError, LedgerHeader
from audio_flan.streaming.order import SHORT_RUNS, Numbers
from audio_flan.streaming.ordered import OrderedStream

Kind = Literal["again", "never", "skipped"]
_SEGMENT_ROWS: Final = SHORT_RUNS.window_rows
"""Positions whose rows are looked up together."""


@dataclass(frozen=True)
class EpochAudit:
    """What was given out of one epoch.

    Attributes
    ----------
    epoch : int
    rows : int
        Rows of the epoch.
    given : int
        Positions that were given out at least once, up to the last of them.
    again : int
        How often one was given out that had been before, as after a resumption from an older state.
    padding : int
        Rows that were given out beyond the end, so that all ranks got as many: by ``uneven="pad"`` and
        ``"wrap"``. They count in no other of these numbers.
    never : int
        Positions before the last that was given out that were not.
    skipped : int
        Rows that ``on_error="skip"`` has left out.
    not_reached : int
        Positions after the last.
    """

    epoch: int
    rows: int
    given: int
    again: int
    padding: int
    never: int
    skipped: int
    not_reached: int


class RowCounts:
    """How often each row was given out, over all epochs, and which leaf it is of.

    Leaves are those of the plan; without one, tasks.
    """

    def __init__(self, stream: OrderedStream) -> None:
        rows = sum(file.rows for file in stream.files)
        self._times = np.zeros(rows, np.uint32)
        self._leaves = _planned_leaves(stream) if stream.plan else _tasks(stream)

    def add(self, rows: Numbers) -> None:
        """Count rows that were given out."""
        np.add.at(self._times, rows, 1)

    def rows_at(self, stream: OrderedStream, positions: Numbers) -> Numbers:
        """Return the rows at some positions of a stream, after noting their leaves."""
        rows = stream.row_numbers(positions)
        if stream.plan:
            self._leaves.of_rows[rows] = stream.leaf_numbers(positions)
        return rows

    def table(self) -> pl.DataFrame:
        """Return a row for each leaf; see `LedgerAudit.leaves`."""
        seen = np.flatnonzero(self._times)
        counted = pl.DataFrame({"leaf": self._leaves.of_rows[seen], "times": self._times[seen]})
        times = pl.col("times")
        by_leaf = counted.group_by("leaf").agg(
            observed=times.sum().cast(pl.Int64), most=times.max(), fewest=times.min(), seen=pl.len()
        )
        frame = pl.DataFrame(
            {
                "leaf": pl.Series(range(len(self._leaves.names)), dtype=pl.Int16),
                "name": self._leaves.names,
                "target": self._leaves.targets,
                "available": self._leaves.available,
            }
        )
        joined = frame.join(by_leaf, on="leaf", how="left", maintain_order="left").fill_null(0)
        total = int(joined["observed"].sum())
        share = pl.col("target") / pl.col("target").sum()
        return joined.select(
            "name",
            planned=share * total,
            observed="observed",
            planned_share=share,
            observed_share=pl.col("observed") / max(total, 1),
            most="most",
            fewest="fewest",
            unseen=pl.col("available") - pl.col("seen").cast(pl.Int64),
        )


class EpochCounts:
    """How often each position of an epoch was given out.

    The order is made anew, window by window, each when a position in it is counted for the first time.

    Attributes
    ----------
    stream : OrderedStream
        In the order of the epoch.
    """

    def __init__(self, stream: OrderedStream, rows: RowCounts) -> None:
        self.stream, self._rows = stream, rows
        self._times = np.zeros(stream.total, np.uint32)
        self._skipped = np.zeros(stream.total, bool)
        self._padding = 0
        self._is_known = np.zeros(-(-stream.total // _SEGMENT_ROWS), bool)
        most = sum(file.rows for file in stream.files)
        self._row_at = np.zeros(stream.total, np.uint32 if most < 1 << 32 else np.int64)

    def add(self, path: Path, header: LedgerHeader, chunk: Chunk) -> None:
        """Count a chunk of a file.

        Raises
        ------
        LedgerError
            When the stream cannot have given it out.
        """
        share, total, epoch = header.share, self.stream.total, header.epoch
        steps = share.steps(header.start, total)
        if ((chunk.steps < 0) | (chunk.steps >= steps)).any():
            raise LedgerError(f"{path} has steps that epoch {epoch} does not have: a rank makes {steps}")
        positions = share.positions(header.start, total, chunk.steps)
        rows = self._rows_at(positions)
        if wrong := np.flatnonzero(rows != chunk.rows).tolist():
            raise LedgerError(
                f"{path}: at position {positions[wrong[0]]} of epoch {epoch} the stream has row "
                f"{rows[wrong[0]]}, and the ledger says {chunk.rows[wrong[0]]}"
            )
        is_own = header.start + chunk.steps * share.world_size + share.rank < total
        np.add.at(self._times, positions[is_own], 1)
        self._padding += len(positions) - int(np.count_nonzero(is_own))
        self._skipped[positions[chunk.skipped]] = True
        self._rows.add(rows[~chunk.skipped])

    def audit(self) -> EpochAudit:
        """Return the counts."""
        given, end, total = int(np.count_nonzero(self._times)), self._end, len(self._times)
        return EpochAudit(
            self.stream.epoch,
            total,
            given,
            again=int(self._times.sum(dtype=np.int64)) - given,
            padding=self._padding,
            never=end - given,
            skipped=int(np.count_nonzero(self._skipped)),
            not_reached=total - end,
        )

    def positions(self, kind: Kind) -> Numbers:
        """Return the positions of what was given out again, never, or was skipped; ascending."""
        if kind == "skipped":
            return np.flatnonzero(self._skipped)
        return np.flatnonzero(self._times > 1 if kind == "again" else self._times[: self._end] == 0)

    @property
    def _end(self) -> int:
        """The position after the last that was given out."""
        given = np.flatnonzero(self._times)
        return int(given[-1]) + 1 if len(given) else 0

    def _rows_at(self, positions: Numbers) -> Numbers:
        segments = np.unique(positions // _SEGMENT_ROWS)
        for segment in segments[~self._is_known[segments]].tolist():
            start = segment * _SEGMENT_ROWS
            those = np.arange(start, min(start + _SEGMENT_ROWS, len(self._row_at)))
            self._row_at[those] = self._rows.rows_at(self.stream, those)
            self._is_known[segment] = True
        return self._row_at[positions].astype(np.int64)


class _Leaves(NamedTuple):
    """What rows are counted by.

    ``targets`` and ``available`` are int64 of shape (leaves,); ``of_rows`` the number of each row's leaf, -1
    where it is not known yet, int16 of shape (rows,).
    """

    names: list[str]
    targets: Numbers
    available: Numbers
    of_rows: NDArray[np.int16]


def _planned_leaves(stream: OrderedStream) -> _Leaves:
    leaves = [leaf for leaf in stream.plan.leaves if leaf.target] if stream.plan else []
    return _Leaves(
        [" / ".join(leaf.key) for leaf in leaves],
        np.array([leaf.target for leaf in leaves], np.int64),
        np.array([leaf.available for leaf in leaves], np.int64),
        np.full(sum(file.rows for file in stream.files), -1, np.int16),
    )


def _tasks(stream: OrderedStream) -> _Leaves:
    task_of = [task_of_file(stream.source, file) for file in stream.files]
    counted = Counter[str]()
    for task, file in zip(task_of, stream.files, strict=True):
        counted[task] += file.rows
    tasks = sorted(counted)
    rows = np.array([counted[task] for task in tasks], np.int64)
    numbers = np.array([tasks.index(task) for task in task_of], np.int16)
    return _Leaves(tasks, rows, rows, np.repeat(numbers, [file.rows for file in stream.files]))
