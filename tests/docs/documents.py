"""The documents of the project, and the code that stands in them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parents[2]
FOLDERS = ("guides", "reference", "design")
DOCUMENTS = {
    path.relative_to(PROJECT).as_posix(): path.read_text()
    for path in (
        PROJECT / "README.md",
        PROJECT / "docs/contributing.md",
        PROJECT / "docs/status.md",
        *(found for folder in FOLDERS for found in sorted((PROJECT / "docs" / folder).glob("*.md"))),
    )
}
"""Text by path; results of benchmarks are not among them."""
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```\n(?:\n```\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"audio-flan [^\n]*")


class Block(NamedTuple):
    """A block of code, and what the block right behind it says that it prints, if there is one."""

    language: str
    code: str
    output: str


def blocks(document: str) -> list[Block]:
    """Return the blocks of code of a document, in their order; those that are only shown have no language."""
    return [Block(*found) for found in _BLOCK.findall(DOCUMENTS[document])]


def runnable(document: str) -> list[Block]:
    """Return the blocks that are run."""
    return [block for block in blocks(document) if block.language]


def commands(document: str) -> Iterator[list[str]]:
    """Yield the calls of `audio-flan` in a document, in blocks and within the text, as words."""
    shown = [block.code for block in blocks(document)]
    inline = re.findall(
        r"`(audio-flan [^`]+)`",
        re.sub(r"^```.*?^```$", "", DOCUMENTS[document], flags=re.MULTILINE | re.DOTALL),
    )
    for text in (*shown, *(re.sub(r"\s+", " ", call) for call in inline)):
        for call in _COMMAND.findall(text):
            words = shlex.split(call, comments=True)
            for end in ("|", ">", "&&", "..."):
                words = words[: words.index(end)] if end in words else words
            yield words[1:]


def tables(document: str) -> Iterator[list[list[str]]]:
    """Yield the tables of a document: rows of cells, the head first; a bar in a cell is written \\|."""
    lines: list[list[str]] = []
    for line in (*DOCUMENTS[document].splitlines(), ""):
        if line.startswith("|"):
            cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            lines.append(cells)
        elif lines:
            yield [lines[0], *lines[2:]]
            lines = []


def table(document: str, first: str) -> list[list[str]]:
    """Return the rows of the one table whose head begins with `first`."""
    (found,) = [rows[1:] for rows in tables(document) if rows[0][0] == first]
    return found


def code_of(cell: str) -> list[str]:
    """Return what stands between backquotes."""
    return re.findall(r"`([^`]+)`", cell)
