"""Which rows a plan draws: exactly so many, the same in every form, nested under larger budgets."""

import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

import audio_flan
from audio_flan.analysis import open_table, select, select_planned
from audio_flan.mixing import LEVELS, InfeasibleError, MixtureError, Plan, PlanError, RowFilter

UG = {"understanding": 0.5, "generation": 0.5}


def drawn(root, plan):
    """Rows by uuid and leaf, with the number of draws."""
    table = open_table(root)
    selection = select_planned(table, plan)
    assert selection.rows == plan.rows
    frames = [
        table.part_frame(part, ["uuid", "split", *LEVELS]).with_columns(
            draws=pl.Series(selection.draws(part).astype(np.int64))
        )
        for part in selection.parts
    ]
    return pl.concat(frames).filter(pl.col("draws") > 0).sort("uuid", *LEVELS)


@pytest.mark.parametrize(
    "asked",
    [
        {"direction": UG, "alpha": 0.5, "max_epochs": 2},
        {"domain": {"speech": 0.2, "music": 0.4, "audio": 0.4}, "budget": 123, "by": "corpus", "unimax": 2},
        {"unit": "input_seconds", "budget": 60, "split": "test"},
        {"where": "list_length(input_audio_ids) = 1", "direction": UG, "nearest": True, "max_epochs": 3},
    ],
)
def test_counts_equal_the_plan_in_every_form(demo_root, indexed_root, embedded_root, asked):
    found = []
    for root in (demo_root, indexed_root, embedded_root):
        plan = audio_flan.rebalance(root, **asked)
        rows = drawn(root, plan)
        counts = rows.group_by(LEVELS).agg(pl.col("draws").sum()).sort(LEVELS)
        expected = plan.table.filter(pl.col("target") > 0).select(*LEVELS, draws="target").sort(LEVELS)
        assert counts.equals(expected)
        assert set(rows["split"]) == {plan.split}
        most = dict(zip(map(tuple, plan.table.select(LEVELS).rows()), plan.table["epochs"], strict=True))
        for *leaf, draws in rows.select(*LEVELS, "draws").iter_rows():
            assert draws <= int(np.ceil(most[tuple(leaf)]))
        found.append((rows, plan.table))
    for rows, table in found[1:]:
        assert rows.equals(found[0][0])
        assert table.equals(found[0][1])


def test_a_plan_over_a_filter_draws_only_what_passes(indexed_root):
    plan = audio_flan.rebalance(indexed_root, max_seconds=1.0, direction=UG, nearest=True)
    assert plan.row_filter == RowFilter(max_seconds=1.0)
    allowed = set(audio_flan.filter(indexed_root, max_seconds=1.0).scan().collect()["uuid"])
    assert set(drawn(indexed_root, plan)["uuid"]) <= allowed


def test_smaller_budgets_are_nested_in_larger_ones(indexed_root):
    for budget in (50, 400):
        small, large = (
            drawn(indexed_root, audio_flan.rebalance(indexed_root, direction=UG, alpha=0.5, budget=each))
            for each in (budget, 2 * budget)
        )
        both = small.join(large, on=["uuid", *LEVELS], how="left", suffix="_large")
        assert both["draws_large"].null_count() == 0
        assert (both["draws"] <= both["draws_large"]).all()


def test_another_seed_draws_other_rows_and_as_many(indexed_root):
    plans = [audio_flan.rebalance(indexed_root, budget=200, seed=seed) for seed in (0, 1)]
    rows = [drawn(indexed_root, plan) for plan in plans]
    assert plans[0].table.equals(plans[1].table)
    assert plans[0].hash != plans[1].hash
    assert not rows[0].equals(rows[1])


def test_rows_that_share_a_uuid_are_told_apart_by_what_they_say(demo_copy, tmp_path):
    """Twice as many rows with the same uuids: of each two, the plan takes the same one whatever the order."""
    metadata = min(demo_copy.glob("metadata/speech/understanding/train_dev/*/jsonl/*.jsonl"))
    lines = [json.loads(line) for line in metadata.read_text().splitlines()]
    doubled = [record | {"instruction": f"{record['instruction']} {i}"} for record in lines for i in (1, 2)]
    found = []
    for order in (doubled, doubled[::-1]):
        metadata.write_text("".join(json.dumps(record) + "\n" for record in order))
        plan = audio_flan.rebalance(demo_copy, budget=300, cache_dir=tmp_path / str(len(found)))
        table = open_table(demo_copy, cache_dir=tmp_path / str(len(found)))
        selection = select_planned(table, plan)
        assert selection.rows == 300
        rows = [
            (uuid, instruction, draws)
            for part in selection.parts
            for (uuid, instruction), draws in zip(
                table.part_frame(part, ["uuid", "instruction"]).iter_rows(),
                selection.draws(part),
                strict=True,
            )
        ]
        found.append(sorted(row for row in rows if row[2]))
    assert found[0] == found[1]


def test_select_takes_each_row_of_a_config_once(demo_root, indexed_root):
    row_filter = RowFilter(max_seconds=1.5)
    for root in (demo_root, indexed_root):
        table = open_table(root)
        selection = select(table, config="music", splits=["train"], row_filter=row_filter)
        expected = audio_flan.filter(root, config="music", split="train", max_seconds=1.5).scan().collect()
        uuids = [
            uuid
            for part in selection.parts
            for uuid, draws in zip(
                table.part_frame(part, ["uuid"])["uuid"], selection.draws(part), strict=True
            )
            if draws
        ]
        assert sorted(uuids) == sorted(expected["uuid"])
        assert selection.rows == len(expected) > 0


def test_what_is_refused(demo_root, indexed_root):
    plan = audio_flan.rebalance(demo_root)
    with pytest.raises(PlanError, match="was made for revision"):
        select_planned(open_table(indexed_root), plan)
    with pytest.raises(MixtureError, match="there are no rows to make a plan of"):
        audio_flan.rebalance(indexed_root, where="task = 'x'")
    with pytest.raises(MixtureError, match="a plan is for one split"):
        audio_flan.rebalance(indexed_root, split=["train", "test"])
    with pytest.raises(InfeasibleError, match=r"asked .*available"):
        audio_flan.rebalance(indexed_root, domain={"music": 0.9, "speech": 0.1}, budget=5000)


def run(*arguments):
    command = [sys.executable, "-m", "audio_flan.cli", "rebalance", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command(indexed_root, tmp_path):
    path = tmp_path / "plan.toml"
    options = ("--direction", "understanding=0.5,generation=0.5", "--alpha", "0.5", "--max-epochs", "2")
    done = run(indexed_root, *options, "--max-seconds", "5", "-o", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Next: audio-flan export {indexed_root} OUT --plan {path}" in done.stdout
    plan = audio_flan.rebalance(indexed_root, direction=UG, alpha=0.5, max_epochs=2, max_seconds=5)
    assert Plan.load(path) == plan
    done = run(indexed_root, *options, "--max-seconds", "5", "--json")
    found = json.loads(done.stdout)
    assert (found["hash"], found["rows"]) == (plan.hash, plan.rows)
    assert pl.DataFrame(found["leaves"]).equals(plan.table)
    assert found["after"]["effective_number"] == pytest.approx(plan.balance_after.effective)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--direction", "understandin=1"), 2, "error: there is no direction 'understandin'"),
        (("--domain", "speech=1,music"), 2, "expected NAME=NUMBER,..., got 'music'"),
        (("--domain", "speech=1,speech=2"), 2, "'speech' is there twice"),
        (("--domain", "speech=-1,music=2"), 2, "error: domain: 'speech' is -1"),
        (("--domain", "speech=0.9,music=0.9"), 2, "error: "),
        (("--weights", "speech_asr=-2"), 2, "error: "),
        (("--alpha", "7"), 2, "error: alpha"),
        (("--by", "tsk"), 2, "error: there is no level 'tsk'"),
        (("--where", "task = 'x'"), 2, "error: there are no rows to make a plan of"),
    ],
)
def test_errors_of_the_command(indexed_root, options, code, message):
    done = run(indexed_root, *options)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
