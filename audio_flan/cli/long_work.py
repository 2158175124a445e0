"""What commands that work long have in common: sizes, dry runs, and what Ctrl-C leaves."""

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import typer

_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:([KMGT])(I?)B?|B?)\s*", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Read a size such as ``512MB``, powers of 1000, or ``512MiB``, of 1024."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"expected a size such as 512MB or 1GB, got {text!r}")
    return int(float(found[1]) * (1024 if found[3] else 1000) ** _POWERS[(found[2] or "").upper()])


def in_earnest(arguments: list[str]) -> str:
    """Return the command that does what a dry run shows; a token is not printed."""
    words = ["audio-flan"]
    for before, word in pairwise(arguments):
        if before == "--token":
            words.append("TOKEN")
        elif word.startswith("--token="):
            words.append("--token=TOKEN")
        elif word != "--dry-run":
            words.append(word)
    return shlex.join(words)


@contextmanager
def going_on_later(folder: Path) -> Iterator[None]:
    """Say what Ctrl-C leaves."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"{folder}: what is done stays; the same command goes on where it stopped", err=True)
        raise
