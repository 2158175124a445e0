"""The plan as a value: its numbers, its hash, and the way to a file and back."""

import dataclasses
import math
import tomllib

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from leaf_strategies import leaves, tasks_of_size

from audio_flan.mixing import Leaf, Plan, PlanError, RowFilter, rebalance_leaves

LEAVES = (
    Leaf("understanding", "speech", "speech_asr", "01_One", 900, 9_000_000_000, 0, 36_000),
    Leaf("generation", "speech", "speech_tts", "01_One", 100, 0, 3_600_000_000, 400),
)
UG = {"understanding": 0.5, "generation": 0.5}


def plan(given_leaves=LEAVES, **asked):
    return rebalance_leaves(given_leaves, **({"revision": "r1"} | asked))


def test_the_table_is_that_of_the_design():
    table = plan(direction=UG).table
    assert table.schema == {
        "direction": pl.String, "domain": pl.String, "task": pl.String, "corpus": pl.String,
        "available": pl.Int64, "target": pl.Int64, "epochs": pl.Float64, "share_before": pl.Float64,
        "share_after": pl.Float64, "seconds": pl.Float64, "clipped": pl.Boolean,
    }  # fmt: skip
    assert table.rows() == [
        ("generation", "speech", "speech_tts", "01_One", 100, 400, 4.0, 0.1, 0.5, 14400.0, False),
        ("understanding", "speech", "speech_asr", "01_One", 900, 400, 400 / 900, 0.9, 0.5, 4000.0, False),
    ]


def test_totals_are_in_rows_hours_and_tokens():
    made = plan(direction=UG, codec_rate=50)
    assert made.before == (1000, 2.5, 1.0, 9000 + 100 + 3600 * 50)
    assert made.after == (800, 4000 / 3600, 4.0, 4000 + 400 + 4 * 3600 * 50)
    assert plan().before.target_tokens is None


def test_half_the_rows_are_not_half_the_tokens():
    made = plan(direction=UG, unit="target_tokens", codec_rate=50)
    after = made.table["share_after"].to_list()
    assert after == pytest.approx([0.5, 0.5], abs=0.02)  # a row of generation is 2.5 %
    assert made.table["target"].to_list() == [20, 3600]


def test_effective_number_and_divergence():
    made = plan(tasks_of_size(900, 100), alpha=0, budget=200)
    assert made.balance_after.effective == pytest.approx(2)
    assert made.balance_after.divergence == pytest.approx(
        0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1)
    )
    entropy = -0.9 * math.log(0.9) - 0.1 * math.log(0.1)
    assert made.balance_before == (pytest.approx(math.exp(entropy)), 0)
    assert made.largest_repeat.epochs == 1


def test_a_plan_cannot_be_changed():
    made = plan()
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.seed = 1
    with pytest.raises(AttributeError):
        made.leaves[0].target = 1
    with pytest.raises(AttributeError):
        made.mixture.alpha = 1


def test_the_hash_is_the_same_on_any_machine():
    given_leaves = [
        Leaf("generation", "music", "music_caption", f"{i}_\u97f3", 7**i, 5**i, 3**i, i) for i in range(9)
    ]
    made = plan(given_leaves, alpha=0.37, by="corpus", budget=12345, seed=7)
    assert made.hash == "3f76f75dde63af4505a2936468598b4b"


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"revision": "r2"},
        {"row_filter": RowFilter(min_seconds=1)},
        {"split": "test"},
        {"alpha": 0.5},
        {"budget": 9},
    ],
)
def test_whatever_changes_the_rows_changes_the_hash(change):
    assert plan(**change).hash != plan().hash


@given(leaves(), st.sampled_from([{}, {"alpha": 0.3, "min_share": 0.01}, {"weights": {"speech_asr": 1e-9}},
                                  {"direction": UG, "nearest": True, "budget": 10**9, "max_epochs": 3}]),
       st.text(st.characters(codec="utf-8")), st.integers())  # fmt: skip
def test_a_file_gives_the_plan_back(tmp_path_factory, given_leaves, asked, revision, seed):
    path = tmp_path_factory.getbasetemp() / "plan.toml"
    if "weights" in asked:
        given_leaves = [leaf for leaf in given_leaves if leaf.task == "speech_asr"] or tasks_of_size(5)
    made = plan(given_leaves, revision=revision, seed=seed, **asked)
    made.save(path)
    again = Plan.load(path)
    assert again == made
    assert again.hash == made.hash
    assert again.table.equals(made.table)


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_name_of_a_corpus_survives_the_file(tmp_path_factory, name):
    path = tmp_path_factory.getbasetemp() / "named.toml"
    made = plan([Leaf("generation", "music", "music_caption", name, 5)], corpus={name: 1})
    made.save(path)
    assert Plan.load(path) == made


def test_the_file_is_readable(tmp_path):
    plan(direction=UG, budget=2000, nearest=True).save(tmp_path / "plan.toml")
    text = (tmp_path / "plan.toml").read_text()
    raw = tomllib.loads(text)
    assert raw["mixture"]["direction"] == [["generation", 0.5], ["understanding", 0.5]]
    assert raw["leaves"][0]["target"] == 400
    assert (raw["shortfalls"][0]["asked"], raw["shortfalls"][0]["available"]) == (1000, 400)
    assert "# after:  2,000 rows" in text


def test_another_revision_is_refused():
    made = plan()
    made.check_revision("r1")
    with pytest.raises(PlanError, match="for revision 'r1' of the data, this is 'r2': make the plan anew"):
        made.check_revision("r2")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("target = 900", "target = 901", "was changed after it was made"),
        ("seed = 0", "seed = 1", "was changed after it was made"),
        ("format = 1", "format = 2", "plan of format 2, this version of audio-flan reads 1"),
        ("format = 1", "", "is not a plan: Object missing required field `format`"),
        ("seed = 0", "seed = 0\nsede = 1", "is not a plan: Object contains unknown field `sede`"),
        ('unit = "rows"', 'unit = "miles"', "is not a plan: Invalid enum value 'miles'"),
        ("leaves = [", "leaves = [[", "is not a plan"),
        ("leaves = [", "x = " + "[" * 5000 + "\nleaves = [", "is not a plan"),
    ],
)
def test_a_changed_file_is_refused(tmp_path, old, new, message):
    path = tmp_path / "plan.toml"
    plan().save(path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(PlanError, match=message):
        Plan.load(path)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"\0" * 100, b"format = 1"])
def test_what_is_no_plan_is_refused(tmp_path, data):
    (tmp_path / "plan.toml").write_bytes(data)
    with pytest.raises(PlanError, match=r"plan\.toml is not a plan"):
        Plan.load(tmp_path / "plan.toml")


def test_a_plan_that_is_not_there(tmp_path):
    for path in (tmp_path / "none.toml", tmp_path, tmp_path / "none.toml" / "x"):
        with pytest.raises(PlanError, match="there is no plan"):
            Plan.load(path)
