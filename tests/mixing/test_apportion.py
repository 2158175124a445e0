"""Whole numbers: exact, under their ceilings, near their ideal, and never less for a larger total."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_flan.mixing.apportion import apportion
from audio_flan.mixing.filling import fill


@st.composite
def problems(draw):
    count = draw(st.integers(1, 6))
    weights = draw(st.lists(st.integers(1, 9) | st.integers(1, 10**6), min_size=count, max_size=count))
    ceilings = draw(st.lists(st.integers(0, 25), min_size=count, max_size=count))
    return weights, ceilings, Fraction(draw(st.integers(0, 100)), 100 * count)


@given(problems())
def test_every_total_is_exact_and_nested_in_the_next(problem):
    weights, ceilings, floor = problem
    found = [apportion(total, weights, ceilings, floor) for total in range(sum(ceilings) + 1)]
    for total, counts in enumerate(found):
        assert sum(counts) == total
        assert all(0 <= count <= ceiling for count, ceiling in zip(counts, ceilings, strict=True))
        ideal = fill(total, weights, ceilings, floor)
        for count, numerator in zip(counts, ideal.numerators, strict=True):
            assert abs(count - Fraction(numerator, ideal.denominator)) < 2
    for smaller, larger in pairwise(found):
        assert all(a <= b for a, b in zip(smaller, larger, strict=True))


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=60), st.integers(1, 12))
def test_a_round_total_is_plain_largest_remainder(weights, digits):
    total = 10**digits
    whole = [total * w // sum(weights) for w in weights]
    rest = [total * w % sum(weights) for w in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: -rest[i])
    expected = [n + (i in by_remainder[: total - sum(whole)]) for i, n in enumerate(whole)]
    assert apportion(total, weights, [9 * total] * len(weights)) == expected


def test_the_alabama_paradox_does_not_happen():
    weights, ceilings = (6, 6, 2), (100, 100, 100)
    assert apportion(10, weights, ceilings) == [4, 4, 2]
    assert apportion(11, weights, ceilings) == [5, 4, 2]  # largest remainder alone: 5, 5, 1


def test_ties_go_to_the_earlier():
    assert apportion(1, [1, 1, 1], [5, 5, 5]) == [1, 0, 0]
    assert apportion(2, [1, 1, 1], [5, 5, 5]) == [1, 1, 0]


def test_more_than_there_is_room_for_is_refused():
    with pytest.raises(ValueError, match="ceilings of 2"):
        apportion(3, [1, 1], [1, 1])
