"""The plan: how many rows to draw of each leaf, as an immutable value that is compared by its hash."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from audio_flan.mixing.errors import PlanError, Shortfall
from audio_flan.mixing.leaves import LEVELS, MICRO, Leaf
from audio_flan.mixing.measures import Balance, Totals, add_up, compare, group_by_level
from audio_flan.mixing.mixture import Mixture
from audio_flan.mixing.row_filter import NO_FILTER, RowFilter
from audio_flan.mixing.units import amounts

if TYPE_CHECKING:
    import polars as pl


class PlannedLeaf(Leaf, frozen=True):
    """A leaf and how many rows are drawn of it, repeats counted.

    ``clipped`` says whether the ceiling of epochs keeps it from getting more.
    """

    target: int = 0
    clipped: bool = False

    @property
    def epochs(self) -> float:
        """How often each row is drawn, on average."""
        return self.target / self.available if self.available else 0.0

    @property
    def seconds(self) -> float:
        """Length of the audio of inputs and outputs, every row once."""
        return (self.input_microseconds + self.target_microseconds) / MICRO


@dataclass(frozen=True)
class Plan:
    """How many rows to draw of each leaf of a split.

    Attributes
    ----------
    mixture : Mixture
        What was asked for.
    leaves : tuple of PlannedLeaf
        Sorted by their keys.
    shortfalls : tuple of Shortfall
        Targets that could not be met; none unless ``nearest`` was said.
    revision : str
        Of the data that the plan was made for.
    split : str
    seed : int
        Decides which rows are drawn.
    row_filter : RowFilter
        What the rows had to pass.
    """

    mixture: Mixture
    leaves: tuple[PlannedLeaf, ...]
    shortfalls: tuple[Shortfall, ...]
    revision: str
    split: str
    seed: int
    row_filter: RowFilter = NO_FILTER

    @cached_property
    def hash(self) -> str:
        """The 128-bit XXH3 of all that the plan is, as 32 hex digits."""
        from xxhash import xxh3_128_hexdigest

        return xxh3_128_hexdigest(msgspec.json.encode([getattr(self, each.name) for each in fields(self)]))

    @property
    def rows(self) -> int:
        """How many rows are drawn, repeats counted."""
        return sum(leaf.target for leaf in self.leaves)

    @property
    def before(self) -> Totals:
        """All rows, each once."""
        return add_up(self.leaves, [leaf.available for leaf in self.leaves], self.mixture.codec_rate)

    @property
    def after(self) -> Totals:
        """The rows that are drawn, with lengths by the means of their leaves."""
        return add_up(self.leaves, [leaf.target for leaf in self.leaves], self.mixture.codec_rate)

    @property
    def balance_before(self) -> Balance:
        """How evenly the values of the level `by` share all rows, each once."""
        before = group_by_level(self.leaves, self._shares_before(), self.mixture.by)
        return compare(before, before)

    @property
    def balance_after(self) -> Balance:
        """How evenly they share the rows that are drawn."""
        before = group_by_level(self.leaves, self._shares_before(), self.mixture.by)
        return compare(group_by_level(self.leaves, self._shares_after(), self.mixture.by), before)

    @property
    def largest_repeat(self) -> PlannedLeaf:
        """The leaf whose rows are drawn most often."""
        return max(self.leaves, key=lambda leaf: leaf.epochs)

    @property
    def left_out(self) -> tuple[PlannedLeaf, ...]:
        """Leaves that have rows and are not drawn."""
        return tuple(leaf for leaf in self.leaves if leaf.available and not leaf.target)

    @property
    def table(self) -> "pl.DataFrame":
        """A row for each leaf.

        Returns
        -------
        polars.DataFrame
            ``direction, domain, task, corpus`` (strings), ``available``, ``target`` (rows, int64),
            ``epochs``, ``share_before``, ``share_after`` (parts of the unit of the plan), ``seconds`` (of
            audio of the rows drawn, inputs and outputs; all float64), ``clipped`` (bool).
        """
        import polars as pl

        columns = {level: [getattr(leaf, level) for leaf in self.leaves] for level in LEVELS}
        numbers = {
            "available": [leaf.available for leaf in self.leaves],
            "target": [leaf.target for leaf in self.leaves],
            "epochs": [leaf.epochs for leaf in self.leaves],
            "share_before": self._shares_before(),
            "share_after": self._shares_after(),
            "seconds": [leaf.seconds * leaf.epochs for leaf in self.leaves],
            "clipped": [leaf.clipped for leaf in self.leaves],
        }
        return pl.DataFrame(columns | numbers)

    def check_revision(self, revision: str) -> None:
        """Refuse data of another revision.

        Raises
        ------
        PlanError
            When the plan was made for another one.
        """
        if revision != self.revision:
            message = (
                f"the plan {self.hash} was made for revision {self.revision!r} of the data, "
                f"this is {revision!r}: make the plan anew"
            )
            raise PlanError(message)

    def save(self, path: str | Path) -> None:
        """Write the plan to a TOML file."""
        from audio_flan.mixing.plan_file import write_plan

        write_plan(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> "Plan":
        """Read a plan that `save` has written.

        Raises
        ------
        PlanError
            When it cannot be understood, or is not what was written.
        """
        from audio_flan.mixing.plan_file import read_plan

        return read_plan(Path(path))

    def _shares_before(self) -> list[float]:
        return _shares(self._amounts())

    def _shares_after(self) -> list[float]:
        drawn = [
            Fraction(amount * leaf.target, max(leaf.available, 1))
            for amount, leaf in zip(self._amounts(), self.leaves, strict=True)
        ]
        return _shares(drawn)

    def _amounts(self) -> list[int]:
        return amounts(self.leaves, self.mixture.unit, self.mixture.codec_rate)


def open_plan(plan: Plan | str | os.PathLike[str] | None) -> Plan | None:
    """Return a plan that is given as itself or as the path of its file; None for none.

    Raises
    ------
    PlanError
        When there is no plan in the file.
    TypeError
        For anything else.
    """
    if plan is None or isinstance(plan, Plan):
        return plan
    path = os.fspath(plan) if isinstance(plan, os.PathLike) else plan
    if not isinstance(path, str):
        raise TypeError(f"plan must be a Plan, or the path of the file of one, got {plan!r}")
    return Plan.load(path)


def _shares(parts: Sequence[Fraction | int]) -> list[float]:
    total = sum(parts)
    return [float(Fraction(part) / total) for part in parts]
