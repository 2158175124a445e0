"""Filters: what stays is what plain Python would keep, what goes is told by its first reason."""

import json
import re
import subprocess
import sys

import polars as pl
import pytest

import audio_flan
from audio_flan.analysis import open_table, select
from audio_flan.card.sources import find_source
from audio_flan.exporting import plan_export
from audio_flan.mixing import SCRIPTS, MixtureError, Plan, RowFilter
from audio_flan.mixing.conditions import PERMISSIVE_LICENCES, conditions, parse_where, passes
from audio_flan.taxonomy import UnknownNameError, resolve_config


@pytest.fixture(scope="module")
def everything(indexed_root):
    return audio_flan.scan(indexed_root).collect()


def lengths(row):
    return [*row["input_seconds"], *row["output_seconds"]]


CASES = [
    ({"where": "domain = 'speech' AND list_max(input_seconds) < 1.5"},
     lambda row: row["domain"] == "speech" and row["input_seconds"] and max(row["input_seconds"]) < 1.5),
    ({"where": "LIST_LENGTH(input_audio_ids) = 2 OR task IN ('music_caption', 'speech_asr')"},
     lambda row: len(row["input_audio_ids"]) == 2 or row["task"] in ("music_caption", "speech_asr")),
    ({"where": "output LIKE '%piano%' AND list_min(input_seconds) > list_mean(input_seconds) - 0.1"},
     lambda row: "piano" in row["output"] and row["input_seconds"]
     and min(row["input_seconds"]) > sum(row["input_seconds"]) / len(row["input_seconds"]) - 0.1),
    ({"where": "instruction = 'list_max(x) over (y)' OR split = 'test'"}, lambda row: row["split"] == "test"),
    ({"tasks": ["music", "speech_asr"]}, lambda row: row["domain"] == "music" or row["task"] == "speech_asr"),
    ({"unseen": True}, lambda row: row["unseen"] is True),
    ({"unseen": False, "tasks": ["speech"]},
     lambda row: row["unseen"] is False and row["domain"] == "speech"),
    ({"min_seconds": 1.0, "max_seconds": 2.0}, lambda row: all(1 <= each <= 2 for each in lengths(row))),
    ({"max_seconds": 0.7}, lambda row: all(each <= 0.7 for each in lengths(row))),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "stays"), CASES)
def test_what_stays(everything, demo_root, built_root, asked, stays):
    expected = {row["uuid"] for row in everything.iter_rows(named=True) if stays(row)}
    assert expected != set(everything["uuid"])
    for root in (demo_root, built_root):
        filtered = audio_flan.filter(root, **asked)
        found = filtered.scan().collect()
        assert set(found["uuid"]) == expected
        summary = filtered.summary()
        assert summary.rows == filtered.rows == len(found) == len(expected)
        assert summary.rows + sum(summary.removed.values()) == len(everything)
        assert summary.clips == sum(len(lengths(row)) for row in found.iter_rows(named=True))
        assert summary.seconds == pytest.approx(sum(sum(lengths(row)) for row in found.iter_rows(named=True)))


def test_corpora_config_and_split(indexed_root, everything):
    corpus = everything["corpus"][0]
    filtered = audio_flan.filter(indexed_root, config="speech", split=["dev", "test"], corpora=[corpus])
    splits = everything.filter(pl.col("split").is_in(["validation", "test"]), pl.col("domain") == "speech")
    assert filtered.rows == len(splits.filter(pl.col("corpus") == corpus))
    assert filtered.summary().removed.get("corpus", 0) == len(splits) - filtered.rows


def test_a_bare_name_is_one_name(indexed_root, demo_root):
    speech = audio_flan.filter(indexed_root, tasks=["speech"], scripts=["latin"], split="train")
    corpus = speech.scan().first().collect()["corpus"].item()
    one = {"tasks": "speech", "corpora": corpus, "scripts": "latin"}
    listed = {name: [value] for name, value in one.items()}
    for name, value in one.items():
        asked = audio_flan.filter(indexed_root, **{name: value})
        assert asked.row_filter == audio_flan.filter(indexed_root, **{name: [value]}).row_filter
    assert audio_flan.rebalance(indexed_root, **one) == audio_flan.rebalance(indexed_root, **listed)
    planned = [plan_export(indexed_root, to="jsonl", **each) for each in (one, listed)]
    assert planned[0] == planned[1]
    found = [audio_flan.stats(indexed_root, by=by).cross for by in ("domain", ["domain"])]
    assert found[0] == found[1]
    for root in (indexed_root, demo_root):
        table = open_table(root)
        chosen = [select(table, splits=splits).rows for splits in ("test", ["test"])]
        assert chosen[0] == chosen[1] > 0
        frame = table.frame("music", "test", "uuid").collect()
        assert frame.equals(table.frame("music", ["test"], ["uuid"]).collect())
        assert table.parts("music", "test") == table.parts("music", ["test"]) != []
        assert len(table.clips("music", "test").collect()) > 0
    with pytest.raises(UnknownNameError, match="there is no config 'speech_arr'"):
        audio_flan.filter(indexed_root, tasks="speech_arr")
    with pytest.raises(UnknownNameError, match="there is no column 'domian'"):
        audio_flan.stats(indexed_root, by="domian")


def test_splits_are_named_as_everywhere(indexed_root, everything, tmp_path):
    rows = {split: len(everything.filter(pl.col("split") == split)) for split in ("train", "test")}
    for split, expected in [
        ("all", len(everything)), (["all"], len(everything)), ("train+test", sum(rows.values())),
        (["train+test", "test"], sum(rows.values())), (" Test ", rows["test"]),
    ]:  # fmt: skip
        assert len(audio_flan.scan(indexed_root, split=split).collect()) == expected
        assert audio_flan.filter(indexed_root, split=split).rows == expected
        assert audio_flan.stats(indexed_root, split=split).rows == expected
        assert plan_export(indexed_root, split=split, to="jsonl").rows == expected
    for split in ("all", "train+test"):
        with pytest.raises(MixtureError, match="a plan is for one split, got"):
            audio_flan.rebalance(indexed_root, split=split)
        with pytest.raises(MixtureError, match="a plan is for one split: name it"):
            audio_flan.filter(indexed_root, split=split).plan()
    with pytest.raises(UnknownNameError, match=r"there is no split 'trian'\. Did you mean 'train'"):
        audio_flan.scan(indexed_root, split="test+trian")
    done = run(indexed_root, "--split", "train+test", "--json")
    assert json.loads(done.stdout)["rows"] == sum(rows.values())


TEXTS = {
    "Say it: <|SOA|>\u97f3_1<|EOA|>": {"latin"},
    "<|SOA|>id_1<|EOA|>": {"none"},
    "12:30 ...": {"none"},
    "\u4f60\u597d\uff0c hi": {"latin", "han"},
    "\u4f60\u597d\u5417 hi": {"han"},
    "\u3053\u3093\u306b\u3061\u306f\u4e16\u754c": {"kana"},
    "\u043f\u0440\u0438\u0432\u0435\u0442, world": {"cyrillic"},
    "\uc548\ub155": {"hangul"},
    "\u0645\u0631\u062d\u0628\u0627": {"arabic"},
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35": {"thai"},
    "\u13a3\u13cd": {"other"},
}


@pytest.mark.parametrize("scripts", [[script] for script in SCRIPTS] + [["han", "kana"], ["latin", "none"]])
def test_scripts(scripts):
    frame = pl.DataFrame({"input": list(TEXTS), "output": ["<|SOA|>x<|EOA|>"] * len(TEXTS)})
    kept = frame.filter(passes(conditions(RowFilter(scripts=tuple(scripts)), [])))
    assert set(kept["input"]) == {text for text, found in TEXTS.items() if not found.isdisjoint(scripts)}


@pytest.mark.parametrize("licence", ["commercial", "permissive"])
def test_licences(shared_corpus, licence):
    rows = audio_flan.scan(shared_corpus).select("corpus").collect()["corpus"]
    filtered = audio_flan.filter(shared_corpus, licence=licence)
    found = set(filtered.scan().select("corpus").unique().collect()["corpus"])
    assert found
    for corpus in set(rows):
        source = find_source(corpus)
        allowed = source is not None and source.licence is not None and source.commercial_use is True
        if licence == "permissive":
            allowed = allowed and source.licence in PERMISSIVE_LICENCES
        assert (corpus in found) == allowed
    summary = filtered.summary()
    unknown = [name for name in set(rows) if (s := find_source(name)) is None or s.licence is None]
    assert set(unknown) <= set(summary.unknown_licences)
    assert summary.removed["unknown licence"] == rows.is_in(summary.unknown_licences).sum()


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("domin = 'speech'", "there is no column 'domin'; did you mean 'domain'"),
        ("max(task) = 'c'", "many rows at once"),
        ("count(*) > 3", "many rows at once"),
        ("row_number() over () > 1", "many rows at once"),
        ("row_number() > 100000", "many rows at once"),
        ('"row_number"() > 100000', "many rows at once"),
        ("row_number() + list_length(source) > 3", "many rows at once"),
        ("unnest(input_seconds) > 1", "many rows at once"),
        ("source IN (array_agg(source))", "many rows at once"),
        (
            "source = 'x'",
            "is not understood: source is a list; for one value in it ask list_contains(source, 'x')",
        ),
        ("unseen OR input_seconds > 3", "input_seconds is a list; for one value in it"),
        ("CAST(uuid AS date) > '2020-01-01'", "casting from string to date is not supported"),
        ("count(uuid) over (partition by task) > 1", "many rows at once"),
        ("task", "is no condition: it gives String"),
        ("list_max(input_seconds) <", "is not understood"),
        ("task = 'a'; drop table self", "is not understood"),
        ("read_csv('/etc/passwd') = 1", "is not understood"),
        ("(select 1) > 0", "is not understood"),
        ("length(input) >= avg(length(input))", "many rows at once"),
        ("task = max(task) AND domain = 'speech'", "many rows at once"),
        ("", "is not understood"),
    ],
)
def test_conditions_that_are_none(where, message):
    with pytest.raises((MixtureError, UnknownNameError), match=re.escape(message)):
        parse_where(where)


@pytest.mark.parametrize(
    ("where", "rows"),
    [("1 = 1", 3), ("TRUE", 3), ("FALSE", 0), ("TRUE AND NOT FALSE", 3), ("1 = NULL", 0)],
)
def test_a_constant_is_a_condition_on_each_row(where, rows, everything):
    some = everything.head(3)
    assert len(some.select(parse_where(where))) == 3
    assert len(some.filter(parse_where(where))) == rows


@pytest.mark.parametrize(("where", "rows"), [("columns('uuid') = 'x'", 0), ("columns('uuid') <> 'x'", 3)])
def test_columns_that_are_found_by_their_names(where, rows, everything):
    assert len(everything.head(3).filter(parse_where(where))) == rows


def test_texts_that_are_dates(everything):
    dated = everything.head(3).with_columns(other=pl.lit("2026-11-22"))
    assert dated.filter(parse_where("date(other) IS NULL")).is_empty()


@pytest.mark.parametrize("function", ["list_contains", "ARRAY_CONTAINS"])
def test_a_number_is_found_in_a_list_of_seconds(function, everything):
    length = everything["input_seconds"].explode(empty_as_null=True).drop_nulls()[0]
    for column in ("input_seconds", '"input_seconds"'):
        found = everything.filter(parse_where(f"{function}({column}, {length})"))
        assert 0 < len(found) == everything["input_seconds"].list.contains(length).sum()
    assert everything.filter(parse_where(f"instruction = '{function}(input_seconds, 2)'")).is_empty()
    assert everything.filter(parse_where(f"{function}(input_seconds, 99)")).is_empty()


def test_what_fails_on_the_rows_names_the_condition(indexed_root, tmp_path):
    filtered = audio_flan.filter(indexed_root, "CAST(split_part(uuid, '-', 1) AS INT) > 3", split="train")
    message = '^where="CAST.*fails on the rows: conversion from `str` to `i32` failed.*TRY_CAST'
    for fails in (
        lambda: filtered.rows,
        filtered.summary,
        filtered.plan,
        lambda: filtered.write_ids(tmp_path / "ids.jsonl"),
        lambda: audio_flan.rebalance(indexed_root, where=filtered.row_filter.where),
        lambda: audio_flan.export(indexed_root, tmp_path / "out", where=filtered.row_filter.where),
    ):
        with pytest.raises(MixtureError, match=message):
            fails()
    with pytest.raises(
        MixtureError, match=r"date\(uuid\).* fails on the rows: could not find an appropriate format"
    ):
        audio_flan.filter(indexed_root, "date(uuid) IS NULL").rows  # noqa: B018 - it counts
    assert audio_flan.filter(indexed_root, "TRY_CAST(uuid AS INT) > 3").rows == 0


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"corpora": ["no such"]}, "there is no corpus 'no such'. Did you mean"),
        ({"tasks": ["speech_asrr"]}, "speech_asr"),
        ({"scripts": ["latn"]}, "there is no script 'latn'. Did you mean 'latin'"),
        ({"licence": "comercial"}, "there is no licence class 'comercial'. Did you mean 'commercial'"),
        ({"licence": None}, "there is no licence class 'None'. Did you mean"),
        ({"min_seconds": -1}, "min_seconds must be 0 or more seconds, got -1"),
        ({"max_seconds": float("nan")}, "max_seconds must be 0 or more seconds, got nan"),
        ({"min_seconds": 3, "max_seconds": 2}, "min_seconds=3 is over max_seconds=2: no clip fits"),
    ],
)
def test_what_cannot_be_asked(indexed_root, asked, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        audio_flan.filter(indexed_root, **asked)


def run(*arguments):
    command = [sys.executable, "-m", "audio_flan.cli", "filter", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command(indexed_root, everything, tmp_path):
    plan, ids, lines = tmp_path / "plan.toml", tmp_path / "ids.parquet", tmp_path / "ids.jsonl"
    done = run(indexed_root, "--split", "train", "--task", "music", "--ids", ids, "--plan", plan)
    assert (done.returncode, done.stderr) == (0, "")
    expected = everything.filter(pl.col("split") == "train", pl.col("domain") == "music")
    assert f"Next: audio-flan export {indexed_root} OUT --plan {plan}" in done.stdout
    assert set(pl.read_parquet(ids)["uuid"]) == set(expected["uuid"])
    made = Plan.load(plan)
    assert made.rows == len(expected)
    assert {leaf.epochs for leaf in made.leaves} == {1.0}
    assert set(made.row_filter.tasks) == resolve_config("music").task_names
    done = run(indexed_root, "--where", "split = 'test'", "--json", "--ids", lines)
    found = json.loads(done.stdout)
    assert found["rows"] == len(everything.filter(pl.col("split") == "test"))
    assert found["removed"] == {"where": len(everything) - found["rows"]}
    assert found["quarantined"] == {}
    assert [json.loads(line)["split"] for line in lines.read_text().splitlines()] == ["test"] * found["rows"]


def test_errors_of_the_command(indexed_root, tmp_path):
    ids = tmp_path / "ids.parquet"
    done = run(indexed_root, "--where", "task = 'x'", "--ids", ids)
    assert (done.returncode, done.stderr) == (1, "nothing passes\n")
    assert not ids.exists()
    for arguments, message in [
        (("--where", "tusk = 'x'"), "error: there is no column 'tusk'; did you mean 'task'"),
        (("--plan", ids), "error: a plan is for one split: name it"),
        (("--licence", "free"), "error: there is no licence class 'free'"),
    ]:
        done = run(indexed_root, *arguments)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert done.stderr.startswith(message)
