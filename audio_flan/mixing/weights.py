"""The rule inside a level without targets: from amounts to weights."""

from collections.abc import Sequence
from decimal import Decimal, localcontext
from math import lcm
from typing import Final

from audio_flan.mixing.mixture import Mixture
from audio_flan.mixing.units import exact, quanta

_DIGITS: Final = 18
"""Decimals that weights are rounded to."""


def rule_weights(mixture: Mixture, names: Sequence[str], amounts: Sequence[int]) -> list[int]:
    """Return the weight of each name by the rule of a mixture.

    Proportional: its amount. ``cap``: its amount, or the cap if that is less. ``alpha``: that to the power
    of alpha. ``unimax``: the same for all. ``weights``: what is given, 0 for names that are not.

    Parameters
    ----------
    amounts : sequence of int
        In quanta, above 0.

    Returns
    -------
    list of int
        Only their proportions mean anything.
    """
    if mixture.weights is not None:
        given = dict(mixture.weights)
        return whole_numbers([given.get(name, 0) for name in names])
    if mixture.unimax is not None:
        return [1] * len(names)
    if mixture.cap is not None:
        # Whole quanta are fine enough, and a cap below one of them gives all the same.
        cap = max(1, int(exact(mixture.cap) * quanta(mixture.unit)))
        amounts = [min(amount, cap) for amount in amounts]
    if mixture.alpha is None or mixture.alpha == 1:
        return list(amounts)
    return [_power(amount, str(mixture.alpha)) for amount in amounts]


def whole_numbers(numbers: Sequence[float]) -> list[int]:
    """Return whole numbers in the same proportions."""
    fractions = [exact(number) for number in numbers]
    common = lcm(*(fraction.denominator for fraction in fractions))
    return [int(fraction * common) for fraction in fractions]


def _power(amount: int, alpha: str) -> int:
    # exp and ln of decimals are correctly rounded: the same on any machine, which those of floats are not.
    with localcontext() as context:
        context.prec = 50
        power = (Decimal(amount).ln() * Decimal(alpha)).exp()
        return int(power.scaleb(_DIGITS).to_integral_value())
