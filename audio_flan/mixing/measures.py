"""What a plan comes to: totals, and how even it is."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from audio_flan.mixing.leaves import MICRO, Leaf
from audio_flan.mixing.units import target_tokens


class Totals(NamedTuple):
    """Rows, hours of audio of inputs and of outputs, and tokens of outputs.

    Hours and tokens follow from the means of the leaves. ``target_tokens`` is None where there is output
    audio and the rate of the codec was not given.
    """

    rows: int
    input_hours: float
    target_hours: float
    target_tokens: int | None


class Balance(NamedTuple):
    """How evenly names share something.

    ``effective`` is exp(H): the number of names that, with equal shares, would have the same entropy.
    ``divergence`` is the Kullback-Leibler divergence from the shares before, in nats.
    """

    effective: float
    divergence: float


def add_up(leaves: Sequence[Leaf], rows: Sequence[int], codec_rate: float | None) -> Totals:
    """Add up what so many rows of each leaf come to."""
    parts = [Fraction(n, max(leaf.available, 1)) for leaf, n in zip(leaves, rows, strict=True)]
    drawn = [(leaf, part) for leaf, part in zip(leaves, parts, strict=True) if part]
    tokens: Fraction | None = Fraction(0)
    for leaf, part in drawn:
        found = target_tokens(leaf, codec_rate)
        tokens = None if tokens is None or found is None else tokens + found * part
    return Totals(
        sum(rows),
        float(sum(leaf.input_microseconds * part for leaf, part in drawn) / (3600 * MICRO)),
        float(sum(leaf.target_microseconds * part for leaf, part in drawn) / (3600 * MICRO)),
        None if tokens is None else round(tokens),
    )


def group_by_level(leaves: Sequence[Leaf], shares: Sequence[float], level: str) -> dict[str, float]:
    """Add up the shares of leaves by their names at a level."""
    parts: defaultdict[str, list[float]] = defaultdict(list)
    for leaf, share in zip(leaves, shares, strict=True):
        parts[getattr(leaf, level)].append(share)
    return {name: math.fsum(each) for name, each in parts.items()}


def compare(after: Mapping[str, float], before: Mapping[str, float]) -> Balance:
    """Measure shares, and how far they are from those before. Both sum to 1."""
    entropy = -math.fsum(share * math.log(share) for share in after.values() if share)
    divergence = math.fsum(share * math.log(share / before[name]) for name, share in after.items() if share)
    return Balance(math.exp(entropy), max(divergence, 0.0))
