"""Plans: exact budgets, ceilings that hold, targets that are met, rules as the formulas have them."""

import math
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from leaf_strategies import leaves, shares, tasks_of_size

from audio_flan.mixing import LEVELS, InfeasibleError, Leaf, rebalance_leaves

UG = {"understanding": 0.5, "generation": 0.5}


def plan(given_leaves, **asked):
    return rebalance_leaves(given_leaves, revision="r1", **asked)


def targets(made):
    return {leaf.key: leaf.target for leaf in made.leaves}


def by_level(made, level):
    counts = Counter()
    for leaf in made.leaves:
        counts[getattr(leaf, level)] += leaf.target
    return counts


@st.composite
def asked(draw):
    """Rules and targets that go together with any leaves once `nearest` is said."""
    found = {"max_epochs": draw(st.sampled_from([0.5, 1, 2, 2.5, 4]))}
    by = draw(st.sampled_from(LEVELS))
    if draw(st.booleans()) and by != "direction":
        found["direction"] = draw(shares(["understanding", "generation"]))
    if draw(st.booleans()) and by != "domain":
        found["domain"] = draw(shares(["speech", "music", "audio"]))
    rule = draw(st.sampled_from(["proportional", "alpha", "cap", "both", "unimax"]))
    if rule in ("alpha", "both"):
        found["alpha"] = draw(st.sampled_from([0, 0.3, 0.5, 1]))
    if rule in ("cap", "both"):
        found["cap"] = draw(st.integers(1, 1000))
    if rule == "unimax":
        found["unimax"] = found["max_epochs"]
    return found | {"by": by, "nearest": True}


@given(leaves(), asked(), st.integers(1, 10**7))
def test_budgets_are_exact_and_ceilings_hold(given_leaves, what, budget):
    takes_part = [
        leaf
        for leaf in given_leaves
        if what.get("direction", {}).get(leaf.direction, 1) and what.get("domain", {}).get(leaf.domain, 1)
    ]
    room = sum(int(leaf.available * Fraction(str(what["max_epochs"]))) for leaf in takes_part)
    assume(room)
    made = plan(given_leaves, budget=budget, **what)
    assert made.rows == min(budget, room)
    for leaf in made.leaves:
        assert 0 <= leaf.target <= leaf.available * what["max_epochs"]
        assert not leaf.clipped or leaf.target == int(leaf.available * what["max_epochs"])
    table = made.table
    assert math.isclose(table["share_before"].sum(), 1)
    assert math.isclose(table["share_after"].sum(), 1)
    assert table["target"].sum() == made.rows == made.after.rows


@given(leaves(), asked(), st.integers(1, 10**6), st.integers(0, 10**6))
def test_a_larger_budget_takes_no_row_away(given_leaves, what, budget, more):
    assume(all(leaf.available * what["max_epochs"] >= 1 for leaf in given_leaves))
    assume({leaf.direction for leaf in given_leaves} == set(UG))
    assume({leaf.domain for leaf in given_leaves} == {"speech", "music", "audio"})
    small = targets(plan(given_leaves, budget=budget, **what))
    large = targets(plan(given_leaves, budget=budget + more, **what))
    assert all(small[key] <= large[key] for key in small)


@given(leaves(), asked(), st.randoms(use_true_random=False))
def test_the_order_of_leaves_does_not_matter(given_leaves, what, random_order):
    assume(all(leaf.available * what["max_epochs"] >= 1 for leaf in given_leaves))
    assume({leaf.direction for leaf in given_leaves} == set(UG))
    assume({leaf.domain for leaf in given_leaves} == {"speech", "music", "audio"})
    made = plan(given_leaves, **what)
    random_order.shuffle(given_leaves)
    again = plan(given_leaves, **what)
    assert again == made
    assert again.hash == made.hash


@given(leaves(), shares(["understanding", "generation"]), st.sampled_from([None, 0.3]), st.booleans())
def test_targets_are_met_to_the_row_or_refused(given_leaves, direction, alpha, nearest):
    wanted = {name: share for name, share in direction.items() if share}
    assume(wanted.keys() <= {leaf.direction for leaf in given_leaves})
    made = plan(given_leaves, direction=direction, alpha=alpha)
    counts = by_level(made, "direction")
    for name, share in direction.items():
        assert abs(counts[name] - Fraction(str(share)) * made.rows) < 1
    same = plan(given_leaves, direction=direction, alpha=alpha, budget=made.rows, nearest=nearest)
    assert targets(same) == targets(made)
    assert not same.shortfalls


@given(leaves(rows=st.integers(1, 1000)), st.integers(1, 5000))
def test_min_share_is_a_floor_that_only_the_ceiling_breaks(given_leaves, budget):
    count = len({leaf.task for leaf in given_leaves})
    floor = Fraction(1, 2 * count)
    made = plan(given_leaves, budget=budget, nearest=True, min_share=float(floor))
    counts = by_level(made, "task")
    for task, drawn in counts.items():
        room = 4 * sum(leaf.available for leaf in made.leaves if leaf.task == task)
        assert drawn >= min(int(Fraction(str(float(floor))) * made.rows), room) - 1


@given(leaves(), st.sampled_from(["input_seconds", "target_seconds", "target_tokens"]))
def test_one_pass_is_one_pass_in_every_unit(given_leaves, unit):
    if unit == "target_seconds":
        assume(any(leaf.target_microseconds for leaf in given_leaves))
    made = plan(given_leaves, unit=unit, codec_rate=400, max_epochs=1)
    for leaf in made.leaves:
        has = leaf.target_microseconds if unit == "target_seconds" else 1
        assert leaf.target == (leaf.available if has else 0)


@given(leaves(), st.integers(1, 10**6))
def test_a_budget_of_seconds_is_met_to_a_row_of_each_leaf(given_leaves, budget):
    one_each = sum(leaf.input_microseconds / leaf.available for leaf in given_leaves) / 1e6
    assume(budget > one_each)
    made = plan(given_leaves, unit="input_seconds", budget=budget, nearest=True, max_epochs=2)
    most = 2 * sum(leaf.input_microseconds for leaf in made.leaves) / 1e6
    assert abs(made.after.input_hours * 3600 - min(budget, most)) <= one_each + 1e-6


SIX = (60_000_000, 40_000_000, 5_000_000, 3_000_000, 450_000, 50_000)
"""Six tasks with the shape of Audio-FLAN, for 20 million draws."""


@pytest.mark.parametrize(
    ("rule", "weights", "epochs"),
    [
        ({}, SIX, (0.18, 0.18)),
        ({"cap": 1_000_000}, [min(n, 1_000_000) for n in SIX], (4.4, 4.4)),
        ({"alpha": 0.5}, [n**0.5 for n in SIX], (1.6, 4.7)),
        ({"alpha": 0.3}, [n**0.3 for n in SIX], (3.3, 15.3)),
        ({"alpha": 0.5, "cap": 10**6}, [min(n, 10**6) ** 0.5 for n in SIX], (6.1, 18.3)),
        ({"unimax": 4}, [*[4_500_000] * 4, 1_800_000, 200_000], (4.0, 4.0)),
        ({"weights": {"speech_asr": 3, "speech_tts": 1}}, [3, 1, 0, 0, 0, 0], (0, 0)),
    ],
)
def test_rules_are_what_the_formulas_say(rule, weights, epochs):
    given_leaves = tasks_of_size(*SIX)
    made = plan(given_leaves, budget=20_000_000, max_epochs=100, **rule)
    found = {leaf.key: leaf for leaf in made.leaves}
    ordered = [found[leaf.key] for leaf in given_leaves]
    expected = [20_000_000 * weight / sum(weights) for weight in weights]
    assert [leaf.target for leaf in ordered] == pytest.approx(expected, abs=1)
    assert [leaf.epochs for leaf in ordered[-2:]] == pytest.approx(epochs, abs=0.06)


def test_alpha_a_half_is_the_square_root():
    made = plan(tasks_of_size(100, 400, 10_000), alpha=0.5, budget=130)
    assert sorted(leaf.target for leaf in made.leaves) == [10, 20, 100]
    assert made.mixture.temperature == 2


def test_a_clipped_leaf_gives_what_it_cannot_take_to_the_others():
    made = plan(tasks_of_size(10, 1000, 1000), alpha=0, budget=900, max_epochs=2)
    assert sorted((leaf.target, leaf.clipped) for leaf in made.leaves) == [
        (20, True),
        (440, False),
        (440, False),
    ]


def test_levels_are_nested():
    given_leaves = [
        Leaf(direction, domain, f"{domain}_caption", "01_One", 1000)
        for direction in UG
        for domain in ("speech", "music", "audio")
    ]
    made = plan(given_leaves, direction=UG, domain={"speech": 0.6, "music": 0.3, "audio": 0.1}, budget=1000)
    assert targets(made) == {
        (direction, domain, f"{domain}_caption", "01_One"): drawn
        for direction in UG
        for domain, drawn in (("speech", 300), ("music", 150), ("audio", 50))
    }


def test_targets_of_tasks_hold_inside_directions():
    given_leaves = [
        Leaf("understanding", "speech", "speech_asr", "01_One", 900),
        Leaf("generation", "speech", "speech_tts", "01_One", 100),
    ]
    made = plan(given_leaves, direction=UG, task={"speech_asr": 0.5, "speech_tts": 0.5}, budget=200)
    assert [leaf.target for leaf in made.leaves] == [100, 100]


def test_the_default_budget_is_one_pass_or_what_the_targets_allow():
    given_leaves = [
        Leaf("understanding", "speech", "speech_asr", "01_One", 900),
        Leaf("generation", "speech", "speech_tts", "01_One", 100),
    ]
    assert plan(given_leaves).rows == 1000
    assert plan(given_leaves, direction=UG).rows == 800
    assert plan(given_leaves, direction=UG, max_epochs=1).rows == 200
    assert targets(plan(given_leaves, direction=UG, nearest=True)) == targets(
        plan(given_leaves, direction=UG)
    )


def test_small_budgets_in_seconds_are_spread_over_leaves():
    given_leaves = [Leaf("understanding", "speech", "speech_asr", f"{i:03}", 10, 10**8) for i in range(100)]
    made = plan(given_leaves, unit="input_seconds", budget=300)
    assert made.rows == pytest.approx(30, abs=3)


def test_what_has_none_of_the_unit_is_left_out_and_named():
    given_leaves = [
        Leaf("understanding", "speech", "speech_asr", "01_One", 900, 9_000_000, 0, 9),
        Leaf("generation", "speech", "speech_tts", "01_One", 100, 0, 5_000_000, 0),
    ]
    made = plan(given_leaves, unit="target_seconds")
    assert [leaf.task for leaf in made.left_out] == ["speech_asr"]


def test_the_nearest_plan_takes_all_there_is_and_says_what_is_missing():
    given_leaves = [
        Leaf("understanding", "speech", "speech_asr", "01_One", 900),
        Leaf("generation", "speech", "speech_tts", "01_One", 100),
    ]
    with pytest.raises(InfeasibleError) as caught:
        plan(given_leaves, direction=UG, budget=2000)
    made = plan(given_leaves, direction=UG, budget=2000, nearest=True)
    assert by_level(made, "direction") == {"understanding": 1600, "generation": 400}
    assert made.shortfalls == caught.value.shortfalls
    assert made.shortfalls[0].nearest_share == by_level(made, "direction")["generation"] / 2000
