"""``audio-flan export``: what it prints, its exit codes, and its JSON."""

import json
import subprocess
import sys

import pytest

from audio_flan.exporting import plan_export


def run(*arguments):
    command = [sys.executable, "-m", "audio_flan.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_plan_is_exported_and_said(demo_root, demo_plan, tmp_path):
    demo_plan.save(tmp_path / "plan.toml")
    said = run("export", demo_root, tmp_path / "out", "--plan", tmp_path / "plan.toml", "--to", "release")
    assert (said.returncode, said.stderr) == (0, "")
    assert f"{demo_plan.rows:,} of {demo_plan.rows:,} selected rows" in said.stdout
    assert f"Next: audio-flan stats {tmp_path / 'out'}" in said.stdout
    again = run("export", demo_root, tmp_path / "out", "--plan", tmp_path / "plan.toml", "--to", "release")
    assert again.returncode == 2
    assert again.stderr.startswith("error: ")
    assert "not empty" in again.stderr


def test_a_dry_run_writes_nothing(demo_root, out):
    said = run("export", demo_root, out, "--config", "speech_asr", "--dry-run")
    planned = plan_export(demo_root, config="speech_asr")
    assert f"embedded: {planned.rows:,} rows" in said.stdout
    assert said.stdout.rstrip().endswith(f"Next: audio-flan export {demo_root} {out} --config speech_asr")
    printed = run("export", demo_root, out, "--config", "speech_asr", "--dry-run", "--json").stdout
    assert json.loads(printed) == json.loads(json.dumps(planned.as_json()))
    assert not out.exists()


def test_what_was_not_written_and_what_to_load_is_said(demo_copy, out):
    path = min(demo_copy.glob("metadata/speech/understanding/*/*/jsonl/*.jsonl"))
    path.write_bytes(path.read_bytes() + b"{no record\n")
    said = run("export", demo_copy, out, "--config", "speech_asr").stdout
    assert f"could not be read: 1; `audio-flan validate {demo_copy}` names them" in said
    assert f"load_dataset('{out}', 'all')" in said


def test_json_says_what_was_made(demo_root, out):
    made = json.loads(
        run(
            "export", demo_root, out, "--to", "chat", "--style", "ms-swift", "--json", "--task", "speech"
        ).stdout
    )
    assert made["rows_selected"] == made["rows"] + sum(made["quarantined"].values())
    assert made.keys() == {
        "out", "to", "rows_selected", "rows", "clips", "files", "bytes", "quarantined", "unread", "seconds",
    }  # fmt: skip
    named = (out / "quarantine.jsonl").read_text().splitlines()
    assert len(named) == made["quarantined"]["audio_in_output"]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--where", "domain = 'speech' AND domain = 'music'"], 1, "no row of"),
        (["--where", "domian = 'speech'"], 2, "did you mean 'domain'"),
        (["--to", "chatt"], 2, "Did you mean 'chat'"),
        (["--plan", "nowhere.toml"], 2, "no plan nowhere.toml"),
        (["--shard-size", "lots"], 2, "512MB"),
    ],
)
def test_what_cannot_be_is_one_line_and_an_exit_code(demo_root, out, options, code, message):
    said = run("export", demo_root, out, *options)
    assert said.returncode == code
    assert message in said.stderr
    assert "Traceback" not in said.stderr
    assert not out.exists()
