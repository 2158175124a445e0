"""`audit_ledger`: what was given out, compared with what was planned."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from audio_flan.analysis.ledger_counts import EpochAudit, EpochCounts, Kind, RowCounts
from audio_flan.mixing import Plan, open_plan
from audio_flan.release.report import Progress
from audio_flan.streaming import open_root
from audio_flan.streaming.ledger_file import (
    LEDGER_SUFFIX,
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
class LedgerAudit:
    """What a ledger says.

    Attributes
    ----------
    files : int
        Files that were counted: one for each pass of a rank and worker.
    copies : tuple of str
        Files of a pass of which a file that is as long or longer was counted.
    cut_off : tuple of str
        Files whose end, or all, a crash has cut off.
    epochs : tuple of EpochAudit
    again, never, skipped : tuple of NamedRow
        The first of the rows that are counted in `EpochAudit`.
    leaves : polars.DataFrame
        A row for each leaf of the plan, or each task without one: ``planned`` and ``observed`` rows,
        ``planned_share`` and ``observed_share``, ``most`` and ``fewest``, how often a row of it was given
        that was given at all, and ``unseen``, rows that never were.
    """

    files: int
    copies: tuple[str, ...]
    cut_off: tuple[str, ...]
    epochs: tuple[EpochAudit, ...]
    again: tuple[NamedRow, ...]
    never: tuple[NamedRow, ...]
    skipped: tuple[NamedRow, ...]
    leaves: pl.DataFrame

    @property
    def is_clean(self) -> bool:
        """Whether every row up to the last was given out just once, padding aside, and none skipped."""
        return not any(epoch.again or epoch.never or epoch.skipped for epoch in self.epochs)


def audit_ledger(
    ledger: str | os.PathLike[str],
    root: str | os.PathLike[str],
    *,
    plan: Plan | str | os.PathLike[str] | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> LedgerAudit:
    """Compare what a stream has given out with what it should have.

    Each row in the ledger is compared with the order of the stream, which is made anew, once for each epoch.
    In memory are 7 bytes for each row of one epoch, and 4 for each row of the data.

    Parameters
    ----------
    ledger : path
        The folder that was passed to `audio_flan.stream` or `load_dataset`; files of several folders may be
        copied together, also more than once: of a pass, the longest file counts.
    root : str or path
        The data that were streamed.
    plan : Plan or path, optional
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
    opened = open_plan(plan)
    found = _find(Path(ledger))
    stream = _stream_of(found.files[0], root, opened, token, revision, cache_dir)
    rows = RowCounts(stream)
    cut_off, epochs = list(found.cut_off), []
    named: dict[Kind, list[NamedRow]] = {"again": [], "never": [], "skipped": []}
    total, done = sum(file.nbytes for file in found.files), 0
    for epoch, files in found.by_epoch():
        counts = EpochCounts(stream.reordered(stream.seed, epoch), rows)
        for file in files:
            for chunk in read_chunks(file.path, cut_off.append):
                counts.add(file.path, file.header, chunk)
            done += file.nbytes
            if progress:
                progress("reading the ledger", done, total)
        epochs.append(counts.audit())
        for kind, rows_named in named.items():
            positions = counts.positions(kind)[: NAMED_ROWS - len(rows_named)].tolist()
            rows_named.extend(_named(counts.stream, positions))
    return LedgerAudit(
        len(found.files),
        tuple(path.name for path in found.copies),
        tuple(path.name for path in cut_off),
        tuple(epochs),
        again=tuple(named["again"]),
        never=tuple(named["never"]),
        skipped=tuple(named["skipped"]),
        leaves=rows.table(),
    )


class _File(NamedTuple):
    """A file of a ledger."""

    path: Path
    nbytes: int
    header: LedgerHeader


class _Found(NamedTuple):
    """The files of a ledger: those to count, one for each pass, and others."""

    files: list[_File]
    copies: list[Path]
    cut_off: list[Path]

    def by_epoch(self) -> Iterator[tuple[int, list[_File]]]:
        for epoch in sorted({file.header.epoch for file in self.files}):
            yield epoch, [file for file in self.files if file.header.epoch == epoch]


def _find(folder: Path) -> _Found:
    """Read the headers of all files of one ledger."""
    passes: dict[str, _File] = {}
    found = _Found([], [], [])
    for path in sorted(folder.glob(f"*{LEDGER_SUFFIX}")):
        header = read_header(path)
        if header is None:
            found.cut_off.append(path)
            continue
        file = _File(path, path.stat().st_size, header)
        first = next(iter(passes.values()), file)
        if header.stream != (expected := first.header.stream):
            raise LedgerError(
                f"{path} is the ledger of {header.stream!r} and {first.path} that of {expected!r}: "
                "put them into folders of their own"
            )
        other = passes.setdefault(header.pass_id, file)
        if header != other.header:
            raise LedgerError(f"{path} and {other.path} say different things of the same pass")
        if file is not other:
            longer, shorter = (file, other) if file.nbytes > other.nbytes else (other, file)
            passes[header.pass_id] = longer
            found.copies.append(shorter.path)
    found.files.extend(passes.values())
    if not found.files:
        what = "has only files that a crash has cut off" if found.cut_off else "has no files of a ledger"
        raise LedgerError(f"{folder} {what}: pass the folder that the stream was given")
    return found


def _stream_of(
    file: _File,
    root: str | os.PathLike[str],
    plan: Plan | None,
    token: str | bool | None,
    revision: str | None,
    cache_dir: str | os.PathLike[str] | None,
) -> OrderedStream:
    """Return the stream that has written a file, at no epoch in particular."""
    header = file.header
    if header.plan != (plan and plan.hash):
        asked = f"the plan {header.plan}" if header.plan else "no plan"
        given = f"the plan {plan.hash}" if plan else "none"
        raise LedgerError(f"{file.path} is of a stream of {asked}, and {given} was given")
    source = open_root(root, token=token, revision=revision, cache_dir=cache_dir)
    if not isinstance(source, ShardRows):
        raise LedgerError(f"{source.root} is a release, whose streams have no ledger")
    wish = Wish(resolve_config(header.config), header.splits, columns=("uuid", "task", "corpus"))
    stream = OrderedStream(source, wish, Share(), seed=header.seed, plan=plan).part(*header.part)
    if stream.identity != header.stream:
        raise LedgerError(f"the ledger is of {header.stream!r}, and {source.root} gives {stream.identity!r}")
    return stream


def _named(stream: OrderedStream, positions: list[int]) -> list[NamedRow]:
    rows = stream.walk(Share(), 0, positions)
    return [
        NamedRow(stream.epoch, position, row["uuid"], row["task"], row["corpus"])
        for position, (_, row) in zip(positions, rows, strict=True)
        if row is not None
    ]
