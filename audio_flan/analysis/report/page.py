"""Statistics as one HTML page that needs nothing else: charts, tables that can be sorted, and the JSON."""

import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from audio_flan.analysis.report.charts import charts_of, check_can_draw
from audio_flan.analysis.report.tables import tables_of
from audio_flan.analysis.report.values import Value, ValueTable
from audio_flan.shards.atomic import output_path, write_atomically

if TYPE_CHECKING:
    from audio_flan.analysis.statistics.measured import Stats


def write_page(stats: "Stats", path: Path) -> None:
    """Write the page.

    Raises
    ------
    ImportError
        When the extra ``report`` is not installed.
    """
    check_can_draw()
    write_atomically(output_path(path), page(stats).encode())


def page(stats: "Stats") -> str:
    """Return the page. Names and texts of the data are shown as they are and are never code."""
    template = Template(files("audio_flan.analysis.report").joinpath("page.html").read_text("utf-8"))
    tables = [table for table in tables_of(stats) if table.rows]
    source = "the manifest" if stats.rows_from == "manifest" else "the rows"
    about = f"{stats.form} form; config {stats.config}; {', '.join(stats.splits)}; counted by {source}"
    figures = [
        f'<figure aria-label="{escape(title)}">{svg}</figure>' for title, svg in charts_of(stats).items()
    ]
    return template.substitute(
        title=escape(f"Audio-FLAN statistics: {stats.root}"),
        about=escape(f"{about}; revision {stats.revision}"),
        links=" ".join(f'<a href="#{table.name}">{escape(table.title)}</a>' for table in tables),
        differences="".join(f'<p class="bad">{escape(each)}</p>' for each in stats.differences),
        figures="\n".join(figures),
        tables="\n".join(map(_section, tables)),
        data=_embedded(stats),
    )


def _embedded(stats: "Stats") -> str:
    """Return the JSON in a form in which nothing can end the element that holds it."""
    text = json.dumps(stats.as_json(), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _section(table: ValueTable) -> str:
    numeric = [any(isinstance(row[i], int | float) for row in table.rows) for i in range(len(table.columns))]
    head = "".join(
        f'<th{_number(right)}><button type="button">{escape(column)}</button></th>'
        for column, right in zip(table.columns, numeric, strict=True)
    )
    body = "\n".join(_row(row, numeric) for row in table.rows)
    return (
        f'<h2 id="{table.name}">{escape(table.title)}</h2>\n<div class="scroll"><table>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def _row(row: Sequence[Value], numeric: Sequence[bool]) -> str:
    cells = (
        f"<td{_number(right)}{_data(cell)}>{escape(_text(cell))}</td>"
        for cell, right in zip(row, numeric, strict=True)
    )
    return f"<tr>{''.join(cells)}</tr>"


def _number(right: bool) -> str:
    return ' class="number"' if right else ""


def _data(cell: Value) -> str:
    """Return the value by which a table is sorted; there is none for an empty cell."""
    return "" if cell is None else f' data-value="{escape(str(cell))}"'


def _text(cell: Value) -> str:
    if cell is None:
        return ""
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:,.2f}" if isinstance(cell, float) else cell
