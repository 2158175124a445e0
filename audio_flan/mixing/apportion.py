"""From ideal amounts to whole numbers that add up and never fall when the total rises."""

from collections.abc import Sequence
from fractions import Fraction

from audio_flan.mixing.filling import Filled, fill


def apportion(
    total: int, weights: Sequence[int], ceilings: Sequence[int], floor_share: Fraction = Fraction(0)
) -> list[int]:
    """Share `total` out as `fill` does, in whole numbers.

    They add up to `total`, none is over its ceiling, and with a larger total none is smaller. Ties go to the
    earlier one.

    Notes
    -----
    Largest remainder alone would let a count fall when the total rises (the Alabama paradox: weights 6, 6, 2
    give 4, 4, 2 for ten and 5, 5, 1 for eleven), and a small subset would not lie inside a larger one. So
    totals are settled from the coarse to the fine, the roundest decimal numbers first: each by largest
    remainder, between the counts of its settled neighbours. Each count is within one of its ideal, but for
    rare cases in which the neighbours leave no room for that.
    """
    low, high = [0] * len(weights), list(ceilings)
    first, last = 0, sum(ceilings)
    if not first <= total <= last:
        raise ValueError(f"{total} cannot be shared out between ceilings of {last} altogether")
    while first < total < last:
        middle = _roundest(first, last)
        counts = _round(fill(middle, weights, ceilings, floor_share), middle, low, high)
        if total < middle:
            last, high = middle, counts
        else:
            first, low = middle, counts
    return low if total == first else high


def _roundest(first: int, last: int) -> int:
    """Return the multiple of the largest power of ten between two numbers that is nearest to their middle."""
    middle = (first + last) // 2
    power: int = 10 ** len(str(last))
    while True:
        below = middle // power * power
        inside = [multiple for multiple in (below, below + power) if first < multiple < last]
        if inside:
            return min(inside, key=lambda multiple: abs(multiple - middle))
        power //= 10


def _round(ideal: Filled, total: int, low: Sequence[int], high: Sequence[int]) -> list[int]:
    """Round by largest remainder between `low` and `high`, whose sums enclose `total`."""
    numerators, denominator = ideal.numerators, ideal.denominator
    counts = [
        min(max(numerator // denominator, least), most)
        for numerator, least, most in zip(numerators, low, high, strict=True)
    ]
    missing = total - sum(counts)
    step, bounds = (1, high) if missing > 0 else (-1, low)
    while missing:
        remainders = [step * (n - count * denominator) for n, count in zip(numerators, counts, strict=True)]
        for i in sorted(range(len(counts)), key=lambda i: -remainders[i]):
            if missing and counts[i] != bounds[i]:
                counts[i] += step
                missing -= step
    return counts
