"""``audio-flan build``: what it prints, and what it refuses."""

import json
import re
import shutil
import subprocess
import sys

import pytest
from built import tree
from trees import line, metadata_path, write

from audio_flan.cli.long_work import parse_size
from audio_flan.shards import MANIFEST_NAME


def run(*arguments):
    command = [sys.executable, "-m", "audio_flan.cli", "build", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_it_builds_what_the_function_builds(demo_root, indexed, out):
    done = run(demo_root, out, "--jobs", 2, "--shard-size", "1MB")
    assert (done.returncode, done.stderr) == (0, "")
    plan, made = done.stdout.splitlines()[:2]
    summary = indexed.summary
    assert plan.startswith(f"plan: {summary.rows:,} rows, {summary.clips:,} clips of ")
    assert made.startswith(f"{out}: {summary.rows:,} rows, {summary.clips:,} clips, {summary.files:,} files")
    assert tree(out) == tree(indexed.root)


def test_json_of_a_build_and_of_a_dry_run(small_tree, out):
    dry = run(small_tree.root, out, "--form", "embedded", "--dry-run", "--json")
    assert dry.returncode == 0
    assert not out.exists()
    plan = json.loads(dry.stdout)
    done = json.loads(run(small_tree.root, out, "--form", "embedded", "--json").stdout)
    assert plan["rows"] == done["rows"] == done["rows_in"] == len(small_tree.rows)
    assert plan["clips"] == done["clips"]
    assert plan["audio_bytes"] > plan["clip_bytes"] == done["clip_bytes"]
    assert done["quarantined"] == {}
    assert {corpus["corpus"] for corpus in done["corpora"]} >= {"01_Read", "50_Rain"}


def test_the_next_command_is_named(small_tree, out):
    options = ("--split", "train", "--config", "speech_asr")
    dry = run(small_tree.root, out, *options, "--dry-run", "--token", "hf_secret")
    built = run(small_tree.root, out, *options)
    command = f"Next: audio-flan build {small_tree.root} {out} {' '.join(options)} --token TOKEN"
    assert dry.stdout.splitlines()[-1] == command
    assert (
        built.stdout.splitlines()[-1] == f"Next: audio-flan validate {out}   audio-flan peek {out} speech_asr"
    )


def test_config_and_split(small_tree, out):
    options = ("--config", "speech_asr", "--split", "train", "--split", "dev")
    assert run(small_tree.root, out, *options).returncode == 0
    counts = json.loads((out / MANIFEST_NAME).read_text())["counts"]
    assert {(count["task"], count["split"], count["rows"]) for count in counts} == {
        ("speech_asr", "train", 2), ("speech_asr", "validation", 1),
    }  # fmt: skip


def test_a_dirty_tree_is_summed_up(dirty, out):
    done = run(dirty.root, out)
    assert done.returncode == 0
    assert "1 missing_audio" in done.stdout
    assert f"{out}/quarantine/ names each" in done.stdout


def test_errors_are_one_line(small_tree, tmp_path):
    (tmp_path / "x").write_text("mine")
    for arguments, message in (
        ((small_tree.root, tmp_path), "is not empty"),
        ((small_tree.root, tmp_path / "x"), "x"),
        ((tmp_path / "nowhere", tmp_path / "out"), "there is no folder"),
        ((small_tree.root, tmp_path / "out", "--form", "tar"), "form must be one of indexed, embedded"),
        ((small_tree.root, tmp_path / "out", "--config", "speech_ars"), "speech_asr"),
        (
            (small_tree.root, tmp_path / "out", "--dry-run", "--clips", "zip"),
            "clips must be one of tar, parquet",
        ),
    ):
        done = run(*arguments)
        assert done.returncode == 2
        assert message in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "nbytes"),
    [
        ("512MB", 512_000_000),
        ("1.5 gb", 1_500_000_000),
        ("70000", 70_000),
        ("1kB", 1000),
        ("2T", 2 * 10**12),
        ("10 MiB", 10 * 2**20),
        ("7B", 7),
    ],
)
def test_sizes(text, nbytes):
    assert parse_size(text) == nbytes


def test_a_size_that_is_none(small_tree, out):
    done = run(small_tree.root, out, "--shard-size", "big")
    assert done.returncode == 2
    assert "expected a size such as 512MB" in done.stderr


@pytest.mark.slow
def test_what_was_transcoded_and_what_was_kept_is_said(small_tree, out):
    options = (small_tree.root, out, "--transcode", "flac", "--clips", "parquet")
    first = run(*options).stdout
    assert re.search(r"transcoded \d clips, \d stay as they were; .* became ", first)
    assert "since the earlier build" not in first
    path = metadata_path("speech", "understanding", "test", "01_Read", "new.jsonl")
    write(small_tree.root, path, line("new", split=["test"]) + b"\n")
    again = run(*options).stdout
    assert re.search(r"since the earlier build: \d+ files of .* kept, 1 of .* written, 0 removed", again)
    assert ".build is gone" not in again
    shutil.rmtree(out / ".build")
    assert "what the earlier build has left in .build is gone" in run(*options).stdout
