"""Why there is no plan, in one message with the arithmetic and the remedy."""

from typing import Final

import msgspec

_MOST_SHOWN: Final = 10


class MixtureError(ValueError):
    """What was asked for makes no sense, whatever the data."""


class PlanError(ValueError):
    """A plan that cannot be read, has been changed, or was made for other data."""


class Shortfall(msgspec.Struct, frozen=True):
    """A target that cannot be met.

    Attributes
    ----------
    where : str
        For instance ``direction 'generation', domain 'music'``.
    asked, available : float
        In the unit of the plan; ``available`` at the ceiling of epochs, or where other targets set the limit,
        what those leave.
    asked_share, nearest_share : float
        Of the budget; the nearest is the largest that can be had.
    """

    where: str
    asked: float
    available: float
    asked_share: float
    nearest_share: float

    @property
    def missing(self) -> float:
        """What is asked for beyond what is available, in the unit of the plan."""
        return self.asked - self.available

    def __str__(self) -> str:
        return (
            f"{self.where}: asked {_number(self.asked)} ({_percent(self.asked_share)}), "
            f"available {_number(self.available)}, short of {_number(self.missing)}; "
            f"nearest share {_percent(self.nearest_share)}"
        )


class InfeasibleError(ValueError):
    """Targets that the rows cannot meet.

    Attributes
    ----------
    shortfalls : tuple of Shortfall
    largest_budget : float
        With which the targets hold, in the unit of the plan; 0 when none does.
    """

    def __init__(
        self, shortfalls: tuple[Shortfall, ...], unit: str, max_epochs: float, largest_budget: float
    ) -> None:
        self.shortfalls, self.unit, self.max_epochs = shortfalls, unit, max_epochs
        self.largest_budget = largest_budget
        lines = [f"the targets cannot be met with at most {max_epochs:g} epochs ({unit}):"]
        lines += [f"  {shortfall}" for shortfall in shortfalls[:_MOST_SHOWN]]
        if len(shortfalls) > _MOST_SHOWN:
            lines.append(f"  and {len(shortfalls) - _MOST_SHOWN} more")
        hint = "nearest=True (--nearest) takes the nearest shares"
        if largest_budget:
            hint += f"; the targets hold with a budget of up to {_number(largest_budget)} {unit}"
        super().__init__("\n".join([*lines, f"Hint: {hint}"]))

    def __reduce__(self) -> tuple[type, tuple[tuple[Shortfall, ...], str, float, float]]:
        return type(self), (self.shortfalls, self.unit, self.max_epochs, self.largest_budget)


def _percent(share: float) -> str:
    return f"{100 * share:.6g} %"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"
