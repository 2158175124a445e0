"""Counts beside those that the paper prints: Table 2 and section 3, and what differs."""

from collections.abc import Iterable
from functools import cache
from importlib.resources import files

import msgspec

from audio_flan.shards import RowCount
from audio_flan.taxonomy import resolve_config


class Printed(msgspec.Struct, frozen=True):
    """A count of rows that the paper prints, such as ``12.05M``: of a major task.

    ``rounding_unit`` is the worth of its last digit, in rows.
    """

    config: str
    printed: str
    instances: int
    rounding_unit: int

    @property
    def max_rounding_error(self) -> float:
        """How far the true count may be from the printed one."""
        return self.rounding_unit / 2


class PrintedSum(msgspec.Struct, frozen=True):
    """A sum of such counts that the paper prints; it carries half a unit for each of its terms."""

    printed: str
    instances: int
    max_rounding_error: float


class Inconsistency(msgspec.Struct, frozen=True):
    """Two statements of the paper that do not agree."""

    id: str
    kind: str
    where: str
    what: str


class _DomainShares(msgspec.Struct, frozen=True):
    shares_percent: dict[str, float]


class _AttributeShares(msgspec.Struct, frozen=True):
    domains: dict[str, _DomainShares]


class Reference(msgspec.Struct, frozen=True):
    """What the paper prints, as numbers."""

    totals: PrintedSum
    domains: dict[str, PrintedSum]
    directions: dict[str, PrintedSum]
    direction_domain: dict[str, PrintedSum]
    majors: tuple[Printed, ...]
    attribute_shares: _AttributeShares
    inconsistencies: tuple[Inconsistency, ...]

    def attribute_share(self, domain: str, name: str) -> float | None:
        """Return the share in percent of an attribute or a group of them in a domain, where it is printed."""
        found = self.attribute_shares.domains.get(domain)
        return None if found is None else found.shares_percent.get(name)


class Comparison(msgspec.Struct, frozen=True):
    """A count beside the printed one.

    Attributes
    ----------
    level : {"majors", "domains", "directions", "direction_domain", "totals"}
        What is counted; directions are those of the major tasks, as in Table 2.
    name : str
        Config that holds these rows.
    rows : int
        Counted.
    printed : str
        By the paper.
    printed_rows : int
        The same as a number.
    difference : int
        ``rows - printed_rows``.
    tolerance : float
        How far rounding may explain a difference: half of the last digit, for sums half of that of each term.
    agrees : bool
        Whether it does.
    """

    level: str
    name: str
    rows: int
    printed: str
    printed_rows: int
    difference: int
    tolerance: float
    agrees: bool


@cache
def reference() -> Reference:
    """Return the numbers of the paper."""
    data = files("audio_flan.analysis.statistics").joinpath("facts/reference_counts.json").read_bytes()
    return msgspec.json.decode(data, type=Reference)


def compare_with_paper(counts: Iterable[RowCount]) -> tuple[Comparison, ...]:
    """Compare counts of rows with the paper's, from the total to the major tasks."""
    by_task: dict[str, int] = {}
    for count in counts:
        by_task[count.task] = by_task.get(count.task, 0) + count.rows
    table = reference()
    named: list[tuple[str, str, Printed | PrintedSum]] = [
        ("totals", "all", table.totals),
        *(("domains", name, each) for name, each in table.domains.items()),
        *(("directions", name, each) for name, each in table.directions.items()),
        *(("direction_domain", name, each) for name, each in table.direction_domain.items()),
        *(("majors", each.config, each) for each in table.majors),
    ]
    return tuple(_compared(level, name, printed, by_task) for level, name, printed in named)


def printed_counts() -> tuple[RowCount, ...]:
    """Return the paper's counts of the major tasks as rows of the first minor task of each."""
    printed = ((resolve_config(each.config).tasks[0], each.instances) for each in reference().majors)
    return tuple(RowCount(task.config, "", "", task.direction, rows, 0.0, 0, 0, 0) for task, rows in printed)


def known_inconsistencies() -> tuple[Inconsistency, ...]:
    """Return where the sums of the paper's own counts do not agree."""
    return tuple(each for each in reference().inconsistencies if each.kind == "sum")


def _compared(level: str, name: str, printed: Printed | PrintedSum, by_task: dict[str, int]) -> Comparison:
    rows = sum(by_task.get(task, 0) for task in resolve_config(name).task_names)
    difference, tolerance = rows - printed.instances, printed.max_rounding_error
    agrees = abs(difference) <= tolerance
    return Comparison(level, name, rows, printed.printed, printed.instances, difference, tolerance, agrees)
