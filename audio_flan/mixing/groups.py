"""The tree that a mixture makes of the leaves: levels with targets, the level of the rule, the leaves.

A budget runs down this tree. Inside a group it is shared out by water-filling, in whole quanta.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from audio_flan.mixing.apportion import apportion
from audio_flan.mixing.errors import MixtureError
from audio_flan.mixing.filling import fill
from audio_flan.mixing.leaves import LEVELS, Leaf
from audio_flan.mixing.mixture import Mixture
from audio_flan.mixing.units import amounts, exact, quanta
from audio_flan.mixing.weights import rule_weights, whole_numbers

Place = tuple[tuple[str, str], ...]
"""Pairs of a level and a name, from the outermost."""


@dataclass(frozen=True, slots=True)
class Group:
    """Leaves that share the names of a place.

    Attributes
    ----------
    share : Fraction
        Of the budget, by the targets of all levels from the outermost to this group's.
    amount : int
        Of those of its leaves that take part, each row once, in quanta.
    capacity : int
        The same with every row as often as may be.
    attainable : int
        The most that it can be given while all targets inside hold.
    children : tuple of Group
        With their weights, above 0; none for a leaf.
    has_targets : bool
        Whether the weights are targets, which must hold.
    floor_share : Fraction
        The least part of this group that each child is to get.
    leaf : int or None
        Number of the leaf.
    """

    place: Place
    share: Fraction
    amount: int
    capacity: int
    attainable: int
    children: tuple["Group", ...] = ()
    weights: tuple[int, ...] = ()
    has_targets: bool = False
    floor_share: Fraction = Fraction(0)
    leaf: int | None = None


def make_groups(leaves: Sequence[Leaf], mixture: Mixture) -> Group:
    """Return the root of the tree of the leaves that have something of the unit."""
    tree = _Tree(leaves, mixture)
    return tree.group([i for i, amount in enumerate(tree.amounts) if amount], (), Fraction(1), tree.levels)


def row_ceiling(leaf: Leaf, mixture: Mixture) -> int:
    """Return how many rows may be drawn of a leaf, repeats counted."""
    return int(leaf.available * exact(mixture.epoch_ceiling))


def walk(group: Group) -> Iterator[Group]:
    """Yield a group and all below it."""
    yield group
    for child in group.children:
        yield from walk(child)


class LeafPart(NamedTuple):
    """What a leaf gets of the budget.

    Attributes
    ----------
    leaf : int
        Its number.
    part, amount : int
        What it gets, and what it has when each row is drawn once, in quanta.
    held : bool
        Whether the ceiling of epochs keeps it, or a group around it, from getting more.
    """

    leaf: int
    part: int
    amount: int
    held: bool


def share_out(group: Group, total: int, *, held: bool = False) -> Iterator[LeafPart]:
    """Share quanta out among the leaves of a group, as many as it has room for at most.

    They add up to `total`. `held` says that the group itself is held at its ceiling.
    """
    if group.leaf is not None:
        yield LeafPart(group.leaf, total, group.amount, held)
        return
    ceilings = [child.capacity for child in group.children]
    at_ceiling = fill(total, group.weights, ceilings, group.floor_share).held
    parts = apportion(total, group.weights, ceilings, group.floor_share)
    for i, (child, part) in enumerate(zip(group.children, parts, strict=True)):
        yield from share_out(child, part, held=held or i in at_ceiling)


class _Tree:
    """Makes groups."""

    def __init__(self, leaves: Sequence[Leaf], mixture: Mixture) -> None:
        self.leaves, self.mixture, self.targets = leaves, mixture, mixture.targets
        self.amounts = amounts(leaves, mixture.unit, mixture.codec_rate)
        self.levels: list[str] = [level for level in LEVELS if level in self.targets]
        if mixture.by not in self.targets:
            self.levels.append(mixture.by)

    def group(self, members: Sequence[int], place: Place, share: Fraction, levels: Sequence[str]) -> Group:
        if not levels:
            return self._collect(
                place, share, [self._leaf(i) for i in members], [self.amounts[i] for i in members]
            )
        level = levels[0]
        found: dict[str, list[int]] = defaultdict(list)
        for i in members:
            found[getattr(self.leaves[i], level)].append(i)
        if level in self.targets:
            weights = whole_numbers([self.targets[level].get(name, 0) for name in found])
        else:
            sums = [sum(self.amounts[i] for i in inside) for inside in found.values()]
            weights = rule_weights(self.mixture, list(found), sums)
        taken = [(name, weight) for name, weight in zip(found, weights, strict=True) if weight]
        total = sum(weights)
        children = [
            self.group(found[name], (*place, (level, name)), share * weight / total, levels[1:])
            for name, weight in taken
        ]
        return self._collect(place, share, children, [weight for _, weight in taken], level)

    def _collect(
        self, place: Place, share: Fraction, children: list[Group], weights: list[int], level: str = ""
    ) -> Group:
        has_targets = level in self.targets
        if has_targets:
            each = [c.attainable * sum(weights) // w for c, w in zip(children, weights, strict=True)]
            attainable = min(each, default=0)
        else:
            attainable = sum(child.attainable for child in children)
        floor = Fraction(0)
        if level == self.mixture.by and not has_targets:
            floor = self._floor(place, share, len(children))
        amount, capacity = sum(child.amount for child in children), sum(child.capacity for child in children)
        return Group(
            place, share, amount, capacity, attainable, tuple(children), tuple(weights), has_targets, floor
        )

    def _leaf(self, i: int) -> Group:
        leaf, amount = self.leaves[i], self.amounts[i]
        # Rounded up, so that a leaf at its ceiling has quanta for all of its rows.
        capacity = -(-row_ceiling(leaf, self.mixture) * amount // leaf.available)
        return Group((), Fraction(0), amount, capacity, capacity, leaf=i)

    def _floor(self, place: Place, share: Fraction, count: int) -> Fraction:
        """Turn the least share of the budget into one of a group."""
        floor = exact(self.mixture.min_share) / share
        if floor * count > 1:
            message = (
                f"min_share={self.mixture.min_share:g} cannot be given to each of {count} values of "
                f"{self.mixture.by!r} in {describe(place)}: they would take "
                f"{float(floor * share * count):.6g} of the budget, and have {float(share):.6g}; "
                f"at most {float(share / count):.6g} is possible"
            )
            raise MixtureError(message)
        return floor


def describe(place: Place) -> str:
    """Name a place for a message."""
    return ", ".join(f"{level} {name!r}" for level, name in place) or "all"


def in_unit(amount: Fraction | int, mixture: Mixture) -> float:
    """Turn quanta into the unit of a mixture."""
    return float(Fraction(amount) / quanta(mixture.unit))
