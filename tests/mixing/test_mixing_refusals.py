"""What is asked for and cannot be had: one clear message each, with the arithmetic."""

import pickle

import numpy as np
import pytest

from audio_flan.mixing import InfeasibleError, Leaf, MixtureError, Plan, rebalance_leaves
from audio_flan.taxonomy import UnknownNameError

LEAVES = (
    Leaf("understanding", "speech", "speech_asr", "01_One", 900, 9_000_000, 0, 9_000),
    Leaf("understanding", "music", "music_caption", "02_Two", 60, 600_000, 0, 9_000),
    Leaf("generation", "speech", "speech_tts", "01_One", 100, 0, 5_000_000, 0),
)
UG = {"understanding": 0.5, "generation": 0.5}


def plan(leaves=LEAVES, **asked):
    return rebalance_leaves(leaves, revision="r1", **asked)


def test_an_infeasible_target_is_refused_with_the_arithmetic():
    with pytest.raises(InfeasibleError) as caught:
        plan(direction=UG, budget=2000)
    assert str(caught.value).splitlines() == [
        "the targets cannot be met with at most 4 epochs (rows):",
        "  direction 'generation': asked 1,000 (50 %), available 400, short of 600; nearest share 20 %",
        (
            "Hint: nearest=True (--nearest) takes the nearest shares; "
            "the targets hold with a budget of up to 800 rows"
        ),
    ]
    (missing,) = caught.value.shortfalls
    assert (missing.asked, missing.available, missing.missing) == (1000, 400, 600)
    assert caught.value.largest_budget == 800
    assert plan(direction=UG, budget=800).rows == 800
    with pytest.raises(InfeasibleError):
        plan(direction=UG, budget=801)


def test_it_names_the_innermost_group_that_is_short():
    with pytest.raises(
        InfeasibleError, match="direction 'understanding', domain 'music': asked 300"
    ) as caught:
        plan(LEAVES[:2], direction={"understanding": 1}, domain={"speech": 0.7, "music": 0.3}, budget=1000)
    assert caught.value.largest_budget == 800


def test_what_the_whole_has_too_little_of():
    with pytest.raises(InfeasibleError, match=r"all: asked 5,000 \(100 %\), available 4,240, short of 760"):
        plan(budget=5000)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"task": {"speech_asr": 0.3, "speech_tts": 0.7}}, r"'speech_tts': asked .* \(70 %\).* share 50 %"),
        ({"domain": {"speech": 0.5, "audio": 0.5}}, r"domain 'audio': asked .*available 0"),
    ],
)  # fmt: skip
def test_targets_that_contradict_each_other_or_have_no_rows(asked, message):
    with pytest.raises(InfeasibleError, match=message) as caught:
        plan(direction=UG, **asked)
    assert not caught.value.largest_budget
    made = plan(direction=UG, nearest=True, **asked)
    assert made.shortfalls == caught.value.shortfalls


def test_text_has_no_target_seconds():
    with pytest.raises(InfeasibleError, match=r"direction 'understanding': asked 2\.50 .*available 0"):
        plan(unit="target_seconds", direction=UG)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"direction": {"understandin": 1}}, "no direction 'understandin'. Did you mean 'understanding'"),
        ({"task": {"asr": 1}}, "there is no task 'asr'. Did you mean 'speech_asr'"),
        ({"corpus": {"01_On": 1}}, "there is no corpus '01_On'. Did you mean '01_One'"),
        ({"weights": {"speech_ttts": 1}}, "there is no task 'speech_ttts'. Did you mean 'speech_tts'"),
        ({"by": "tasks"}, "there is no level 'tasks'. Did you mean 'task'"),
        ({"unit": "row"}, "there is no unit 'row'. Did you mean 'rows'"),
    ],
)  # fmt: skip
def test_a_wrong_name_gets_the_nearest_ones(asked, message):
    with pytest.raises(UnknownNameError, match=message):
        plan(**asked)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"direction": {"understanding": 50, "generation": 50}}, "'understanding' is 50, expected 0 to 1"),
        ({"direction": {"understanding": 0.5, "generation": 0.4}}, "shares sum to 0.9, and must sum to 1"),
        ({"direction": {"understanding": -0.5, "generation": 1}}, "is -0.5, and cannot be negative"),
        ({"direction": {}}, "sum to 0"),
        ({"direction": "understanding"}, "direction is 'understanding', expected names and numbers"),
        ({"domain": {"sound": 0.5, "audio": 0.5}}, "domain has 'audio' twice"),
        ({"weights": {"speech_asr": -1}}, "weights: 'speech_asr' is -1, and cannot be negative"),
        ({"weights": {"speech_asr": "two"}}, "weights: 'speech_asr' is 'two', expected a number"),
        ({"weights": {"speech_asr": 0}}, "at least one must be above 0"),
        ({"alpha": 2}, "alpha is 2, expected 0 to 1"),
        ({"alpha": float("nan")}, "alpha is nan, expected a number"),
        ({"cap": 0}, "cap is 0, and must be above 0"),
        ({"budget": True}, "budget is True, expected a number"),
        ({"budget": 1.5}, "budget is 1.5 rows, and rows are whole"),
        ({"budget": 0}, "budget is 0, and must be above 0"),
        ({"max_epochs": 1e9}, "max_epochs is 1000000000.0, expected 0 to 1e\\+06"),
        ({"max_epochs": -1}, "max_epochs is -1, and cannot be negative"),
        ({"min_share": 0.5}, "min_share=0.5 cannot be given to each of 3 .* at most 0.333333 is possible"),
        ({"unimax": 8}, "unimax=8 is over max_epochs=4"),
        ({"unimax": 2, "alpha": 0.3}, "alpha and unimax exclude each other"),
        ({"weights": {"speech_asr": 1}, "cap": 5}, "cap and weights exclude each other"),
        ({"task": {"speech_asr": 1}, "alpha": 0.3}, "alpha has nothing to share out"),
        ({"task": {"speech_asr": 1}, "min_share": 0.3}, "min_share has nothing to share out"),
        ({"unit": "target_tokens"}, "needs codec_rate"),
        ({"unit": "input_seconds", "task": {"speech_tts": 1}}, "there are no input_seconds in what"),
        ({"unit": "input_seconds", "budget": 1e-5}, "draw no row: the budget is too small"),
    ],
)  # fmt: skip
def test_arguments_that_make_no_sense(asked, message):
    with pytest.raises(MixtureError, match=message):
        plan(**asked)


@pytest.mark.parametrize(
    ("leaves", "message"),
    [
        ((), "there are no rows"),
        ((Leaf("generation", "speech", "speech_tts", "01_One", 0),), "there are no rows"),
        ((LEAVES[0], LEAVES[0]), "understanding / speech / speech_asr / 01_One is there twice"),
        (
            (Leaf("generation", "speech", "speech_tts", "01_One", -1),),
            "available = -1, it cannot be negative",
        ),
    ],
)
def test_leaves_that_make_no_sense(leaves, message):
    with pytest.raises(MixtureError, match=message):
        plan(leaves)


def test_spellings_of_the_taxonomy_are_understood():
    leaves = [*LEAVES, Leaf("understanding", "audio", "audio_caption", "03_Three", 100)]
    made = plan(leaves, domain={"sound": 0.5, "Speech": 0.5})
    assert made.mixture.domain == (("audio", 0.5), ("speech", 0.5))


def test_shares_that_miss_one_by_rounding_are_fine():
    made = plan(domain={"speech": 0.6666667, "music": 0.3333333}, budget=300)
    assert {leaf.domain: leaf.target for leaf in made.leaves if leaf.domain == "music"} == {"music": 100}


def test_errors_pickle():
    with pytest.raises(InfeasibleError) as caught:
        plan(direction=UG, budget=2000)
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.shortfalls == caught.value.shortfalls


@pytest.mark.parametrize("seed", [1.5, 1.0, "x", "1", True, None, np.bool_(1), np.float64(1)])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(MixtureError, match=r"^seed is .*, expected a whole number$"):
        plan(seed=seed)


@pytest.mark.parametrize("seed", [0, -7, 2**80, np.int64(5), np.uint8(200)])
def test_a_plan_with_any_whole_seed_is_read_again(seed, tmp_path):
    made = plan(seed=seed)
    assert type(made.seed) is int
    assert made.seed == seed
    made.save(tmp_path / "plan.toml")
    assert Plan.load(tmp_path / "plan.toml") == made


def test_names_of_shares_and_weights_are_read_as_those_of_configs():
    expected = plan(task={"speech_asr": 0.5, "speech_tts": 0.5}, nearest=True)
    assert plan(task={"Speech-ASR": 0.5, " speech_TTS": 0.5}, nearest=True) == expected
    assert plan(weights={"SPEECH-asr": 1, "music_caption": 2}) == plan(
        weights={"speech_asr": 1, "music_caption": 2}
    )
    assert plan(direction={"Understanding": 0.5, "GENERATION": 0.5}, nearest=True) == plan(
        direction=UG, nearest=True
    )
    with pytest.raises(MixtureError, match="task has 'speech_asr' twice"):
        plan(task={"Speech-ASR": 0.5, "speech_asr": 0.5})
    with pytest.raises(UnknownNameError, match=r"there is no task 'Speech-ARS'\. Did you mean 'speech_asr'"):
        plan(task={"Speech-ARS": 1.0})
    with pytest.raises(UnknownNameError, match=r"there is no corpus '01_one'\. Did you mean '01_One'"):
        plan(corpus={"01_one": 1.0})
