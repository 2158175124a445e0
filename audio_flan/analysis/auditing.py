"""`audit_ledger`: what was given out, compared with what was planned."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from audio_flan.mixing import Plan
from audio_flan.release.report import Progress
from audio_flan.streaming import open_root
from audio_flan.streaming.ledger_file import (
    LEDGER_SUFFIX,
    Chunk,
    LedgerError,
    LedgerHeader,
    read_chunks,
    read_header,
)
from audio_flan.streaming.ordered import OrderedStream
from audio_flan.streaming.rows import Wish
from audio_flan.streaming.shard_rows import ShardRows
from audio_flan.streaming.share import Share
from audio_flan.taxonomy import resolve_config

NAMED_ROWS: Final = 20
"""Rows that are named of each kind; all are counted."""


@dataclass(frozen=True)
class NamedRow:
    """A row of the stream: where it stands in the order, and which it is."""

    epoch: int
    position: int
    uuid: str
    task: str
    corpus: str


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
        How often one was given out that had been before: after a resumption from an older state, or by
        ``uneven="pad"`` and ``"wrap"``.
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
    never: int
    skipped: int
    not_reached: int


@dataclass(frozen=True)
class LedgerAudit:
    """What a ledger says.

    Attributes
    ----------
    files : int
        Files of the ledger: one for each pass of a rank and worker.
    cut_off : tuple of str
        Those whose end a crash has cut off.
    epochs : tuple of EpochAudit
    again, never, skipped : tuple of NamedRow
        The first of the rows that are counted in `EpochAudit`.
    leaves : polars.DataFrame
        A row for each leaf of the plan, or each task without one: ``planned`` and ``observed`` rows,
        ``planned_share`` and ``observed_share``, ``most`` and ``fewest``, how often a row of it was given
        that was given at all, and ``unseen``, rows that never were.
    """

    files: int
    cut_off: tuple[str, ...]
    epochs: tuple[EpochAudit, ...]
    again: tuple[NamedRow, ...]
    never: tuple[NamedRow, ...]
    skipped: tuple[NamedRow, ...]
    leaves: pl.DataFrame

    @property
    def is_clean(self) -> bool:
        """Whether every row up to the last was given out just once, and none skipped."""
        return not any(epoch.again or epoch.never or epoch.skipped for epoch in self.epochs)


def audit_ledger(
    ledger: str | os.PathLike[str],
    root: str | os.PathLike[str],
    *,
    plan: Plan | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> LedgerAudit:
    """Compare what a stream has given out with what it should have.

    Each row in the ledger is compared with the order of the stream, which is made anew. About 4 bytes for
    each row of the stream are in memory, and 2 for each row of each epoch.

    Parameters
    ----------
    ledger : path
        The folder that was passed to `audio_flan.stream` or `load_dataset`; files of several folders may be
        copied together.
    root : str or path
        The data that were streamed.
    plan : Plan, optional
        The plan, where one was streamed.
    token, revision, cache_dir
        As in `audio_flan.stream`.
    progress : callable, optional
        Called with (title, bytes done, bytes in all).

    Raises
    ------
    LedgerError
        When there is no ledger, its files are of several streams, damaged, or say what the stream cannot have
        given out.
    PlanError
        For a plan that was made for other data.
    """
    paths = sorted(Path(ledger).glob(f"*{LEDGER_SUFFIX}"))
    if not paths:
        raise LedgerError(f"{ledger} has no files of a ledger: pass the folder that the stream was given")
    header = _common_header(paths, plan)
    stream = _stream_of(header, root, plan, token, revision, cache_dir)
    cut_off: list[str] = []
    count = _Count(stream)
    for path, chunk in _chunks(paths, cut_off, progress):
        count.add(path, chunk)
    return LedgerAudit(
        len(paths),
        tuple(cut_off),
        tuple(count.epochs()),
        again=tuple(count.named("again")),
        never=tuple(count.named("never")),
        skipped=tuple(count.named("skipped")),
        leaves=count.leaves(),
    )


def _common_header(paths: list[Path], plan: Plan | None) -> LedgerHeader:
    header = read_header(paths[0])
    for path in paths[1:]:
        other = read_header(path)
        if other.stream != header.stream:
            raise LedgerError(
                f"{path} is the ledger of {other.stream!r} and {paths[0]} that of {header.stream!r}: "
                "put them into folders of their own"
            )
    if header.plan != (plan and plan.hash):
        asked = f"the plan {header.plan}" if header.plan else "no plan"
        given = f"the plan {plan.hash}" if plan else "none"
        raise LedgerError(f"{paths[0]} is of a stream of {asked}, and {given} was given")
    return header


def _stream_of(
    header: LedgerHeader,
    root: str | os.PathLike[str],
    plan: Plan | None,
    token: str | bool | None,
    revision: str | None,
    cache_dir: str | os.PathLike[str] | None,
) -> OrderedStream:
    source = open_root(root, token=token, revision=revision, cache_dir=cache_dir)
    if not isinstance(source, ShardRows):
        raise LedgerError(f"{source.root} is a release, whose streams have no ledger")
    wish = Wish(resolve_config(header.config), header.splits, columns=("uuid", "task", "corpus"))
    stream = OrderedStream(source, wish, Share(), seed=header.seed, plan=plan)
    if stream.identity != header.stream:
        raise LedgerError(f"the ledger is of {header.stream!r}, and {source.root} gives {stream.identity!r}")
    return stream


def _chunks(paths: list[Path], cut_off: list[str], progress: Progress | None) -> Iterator[tuple[Path, Chunk]]:
    total, done = sum(path.stat().st_size for path in paths), 0
    for path in paths:
        yield from ((path, chunk) for chunk in read_chunks(path, lambda found: cut_off.append(found.name)))
        done += path.stat().st_size
        if progress:
            progress("reading the ledger", done, total)


@dataclass
class _Epoch:
    """The order of an epoch, and how often each of its positions was given out."""

    stream: OrderedStream
    times: NDArray[np.uint16]
    skipped: set[int] = field(default_factory=set)


class _Count:
    """Counts positions, rows and leaves."""

    def __init__(self, stream: OrderedStream) -> None:
        self._stream = stream
        self._epochs: dict[int, _Epoch] = {}
        rows = sum(file.rows for file in stream.files)
        self._times = np.zeros(rows, np.uint16)
        """How often each row was given."""
        self._leaf_of = np.full(rows, -1, np.int16)
        self._leaves = _leaves_of(stream)
        self._observed = np.zeros(len(self._leaves.names), np.int64)

    def add(self, path: Path, chunk: Chunk) -> None:
        epoch = self._epochs.get(chunk.epoch)
        if epoch is None:
            stream = self._stream.reordered(self._stream.seed, chunk.epoch)
            epoch = self._epochs[chunk.epoch] = _Epoch(stream, np.zeros(stream.total, np.uint16))
        if ((chunk.positions < 0) | (chunk.positions >= len(epoch.times))).any():
            raise LedgerError(f"{path} has positions that epoch {chunk.epoch} does not have")
        rows = epoch.stream.row_numbers(chunk.positions)
        if wrong := np.flatnonzero(rows != chunk.rows).tolist():
            raise LedgerError(
                f"{path}: at position {chunk.positions[wrong[0]]} of epoch {chunk.epoch} the stream has row "
                f"{rows[wrong[0]]}, and the ledger says {chunk.rows[wrong[0]]}"
            )
        np.add.at(epoch.times, chunk.positions, 1)
        epoch.skipped.update(chunk.positions[chunk.skipped].tolist())
        given = ~chunk.skipped
        leaves = self._leaves.numbers(epoch.stream, chunk.positions, rows)
        self._observed += np.bincount(leaves[given], minlength=len(self._observed))
        np.add.at(self._times, rows[given], 1)
        self._leaf_of[rows] = leaves

    def epochs(self) -> Iterator[EpochAudit]:
        for number, epoch in sorted(self._epochs.items()):
            end = _end(epoch)
            given = int(np.count_nonzero(epoch.times))
            again = int(epoch.times.sum(dtype=np.int64)) - given
            total = len(epoch.times)
            yield EpochAudit(number, total, given, again, end - given, len(epoch.skipped), total - end)

    def named(self, kind: str) -> list[NamedRow]:
        found: list[NamedRow] = []
        for number, epoch in sorted(self._epochs.items()):
            if kind == "skipped":
                positions = sorted(epoch.skipped)
            else:
                until = epoch.times[: _end(epoch)]
                positions = np.flatnonzero(until > 1 if kind == "again" else until == 0).tolist()
            positions = positions[: NAMED_ROWS - len(found)]
            rows = epoch.stream.walk(Share(), 0, positions)
            for position, (_, row) in zip(positions, rows, strict=True):
                if row is not None:
                    found.append(NamedRow(number, position, row["uuid"], row["task"], row["corpus"]))
        return found

    def leaves(self) -> pl.DataFrame:
        seen = np.flatnonzero(self._times)
        times = pl.DataFrame({"leaf": self._leaf_of[seen], "times": self._times[seen]})
        often = times.group_by("leaf").agg(
            most=pl.col("times").max(), fewest=pl.col("times").min(), seen=pl.len().cast(pl.Int64)
        )
        total = int(self._observed.sum())
        shares = self._leaves.planned / self._leaves.planned.sum()
        frame = pl.DataFrame(
            {
                "leaf": pl.Series(range(len(shares)), dtype=pl.Int16),
                "name": self._leaves.names,
                "planned": shares * total,
                "observed": self._observed,
                "planned_share": shares,
                "observed_share": self._observed / max(total, 1),
                "available": self._leaves.available,
            }
        )
        joined = frame.join(often, on="leaf", how="left", maintain_order="left").fill_null(0)
        unseen = pl.col("available") - pl.col("seen")
        return joined.with_columns(unseen=unseen).drop("leaf", "available", "seen")


class _Leaves(NamedTuple):
    """What rows are counted by: leaves of the plan; without one, tasks."""

    names: list[str]
    planned: NDArray[np.int64]
    available: list[int]
    numbers: Callable[[OrderedStream, NDArray[np.int64], NDArray[np.int64]], NDArray[np.int64]]
    """Gives the number of the leaf of each position, given as well the numbers of their rows."""


def _leaves_of(stream: OrderedStream) -> _Leaves:
    if stream.plan:
        leaves = [leaf for leaf in stream.plan.leaves if leaf.target]
        return _Leaves(
            [" / ".join(leaf.key) for leaf in leaves],
            np.array([leaf.target for leaf in leaves], np.int64),
            [leaf.available for leaf in leaves],
            lambda given, positions, _: given.leaf_numbers(positions),
        )
    of_files = [Path(file.path).parent.name for file in stream.files]
    tasks = sorted(set(of_files))
    ends = np.cumsum([file.rows for file in stream.files])
    task_of = np.array([tasks.index(task) for task in of_files], np.int64)
    counted = Counter[str]()
    for task, file in zip(of_files, stream.files, strict=True):
        counted[task] += file.rows
    rows = [counted[task] for task in tasks]
    return _Leaves(
        tasks,
        np.array(rows, np.int64),
        rows,
        lambda _, __, numbers: task_of[np.searchsorted(ends, numbers, side="right")],
    )


def _end(epoch: _Epoch) -> int:
    """Return the position after the last that was given out."""
    given = np.flatnonzero(epoch.times)
    return int(given[-1]) + 1 if len(given) else 0
