"""Water-filling: shares by weight, some of them held at a floor or a ceiling, in exact arithmetic."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple


class Filled(NamedTuple):
    """Ideal amounts as fractions of one denominator: ``numerators[i] / denominator``.

    ``held`` are the indices of those that would be over their ceiling.
    """

    numerators: list[int]
    denominator: int
    held: frozenset[int]


def fill(
    total: int, weights: Sequence[int], ceilings: Sequence[int], floor_share: Fraction = Fraction(0)
) -> Filled:
    """Share `total` out in proportion to `weights`, between floors and ceilings.

    Every amount is ``clamp(level * weight, floor, ceiling)`` with one level for all, the one at which they
    add up to `total`. Among all amounts within the bounds these deviate least from the weights: they
    minimise the sum of amount squared over weight. Amounts never fall when `total` rises.

    Parameters
    ----------
    total : int
        From 0 to the sum of the ceilings.
    weights : sequence of int
        Positive.
    ceilings : sequence of int
        Not negative.
    floor_share : Fraction
        The floor of each amount is this part of `total`, or its ceiling if that is lower; at most 1 over the
        number of weights.

    Notes
    -----
    Bitran and Hax (1981): share out what is left among those that are free, pin those over their ceiling
    or those under their floor, whichever are further out altogether, and repeat. In whole numbers, as
    everything is multiplied by the denominators.
    """
    scale = floor_share.denominator
    tops = [ceiling * scale for ceiling in ceilings]
    bottoms = [min(floor_share.numerator * total, top) for top in tops]
    pinned: dict[int, int] = {}
    held: set[int] = set()
    free, rest = list(range(len(weights))), total * scale
    while True:
        width = sum(weights[i] for i in free)
        over = [i for i in free if weights[i] * rest > tops[i] * width]
        under = [i for i in free if weights[i] * rest < bottoms[i] * width]
        excess = sum(weights[i] * rest - tops[i] * width for i in over)
        lack = sum(bottoms[i] * width - weights[i] * rest for i in under)
        if not over and not under:
            break
        if excess >= lack:
            pinned |= {i: tops[i] for i in over}
            held.update(over)
        if lack >= excess:
            pinned |= {i: bottoms[i] for i in under}
        free = [i for i in free if i not in pinned]
        rest = total * scale - sum(pinned.values())
    width = width or 1
    numerators = [pinned[i] * width if i in pinned else weights[i] * rest for i in range(len(weights))]
    return Filled(numerators, width * scale, frozenset(held))
