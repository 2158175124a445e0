"""What statistics come to: a value, as JSON and as tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from audio_flan.analysis.labels.statistics import LabelStatistics
from audio_flan.analysis.statistics.attributes import AttributeStatistics
from audio_flan.analysis.statistics.clip_counts import ClipCounts
from audio_flan.analysis.statistics.counts import COLUMNS, Cell, tally
from audio_flan.analysis.statistics.durations import TaskAudio
from audio_flan.analysis.statistics.paper import Comparison
from audio_flan.analysis.wordings.statistics import WordingStatistics
from audio_flan.shards import RowCount
from audio_flan.taxonomy import UnknownNameError
from audio_flan.taxonomy.errors import nearest_names

if TYPE_CHECKING:
    import polars as pl

_DECIMALS = 3
"""Of the numbers in JSON: seconds to the microsecond, whatever the order in which they were added up."""


class BadClips(msgspec.Struct, frozen=True):
    """Clips that rows refer to and that cannot be opened: each once, and as often as rows refer to them."""

    unique: int
    referenced: int


class Cross(msgspec.Struct, frozen=True):
    """Rows by several columns at once."""

    by: tuple[str, ...]
    cells: tuple[Cell, ...]


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Statistics of the data at a root. Sections that were not asked for are None.

    Attributes
    ----------
    root, form, revision : str
        Where the data are, ``release``, ``indexed`` or ``embedded``, and a hash that changes with the rows.
    config : str
    splits : tuple of str
        What was counted.
    rows_from, references_from, clips_from : str
        What was read to count rows, how often they refer to clips, and clips, each once: the ``manifest``, or
        the ``rows`` and ``clips``. ``clips_from`` is None where these were not counted: for a part of a built
        root its rows have to be read.
    counts : tuple of RowCount
        Rows by task, split, corpus and direction; all others are sums of these.
    clips : ClipCounts or None
        Clips, each once.
    bad_clips : BadClips
    unnamed_clips : int or None
        Clips that a release lists and that no row names. None for a built root, which has no such clips, and
        for a part of a release.
    quarantined : dict or None
        Records, files and clips that were not taken, by reason; None for a part of the data.
    differences : tuple of str
        Where a recount does not come to what the manifest says.
    cross, audio, attributes, labels, text, paper
        What else was asked for; `labels` and `text` by task.
    """

    root: str
    form: str
    revision: str
    config: str
    splits: tuple[str, ...]
    rows_from: Literal["manifest", "rows"]
    references_from: Literal["manifest", "rows"]
    clips_from: Literal["manifest", "clips"] | None
    counts: tuple[RowCount, ...]
    clips: ClipCounts | None
    bad_clips: BadClips
    unnamed_clips: int | None
    quarantined: dict[str, int] | None
    differences: tuple[str, ...] = ()
    cross: Cross | None = None
    audio: tuple[TaskAudio, ...] | None = None
    attributes: AttributeStatistics | None = None
    labels: dict[str, LabelStatistics] | None = None
    text: dict[str, WordingStatistics] | None = None
    paper: tuple[Comparison, ...] | None = None

    @property
    def rows(self) -> int:
        """Rows; a record that names two tasks counts for both."""
        return sum(count.rows for count in self.counts)

    @property
    def referenced_clips(self) -> int:
        """Clips that can be opened, as often as rows refer to them."""
        return sum(count.clips for count in self.counts)

    @property
    def referenced_seconds(self) -> float:
        """Their length."""
        return sum(count.seconds for count in self.counts)

    def by(self, column: str) -> dict[str, int]:
        """Return rows by domain, major, task, direction, split, corpus or unseen."""
        return tally(self.counts, column)

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object; sections that were not asked for are left out."""
        clips = self.clips
        value: dict[str, Any] = {
            "root": self.root,
            "form": self.form,
            "revision": self.revision,
            "config": self.config,
            "splits": self.splits,
            "counted_from": {
                "rows": self.rows_from,
                "references": self.references_from,
                "clips": self.clips_from,
            },
            "rows": self.rows,
            "clips": {"unique": clips and clips.clips, "referenced": self.referenced_clips},
            "seconds": {"unique": clips and clips.seconds, "referenced": self.referenced_seconds},
            **{column: self.by(column) for column in COLUMNS},
            "sample_rate": clips and clips.sampling_rates,
            "channels": clips and clips.channels,
            "format": clips and clips.formats,
            "bad_clips": self.bad_clips,
            "unnamed_clips": self.unnamed_clips,
            "quarantined": self.quarantined,
            "differences": self.differences,
        }
        if self.cross is not None:
            value["cross"] = {
                "by": self.cross.by,
                "cells": [_cell(self.cross.by, c) for c in self.cross.cells],
            }
        if self.audio is not None:
            value["audio"] = {each.task: _without(each, "task") for each in self.audio}
        optional = {name: getattr(self, name) for name in ("attributes", "labels", "text", "paper")}
        value |= {name: section for name, section in optional.items() if section is not None}
        plain: dict[str, Any] = _rounded(msgspec.to_builtins(value, str_keys=True))
        return plain

    def frame(self, section: str) -> "pl.DataFrame":
        """Return a section as a table.

        Parameters
        ----------
        section : str
            ``major``, ``task``, ``corpus``, ``cross``, ``audio`` ... : see `audio_flan.analysis.report`.

        Raises
        ------
        UnknownNameError
            For a section that does not exist, or was not asked for.
        """
        import polars as pl

        from audio_flan.analysis.report.tables import tables_of

        tables = {table.name: table for table in tables_of(self)}
        if section not in tables:
            raise UnknownNameError("section", section, nearest_names(section, tables))
        table = tables[section]
        return pl.DataFrame(table.rows, schema=list(table.columns), orient="row", infer_schema_length=None)


def _cell(by: Sequence[str], cell: Cell) -> dict[str, Any]:
    return dict(zip(by, cell.key, strict=True)) | _without(cell, "key")


def _without(struct: msgspec.Struct, field: str) -> dict[str, Any]:
    found = msgspec.structs.asdict(struct)
    del found[field]
    return found


def _rounded(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, float):
        return round(value, _DECIMALS)
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value
