"""The examples do what they say, on the demo corpus and offline."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import audio_flan

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
STEP = re.compile(r"step +(\d+)  loss (\d+\.\d{4})  (\d+) speech, (\d+) music, (\d+) audio")


@pytest.fixture
def run(tmp_path):
    """Run an example in an empty folder; return the lines that it prints."""

    def run(name, *arguments):
        command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


@pytest.mark.slow
@pytest.mark.torch
def test_training_goes_on_where_it_stopped(indexed_root, run):
    whole = run("train.py", indexed_root, "--steps", 20, "--checkpoint", "whole.pt")
    first = run("train.py", indexed_root, "--steps", 9)
    resumed, *rest = run("train.py", indexed_root, "--steps", 20)
    assert resumed == "resumed after step 9"
    assert [*first, *rest] == whole
    steps = [STEP.fullmatch(line).groups() for line in whole]
    assert [int(number) for number, *_ in steps] == list(range(1, 21))
    losses = [float(loss) for _, loss, *_ in steps]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    domains = [sum(map(int, counts)) for counts in zip(*(counts for _, _, *counts in steps), strict=True)]
    assert sum(domains) == 160
    assert all(0.28 < count / 160 < 0.39 for count in domains)


def test_labels(indexed_root, run):
    head, *lines = run("label_balance.py", indexed_root)
    assert head.split()[:3] == ["task", "rows", "labels"]
    train = audio_flan.stats(indexed_root, split="train", labels=True).labels
    test = audio_flan.stats(indexed_root, split="test", labels=True).labels
    shown = {line.split()[0]: line.split() for line in lines}
    assert shown.keys() == {task for task, each in train.items() if each.distinct > 1 and not each.multiple}
    even = [float(line.split()[3]) for line in lines]
    assert even == sorted(even)
    for task, (_, rows, labels, *_, right, guess) in shown.items():
        assert (int(rows), int(labels)) == (train[task].rows, train[task].distinct)
        assert float(guess) == pytest.approx(100 / train[task].distinct, abs=0.05)
        if right != "-":
            hits = test[task].labels.get(train[task].majority_label, 0)
            assert float(right) == pytest.approx(100 * hits / test[task].covered, abs=0.05)


@pytest.mark.slow
def test_conversations(indexed_root, run, tmp_path):
    written, read, *shown = (line for line in run("export_chat.py", indexed_root, "talk"))
    rows, clips = map(int, re.match(r"(\d+) conversations with (\d+) clips", written).groups())
    again, tags, heard = map(
        int, re.match(r"read (\d+) conversations with (\d+) tags for (\d+) clips", read).groups()
    )
    assert (again, tags) == (rows, heard)
    assert len(list((tmp_path / "talk/audio").glob("*/*"))) == clips <= heard
    carried = audio_flan.scan(indexed_root, split="train").collect().to_dicts()
    short = [row for row in carried if max(row["input_seconds"] + row["output_seconds"], default=0) <= 10]
    assert rows == sum(not row["output_audio_ids"] for row in short)
    first = json.loads("\n".join(shown))
    assert [message["role"] for message in first["messages"]] == ["user", "assistant"]
    assert all((tmp_path / "talk" / path).is_file() for path in first["audios"])


def test_no_example_is_left_out():
    tested = re.findall(r'run\("(\w+\.py)"', Path(__file__).read_text())
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(tested)
