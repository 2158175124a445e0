"""A table of values for people, and the columns that many of them have."""

from collections.abc import Mapping
from typing import Final, NamedTuple

Value = str | int | float | None
SECONDS_PER_HOUR: Final = 3600
"""Lengths of whole sets are shown in hours, those of clips in seconds."""


class ValueTable(NamedTuple):
    """A section of statistics.

    ``columns`` ending in ``%`` are percentages, in ``h`` hours, in ``s`` seconds. Tables of `detail` are left
    out where there is little room.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    detail: bool = False


def shares_of(counts: Mapping[str, int], total: int) -> tuple[tuple[Value, ...], ...]:
    """Return name, number, and percentage of the total."""
    return tuple((str(name), n, percent(n, total)) for name, n in counts.items())


def percent(part: float, whole: float) -> float:
    """Return 100 part / whole, 0 for a part of nothing."""
    return 100 * part / whole if whole else 0.0


def hours(seconds: float | None) -> float | None:
    """Return seconds in hours."""
    return None if seconds is None else seconds / SECONDS_PER_HOUR
