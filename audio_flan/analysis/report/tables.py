"""Statistics as tables: what is printed, exported and put into a report."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from audio_flan.analysis.report.sections import section_tables
from audio_flan.analysis.report.values import Value, ValueTable, hours, percent, shares_of
from audio_flan.analysis.statistics.counts import cross_tabulate
from audio_flan.taxonomy import resolve_config, taxonomy

if TYPE_CHECKING:
    from audio_flan.analysis.statistics.counts import Cell
    from audio_flan.analysis.statistics.measured import Stats

_MEASURES = ("rows", "share %", "clips", "hours")
_BY = {
    "domain": "Domains",
    "direction": "Directions, by the records",
    "split": "Splits",
    "corpus": "Corpora",
}
"""Titles by column."""


def tables_of(stats: "Stats") -> list[ValueTable]:
    """Return the tables of all sections that there are: totals, then counts, then what else was asked for."""
    tables = [_totals(stats), _by(stats, "domain"), _majors(stats), _tasks(stats)]
    tables += [_by(stats, column) for column in ("direction", "split", "corpus")]
    unseen = shares_of(stats.by("unseen"), stats.rows)
    tables.append(ValueTable("unseen", "Marked as unseen", ("unseen", "rows", "share %"), unseen))
    tables += _kinds(stats)
    if stats.cross is not None:
        by = stats.cross.by
        rows = tuple((*cell.key, *_measures(stats, cell)) for cell in stats.cross.cells)
        tables.append(ValueTable("cross", f"By {', '.join(by)}", (*by, *_MEASURES), rows))
    if stats.quarantined:
        rows = shares_of(stats.quarantined, sum(stats.quarantined.values()))
        tables.append(ValueTable("quarantined", "Quarantined", ("reason", "count", "share %"), rows))
    return [*tables, *section_tables(stats)]


def _totals(stats: "Stats") -> ValueTable:
    clips = stats.clips
    rows: list[tuple[Value, ...]] = [
        ("rows", stats.rows),
        ("clips, each once", clips.clips if clips else None),
        ("clips, as often as rows refer to them", stats.referenced_clips),
        ("hours, each clip once", hours(clips.seconds if clips else None)),
        ("hours, as often as rows refer to them", hours(stats.referenced_seconds)),
    ]
    if stats.bad_clips.referenced:
        rows.append(("clips that cannot be opened, each once", stats.bad_clips.unique))
        rows.append(("references to these", stats.bad_clips.referenced))
    if stats.unnamed_clips is not None:
        rows.append(("clips that no row names, not counted", stats.unnamed_clips))
    return ValueTable("totals", "Totals", ("what", "number"), tuple(rows))


def _measures(stats: "Stats", cell: "Cell") -> tuple[Value, ...]:
    return cell.rows, percent(cell.rows, stats.rows), cell.clips, hours(cell.seconds)


def _by(stats: "Stats", column: str) -> ValueTable:
    cells = cross_tabulate(stats.counts, (column,))
    rows = tuple((*cell.key, *_measures(stats, cell)) for cell in cells)
    return ValueTable(column, _BY[column], (column, *_MEASURES), rows)


def _majors(stats: "Stats") -> ValueTable:
    """Make a table in the shape of the paper's Table 2: directions are those of the majors."""
    present = stats.by("task")
    rows = []
    for cell in cross_tabulate(stats.counts, ("major",)):
        (name,) = cell.key
        tasks = resolve_config(name).tasks
        there = sum(task.config in present for task in tasks)
        rows.append((tasks[0].domain, tasks[0].direction, name, there, *_measures(stats, cell)))
    columns = ("domain", "direction", "major", "tasks", *_MEASURES)
    return ValueTable("major", "Major tasks, as in Table 2 of the paper", columns, tuple(rows))


def _tasks(stats: "Stats") -> ValueTable:
    rows = []
    for cell in cross_tabulate(stats.counts, ("task",)):
        task = taxonomy().tasks[cell.key[0]]
        rows.append((task.domain, task.major_config, task.config, *_measures(stats, cell)))
    columns = ("domain", "major", "task", *_MEASURES)
    return ValueTable("task", "Minor tasks", columns, tuple(rows), detail=True)


def _kinds(stats: "Stats") -> Iterator[ValueTable]:
    if stats.clips is None:
        return
    kinds: tuple[tuple[str, str, str, Mapping[str, int] | Mapping[int, int]], ...] = (
        ("sample_rate", "Sampling rates of clips", "Hz", stats.clips.sampling_rates),
        ("channels", "Channels of clips", "channels", stats.clips.channels),
        ("format", "Formats of clips", "format", stats.clips.formats),
    )
    for name, title, unit, counts in kinds:
        rows = tuple((key, n, percent(n, stats.clips.clips)) for key, n in counts.items())
        yield ValueTable(name, title, (unit, "clips", "share %"), rows)
