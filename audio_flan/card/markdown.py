"""Markdown out of data that nobody has checked: names and texts must not turn into markup."""

import json
import re
from collections.abc import Sequence
from typing import Any

_MARKUP = re.compile(r"[\\`*_{}\[\]<>|#&~]")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_FENCE = re.compile("`{3,}")


def escape(text: str) -> str:
    """Return `text` as one line that Markdown shows as it is."""
    return _MARKUP.sub(r"\\\g<0>", _SPACE.sub(" ", text))


def table(columns: Sequence[str], rows: Sequence[Sequence[str | float | None]]) -> str:
    """Return a table; numbers stand right, None is empty. Texts are Markdown: `escape` those from data."""
    lines = [[_cell(value) for value in row] for row in rows]
    numeric = [bool(rows) and not any(isinstance(row[i], str) for row in rows) for i in range(len(columns))]
    rule = ["---:" if right else "---" for right in numeric]
    return "\n".join(f"| {' | '.join(line)} |" for line in (columns, rule, *lines))


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def code(text: str, language: str) -> str:
    """Return a block of code, fenced so that nothing in `text` ends it."""
    fence = "`" * max((len(run) + 1 for run in _FENCE.findall(text)), default=3)
    return f"{fence}{language}\n{text}\n{fence}"


def json_block(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return `value` as a block of JSON in which nothing looks like a comment of HTML."""
    text = json.dumps(value, ensure_ascii=False, indent=1)
    return code(text.replace("<!--", "\\u003c!--").replace("-->", "--\\u003e"), "json")
