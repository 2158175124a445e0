"""Whatever takes a plan takes the file of one as well."""

import pytest

import audio_flan
from audio_flan.exporting import plan_export
from audio_flan.mixing import PlanError


@pytest.fixture(scope="module")
def plan(indexed_root):
    return audio_flan.rebalance(indexed_root, budget=5, where="task = 'speech_asr'")


def given(root, folder, plan):
    """Give a plan to all that take one; return what they give for it."""
    ledger = folder / "ledger"
    streamed = [row["uuid"] for row in audio_flan.stream(root, plan=plan, ledger=ledger, columns=["uuid"])]
    loaded = audio_flan.load_dataset(root, streaming=True, plan=plan)
    audit = audio_flan.audit_ledger(ledger, root, plan=plan)
    exported = audio_flan.export(root, folder / "out", plan=plan, to="jsonl")
    planned = plan_export(root, plan=plan, to="jsonl")
    uuids = [row["uuid"] for row in loaded]
    return streamed, uuids, audit.leaves.to_dicts(), audit.is_clean, exported.rows, planned.rows


def test_the_path_of_a_plan_is_as_good_as_the_plan(indexed_root, tmp_path, plan):
    path = tmp_path / "plan.toml"
    plan.save(path)
    expected = given(indexed_root, tmp_path / "plan", plan)
    assert len(expected[0]) == 5
    assert given(indexed_root, tmp_path / "path", path) == expected
    assert given(indexed_root, tmp_path / "text", str(path)) == expected


@pytest.mark.parametrize("wrong", [7, True, b"plan.toml", {"task": 1}, audio_flan.Plan.load])
def test_what_is_no_plan_is_refused_by_all(indexed_root, tmp_path, plan, wrong):
    calls = [
        lambda: audio_flan.stream(indexed_root, plan=wrong),
        lambda: audio_flan.load_dataset(indexed_root, streaming=True, plan=wrong),
        lambda: audio_flan.audit_ledger(tmp_path, indexed_root, plan=wrong),
        lambda: audio_flan.export(indexed_root, tmp_path / "out", plan=wrong),
        lambda: plan_export(indexed_root, plan=wrong),
    ]
    for call in calls:
        with pytest.raises(TypeError, match=r"^plan must be a Plan, or the path of the file of one, got "):
            call()


def test_a_file_that_is_not_there_is_named_by_all(indexed_root, tmp_path):
    for call in (
        lambda: audio_flan.stream(indexed_root, plan="no.toml"),
        lambda: audio_flan.load_dataset(indexed_root, streaming=True, plan="no.toml"),
        lambda: audio_flan.audit_ledger(tmp_path, indexed_root, plan="no.toml"),
    ):
        with pytest.raises(PlanError, match=r"there is no plan no\.toml"):
            call()
