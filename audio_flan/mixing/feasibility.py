"""Whether targets can be met, and what is missing where they cannot."""

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction

from audio_flan.mixing.arguments import SHARES_TOLERANCE
from audio_flan.mixing.errors import Shortfall
from audio_flan.mixing.groups import Group, describe, in_unit, walk
from audio_flan.mixing.mixture import Mixture
from audio_flan.mixing.units import exact


def default_budget(root: Group) -> int:
    """Return the budget where none was given, in quanta.

    One pass over all that takes part, or less where that is the most at which all targets hold. Where they
    hold with none, it is the one pass.
    """
    return min(root.amount, root.attainable or root.amount)


def contradictions(root: Group, mixture: Mixture, budget: int) -> list[Shortfall]:
    """List the names whose share is less than asked for, whatever the budget.

    Inside a group shares are taken of the names that it has, so targets of two levels may contradict each
    other, and a name may have nothing at all.
    """
    shares: defaultdict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for group in walk(root):
        if group.place and group.place[-1][0] in mixture.targets:
            shares[group.place[-1]] += group.share
    found = []
    for level, numbers in mixture.targets.items():
        total = sum(map(exact, numbers.values()))
        for name, number in numbers.items():
            asked, got = exact(number) / total, shares[level, name]
            if asked - got > SHARES_TOLERANCE:
                found.append(_shortfall(f"{level} {name!r}", asked * budget, got * budget, budget, mixture))
    return found


def shortfalls(root: Group, mixture: Mixture, budget: int) -> list[Shortfall]:
    """List the groups that are asked for more than they have at the ceiling of epochs."""
    return [
        _shortfall(describe(group.place), asked, Fraction(group.capacity), budget, mixture)
        for group, asked in _too_small(root, Fraction(budget))
    ]


def _too_small(group: Group, asked: Fraction) -> Iterator[tuple[Group, Fraction]]:
    if asked <= group.attainable:
        return
    if not group.has_targets or not group.children:
        yield group, asked
        return
    total = sum(group.weights)
    for child, weight in zip(group.children, group.weights, strict=True):
        yield from _too_small(child, asked * weight / total)


def _shortfall(where: str, asked: Fraction, available: Fraction, budget: int, mixture: Mixture) -> Shortfall:
    of_budget = max(budget, 1)
    return Shortfall(
        where,
        in_unit(asked, mixture),
        in_unit(available, mixture),
        float(asked / of_budget),
        float(available / of_budget),
    )
