"""Statistics as Markdown and as CSV."""

import csv
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from audio_flan.analysis.report.tables import tables_of
from audio_flan.analysis.report.values import ValueTable
from audio_flan.card.markdown import escape
from audio_flan.card.markdown import table as markdown_table

if TYPE_CHECKING:
    from audio_flan.analysis.statistics.measured import Stats


def as_markdown(stats: "Stats") -> str:
    """Return all tables as Markdown."""
    title = f"# Statistics of {escape(stats.root)}"
    about = f"{stats.form} form, config {stats.config}, {', '.join(stats.splits)}; revision {stats.revision}."
    return (
        "\n\n".join([title, about, *map(_section, tables_of(stats)), *map(escape, stats.differences)]) + "\n"
    )


def _section(table: ValueTable) -> str:
    columns = [escape(column) for column in table.columns]
    rows = [[escape(cell) if isinstance(cell, str) else cell for cell in row] for row in table.rows]
    return f"## {table.title}\n\n{markdown_table(columns, rows)}"


def as_csv(stats: "Stats") -> str:
    """Return the cross-tabulation if there is one, with a column for each thing that rows are counted by.

    Otherwise all numbers of the JSON, one to a line: ``section,name,measure,value``.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if stats.cross is not None:
        columns = (*stats.cross.by, "rows", "clips", "seconds")
        writer.writerow(columns)
        writer.writerows([cell[name] for name in columns] for cell in stats.as_json()["cross"]["cells"])
    else:
        writer.writerow(("section", "name", "measure", "value"))
        writer.writerows(_lines(stats.as_json()))
    return out.getvalue()


def _lines(value: dict[str, Any]) -> Iterator[tuple[str, str, str, Any]]:
    """Yield each number and text, with the keys that lead to it; lists are counted from 0."""
    for section, below in value.items():
        for keys, leaf in _leaves(below):
            yield section, keys[0] if keys else "", ".".join(keys[1:]), leaf


def _leaves(value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, below in pairs:
            yield from (((str(key), *keys), leaf) for keys, leaf in _leaves(below))
    else:
        yield (), value
