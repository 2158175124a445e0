"""Water-filling: within the bounds, exact, and the optimum among all that is allowed."""

from fractions import Fraction
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from audio_flan.mixing.filling import fill


@st.composite
def problems(draw, most=6):
    count = draw(st.integers(1, most))
    weights = draw(st.lists(st.integers(1, 20) | st.integers(1, 10**9), min_size=count, max_size=count))
    ceilings = draw(st.lists(st.integers(0, 30) | st.integers(0, 10**6), min_size=count, max_size=count))
    total = draw(st.integers(0, sum(ceilings)))
    floor = Fraction(draw(st.integers(0, 100)), 100 * count)
    return total, weights, ceilings, floor


def amounts(total, weights, ceilings, floor):
    filled = fill(total, weights, ceilings, floor)
    return [Fraction(numerator, filled.denominator) for numerator in filled.numerators]


@given(problems())
def test_amounts_add_up_and_keep_to_their_bounds(problem):
    total, _, ceilings, floor = problem
    found = amounts(*problem)
    assert sum(found) == total
    for amount, ceiling in zip(found, ceilings, strict=True):
        assert min(floor * total, ceiling) <= amount <= ceiling


def optimum(total, weights, ceilings, floor):
    """The amounts with the least sum of squares over weights: try every way to pin some at a bound."""
    best = None
    bounds = [(min(floor * total, c), Fraction(c)) for c in ceilings]
    for pins in product(("free", "floor", "ceiling"), repeat=len(weights)):
        free = sum(w for w, pin in zip(weights, pins, strict=True) if pin == "free")
        pinned = [{"floor": lo, "ceiling": hi}.get(pin) for pin, (lo, hi) in zip(pins, bounds, strict=True)]
        rest = total - sum(amount for amount in pinned if amount is not None)
        if free == 0 and rest:
            continue
        tried = [Fraction(w) * rest / free if p is None else p for w, p in zip(weights, pinned, strict=True)]
        if all(lo <= amount <= hi for amount, (lo, hi) in zip(tried, bounds, strict=True)):
            cost = sum(amount**2 / w for amount, w in zip(tried, weights, strict=True))
            best = min(best or (cost, tried), (cost, tried))
    return best[1]


@given(problems(most=4))
def test_it_is_the_optimum(problem):
    assert amounts(*problem) == optimum(*problem)


@given(problems())
def test_held_are_those_that_the_ceiling_keeps_from_their_share(problem):
    total, weights, ceilings, floor = problem
    found = amounts(*problem)
    held = fill(*problem).held
    free = [
        amount / w
        for i, (amount, w, c) in enumerate(zip(found, weights, ceilings, strict=True))
        if i not in held and amount < c and amount > min(floor * total, c)
    ]
    for i in held:
        assert found[i] == ceilings[i]
        assert all(found[i] / weights[i] < level for level in free)


@given(problems(), st.integers(0, 50))
def test_more_for_all_takes_from_none(problem, more):
    total, weights, ceilings, floor = problem
    larger = min(total + more, sum(ceilings))
    assert all(
        a <= b for a, b in zip(amounts(*problem), amounts(larger, weights, ceilings, floor), strict=True)
    )
