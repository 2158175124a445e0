"""`audio-flan rebalance` as a shell sees it."""

import json
import subprocess
import sys

import pytest
from trees import line, metadata_path, write

import audio_flan


def run(*arguments, code=0):
    command = [sys.executable, "-m", "audio_flan.cli", "rebalance", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


def test_json_has_what_was_asked_for_and_what_could_not_be_met(indexed_root):
    options = ("--task-shares", "speech_asr=0.5,music_caption=0.5", "--budget", "1000000", "--nearest")
    found = json.loads(run(indexed_root, *options, "--json").stdout)
    shares = {"speech_asr": 0.5, "music_caption": 0.5}
    plan = audio_flan.rebalance(indexed_root, task=shares, budget=1_000_000, nearest=True)
    assert plan.shortfalls
    assert [each["where"] for each in found["shortfalls"]] == [each.where for each in plan.shortfalls]
    assert found["shortfalls"][0]["asked"] == pytest.approx(plan.shortfalls[0].asked)
    assert dict(found["mixture"]["task"]) == shares
    assert json.loads(run(indexed_root, "--json").stdout)["shortfalls"] == []


def test_a_corpus_may_have_an_equals_sign_in_its_name(small_tree):
    path = metadata_path("speech", "understanding", "test", "a=b", "x.jsonl")
    write(small_tree.root, path, line("u", split="test", input="-"))
    found = json.loads(run(small_tree.root, "--split", "test", "--corpus", "a=b", "--json").stdout)
    assert [leaf["corpus"] for leaf in found["leaves"]] == ["a=b"]
    for option in ("--corpus", "--task"):
        done = run(small_tree.root, option, "01_Read=0.5", code=2)
        assert "shares are --task-shares and --corpus-shares, got '01_Read=0.5'" in done.stderr
    assert "Did you mean" in run(small_tree.root, "--corpus", "01_Raed", code=2).stderr
