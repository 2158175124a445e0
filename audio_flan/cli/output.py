"""What commands print: tables, JSON, progress. The one file that imports rich."""

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_NO_LIMIT = 10_000
_GAP = 3
"""Columns of the terminal between those of a table."""
Cell = str | int | float | None


def print_json(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Print `value` as JSON on stdout."""
    plain = sys.stdout.encoding.lower() not in ("utf-8", "utf8")
    typer.echo(json.dumps(value, ensure_ascii=plain, indent=1))


def printable(text: str) -> str:
    """Return `text` with control characters escaped: data must not command a terminal."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], title: str = "") -> None:
    """Print a table that fits the terminal; numbers stand right, with thousands separators."""
    from rich import box
    from rich.table import Table

    table = Table(
        title=title or None, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False
    )
    for i, column in enumerate(columns):
        numeric = any(_is_number(row[i]) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_text(cell) for cell in row))
    _console().print(table)


def print_wide_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], title: str = "") -> None:
    """Print a table of many columns; where it does not fit, each row as a paragraph: no number breaks."""
    from rich.cells import cell_len

    cells = [[_text(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    console = _console()
    if sum(widths) + _GAP * len(columns) <= console.width:
        print_table(columns, rows, title)
        return
    names = sum(
        1 for _ in takewhile(lambda i: not any(_is_number(row[i]) for row in rows), range(len(columns)))
    )
    console.print(title, style="bold")
    for row in cells:
        console.print("  ".join(filter(None, row[:names])))
        line = ""
        for column, text in zip(columns[names:], row[names:], strict=True):
            item = f"   {column}: {text}" if text else ""
            if cell_len(line + item) > console.width - _GAP:
                console.print(line)
                line = ""
            line += item
        if line:
            console.print(line)
    console.print()


def _console() -> "Console":
    """Return what prints on stdout; a file or a pipe has no width to fit."""
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _NO_LIMIT
    return console


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float)


def human_bytes(nbytes: int | None) -> str:
    """Return a size as a person reads it, in powers of 1000."""
    if nbytes is None:
        return "unknown"
    size = float(nbytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def human_seconds(seconds: float) -> str:
    """Return a time as a person reads it."""
    for size, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


@contextmanager
def progress(description: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on stderr, where that is a terminal; yield a function of (done, total)."""
    with labelled_progress() as report:
        yield lambda done, total: report(description, done, total)


@contextmanager
def labelled_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for each thing that is counted; where stderr is no terminal, a line now and then.

    Yields a function of (what, done, total).
    """
    if not sys.stderr.isatty():
        yield ProgressLines().report
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        Task,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Amount(ProgressColumn):
        def render(self, task: Task) -> Text:
            rate = f", {short_number(task.speed)}/s" if task.speed else ""
            return Text(f"{short_number(task.completed)} of {short_number(task.total or 0)}{rate}")

    bars: dict[str, Any] = {}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        Amount(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:

        def report(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = display.add_task(what, total=total)
            display.update(bars[what], completed=done, total=total)

        yield report


class ProgressLines:
    """Progress for logs: a line each time that `every_s` seconds have passed."""

    def __init__(self, every_s: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s, self._clock = every_s, clock
        self._last = clock()
        self._what, self._began, self._first = "", self._last, 0

    def report(self, what: str, done: int, total: int) -> None:
        """Take note of how much is done."""
        now = self._clock()
        if what != self._what:
            self._what, self._began, self._first = what, now, done
        if now - self._last < self._every_s:
            return
        self._last = now
        rate = (done - self._first) / max(now - self._began, 1e-9)
        left = f", about {(total - done) / rate:,.0f} s left" if rate > 0 else ""
        amount = f"{short_number(done)} of {short_number(total)}, {short_number(rate)}/s"
        typer.echo(f"{what}: {amount}{left}", err=True)


def short_number(number: float) -> str:
    """Return a number as a person reads it: 950, 12.3 k, 4.5 M, 6.7 G."""
    for unit in ("", " k", " M", " G"):
        if number < 1000:
            return f"{number:.0f}{unit}" if not unit else f"{number:.1f}{unit}"
        number /= 1000
    return f"{number:.1f} T"


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:,.2f}" if isinstance(cell, float) else printable(cell)
