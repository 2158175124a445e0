"""Arguments of a plan, checked one by one: numbers in their range, every name in its own spelling."""

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Final

from audio_flan.integers import integer
from audio_flan.mixing.errors import MixtureError
from audio_flan.mixing.leaves import Leaf
from audio_flan.mixing.mixture import Numbers
from audio_flan.taxonomy import UnknownNameError, canonical_name, resolve_domain, taxonomy
from audio_flan.taxonomy.errors import nearest_names

SHARES_TOLERANCE: Final = 1e-6
"""How far shares may be from 1 in sum, and the shares of a plan from what was asked for."""


def one_of(kind: str, name: str, names: Sequence[str]) -> None:
    """Refuse a name that is none of `names`.

    Raises
    ------
    UnknownNameError
    """
    if name not in names:
        raise UnknownNameError(kind, str(name), nearest_names(str(name), names))


def number(argument: str, value: object, *, most: float = math.inf) -> float:
    """Return a number from 0 to `most`.

    Raises
    ------
    MixtureError
        For anything else.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise MixtureError(f"{argument} is {value!r}, expected a number")
    checked = float(value)
    if checked < 0:
        raise MixtureError(f"{argument} is {value}, and cannot be negative")
    if checked > most:
        raise MixtureError(f"{argument} is {value}, expected 0 to {most:g}")
    return checked


def above_zero(argument: str, value: object, *, most: float = math.inf) -> float:
    """Return a number above 0, up to `most`.

    Raises
    ------
    MixtureError
        For anything else.
    """
    checked = number(argument, value, most=most)
    if not checked:
        raise MixtureError(f"{argument} is 0, and must be above 0")
    return checked


def whole(argument: str, value: object) -> int:
    """Return a whole number above 0.

    Raises
    ------
    MixtureError
        For anything else.
    """
    checked = above_zero(argument, value)
    if checked != int(checked):
        raise MixtureError(f"{argument} is {value} rows, and rows are whole")
    return int(checked)


def seed_of(value: object) -> int:
    """Return a seed, a whole number of Python or NumPy, as an int.

    Raises
    ------
    MixtureError
        For anything else.
    """
    try:
        return integer("seed", value)
    except TypeError:
        raise MixtureError(f"seed is {value!r}, expected a whole number") from None


def shares_of(level: str, given: Mapping[str, float], leaves: Sequence[Leaf]) -> Numbers:
    """Return the shares of a level.

    Raises
    ------
    UnknownNameError
        For a name that is neither in the taxonomy nor in the leaves.
    MixtureError
        When they are no shares, or do not sum to 1.
    """
    found = _numbers(level, level, given, leaves, most=1)
    total = math.fsum(share for _, share in found)
    if abs(total - 1) > SHARES_TOLERANCE:
        raise MixtureError(f"{level}: the shares sum to {total:.7g}, and must sum to 1")
    return found


def weights_of(by: str, given: Mapping[str, float], leaves: Sequence[Leaf]) -> Numbers:
    """Return the weights of the values of a level.

    Raises
    ------
    UnknownNameError
        For a name that is neither in the taxonomy nor in the leaves.
    MixtureError
        When one is negative, or none is above 0.
    """
    found = _numbers("weights", by, given, leaves, most=math.inf)
    if not any(weight for _, weight in found):
        raise MixtureError("weights: at least one must be above 0")
    return found


def _numbers(
    argument: str, level: str, given: Mapping[str, float], leaves: Sequence[Leaf], most: float
) -> Numbers:
    if not isinstance(given, Mapping):
        raise MixtureError(f"{argument} is {given!r}, expected names and numbers, such as {{'name': 0.5}}")
    known = _known_names(level, leaves)
    found: dict[str, float] = {}
    for spelling, value in given.items():
        name = spelling if spelling in known else _canonical(level, str(spelling))
        if name not in known:
            raise UnknownNameError(level, str(spelling), nearest_names(str(spelling), known))
        if name in found:
            raise MixtureError(f"{argument} has {name!r} twice")
        found[name] = number(f"{argument}: {name!r}", value, most=most)
    return tuple(sorted(found.items()))


def _known_names(level: str, leaves: Sequence[Leaf]) -> set[str]:
    table = taxonomy()
    known: set[str] = {getattr(leaf, level) for leaf in leaves}
    match level:
        case "direction":
            known |= {task.direction for task in table.tasks.values()}
        case "domain":
            known |= set(table.domains.values())
        case "task":
            known |= set(table.tasks)
    return known


def _canonical(level: str, spelling: str) -> str:
    match level:
        case "direction":
            return spelling.strip().casefold()
        case "domain":
            return resolve_domain(spelling) or spelling
        case "task":
            return canonical_name(spelling)
    return spelling
