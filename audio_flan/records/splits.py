"""The three splits: what the release calls ``dev`` is ``validation`` everywhere here."""

from typing import Final

SPLITS: Final = ("train", "validation", "test")
"""In the order in which they are listed everywhere."""

_BY_SPELLING = {
    "train": "train",
    "dev": "validation",
    "valid": "validation",
    "val": "validation",
    "validation": "validation",
    "test": "test",
}


def resolve_split(spelling: str) -> str | None:
    """Return the split that `spelling` names (case aside), or None."""
    return _BY_SPELLING.get(spelling.strip().casefold())


def release_split(split: str) -> str:
    """Return the release's name of `split`."""
    return "dev" if split == "validation" else split
