"""Without the extras: what needs none of them works, and what needs one says in one line how to get it."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from environments import fence_off
from packaging.requirements import Requirement

from audio_flan.extras import EXTRAS, extra_of, install_command, require
from audio_flan.installation.packages import module_of

PROJECT = Path(__file__).resolve().parents[2]
BESIDE = ("loguru", "s3fs", "duckdb", "torchdata", "webdataset", "jsonschema")
"""What only extras or tests bring, too."""

COMMANDS = """
import contextlib, io, json, sys
from audio_flan.cli.app import main

def run(*args):
    sys.argv = ["audio-flan", *args]
    out, err, code = io.TextIOWrapper(io.BytesIO()), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    return code, err.getvalue()
"""
WORKS = (
    COMMANDS
    + """
import numpy as np
import audio_flan

demo, indexed, plan = sys.argv[1:]
for args in (
    ["tasks"], ["info", demo], ["stats", indexed], ["peek", demo, "speech_asr", "-n", "1"],
    ["validate", indexed],
    ["build", demo, "embedded", "--form", "embedded"], ["card", indexed, "--check"],
    ["filter", indexed, "--config", "speech_asr"], ["rebalance", indexed, "--alpha", "0.5", "-o", plan],
    ["export", indexed, "subset", "--config", "speech_asr"],
    ["export", indexed, "chat", "--config", "speech_asr", "--to", "chat", "--style", "ms-swift"],
):
    code, err = run(*args)
    assert code == 0, (args, err)
rows = audio_flan.stream(indexed, "speech_asr", "train")
first = next(iter(rows))["input_audio"][0]
assert isinstance(first.get_all_samples().data, np.ndarray)
assert audio_flan.collate(list(rows)[:2], tensors="numpy")["input_audio"].dtype == np.float32
assert next(iter(audio_flan.batches(rows, batch_size=2)))
for streaming in (True, False):
    table = audio_flan.load_dataset(demo, "speech_asr", split="train", streaming=streaming)
    assert next(iter(table))["input_audio"][0]["array"].size
assert audio_flan.AudioStore(indexed)[first.id]["array"].size
print(json.dumps(sorted(name for name in sys.modules if "." not in name)))
"""
)
SAYS = (
    COMMANDS
    + """
import audio_flan
from audio_flan.waveform import ClipError, read_header
from audio_flan.waveform.decoders.ladder import DECODERS

demo, indexed = sys.argv[1:]
said = {" ".join(args): run(*args) for args in (
    ("demo", "new"),
    ("build", demo, "out", "--executor", "ray"),
    ("build", demo, "out", "--executor", "slurm"),
    ("stats", indexed, "--html", "page.html"),
    ("stats", indexed, "--plot", "plot.svg"),
)}
row = next(iter(audio_flan.stream(indexed, "speech_asr", "train")))
for name, call in {
    "collate": lambda: audio_flan.collate([row]),
    "decoder": lambda: DECODERS["torchcodec"](b"", None, 0, 1),
}.items():
    try:
        call()
    except (ImportError, ClipError) as error:
        said[name] = type(error).__name__, str(error)
print(json.dumps(said))
"""
)


@pytest.fixture(scope="module")
def without_extras(tmp_path_factory):
    """Run a script where no extra is installed; returns what it prints last, as JSON."""
    fence = fence_off(tmp_path_factory.mktemp("fence") / "site", *extra_modules(), *BESIDE)

    def run(code, folder, *arguments):
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            env=os.environ | fence, cwd=folder, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def extra_modules():
    return [module for modules in EXTRAS.values() for module in modules]


@pytest.mark.slow
def test_what_needs_no_extra_works_without_them(without_extras, demo_root, indexed_root, tmp_path):
    loaded = without_extras(WORKS, tmp_path, demo_root, indexed_root, tmp_path / "plan.toml")
    assert not {*extra_modules(), *BESIDE} & set(loaded)


def test_every_place_that_needs_one_says_so_in_one_line(without_extras, demo_root, indexed_root, tmp_path):
    said = without_extras(SAYS, tmp_path, demo_root, indexed_root)
    demo, ray, slurm, html, plot, collate, decoder = said.values()
    assert demo == [2, line("espeakng_loader", "the speech of the demo corpus", "demo")]
    assert ray == [2, line("ray", "--executor ray", "cluster")]
    assert slurm == [2, line("datatrove", "--executor slurm", "cluster")]
    assert html == plot == [2, line("altair", "charts", "report")]
    assert collate[0] == "ImportError"
    assert collate[1].startswith("torch is not installed; for tensors='torch'")
    assert collate[1].endswith(": pip install 'audio-flan[torch]'")
    assert decoder[0] == "ClipError"
    assert decoder[1].endswith(
        "torchcodec is not installed; for this decoder: pip install 'audio-flan[torch]'"
    )
    assert list(tmp_path.iterdir()) == []


def line(module, purpose, extra):
    return f"error: {module} is not installed; for {purpose}: pip install 'audio-flan[{extra}]'\n"


def test_extras_are_those_of_the_project():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    declared = {
        extra: tuple(module_of(Requirement(text).name) for text in texts)
        for extra, texts in project["optional-dependencies"].items()
        if extra != "dev"
    }
    assert declared == EXTRAS


def test_an_extra_that_is_there_is_no_matter():
    require("torch", "nothing")
    assert extra_of("vl_convert") == "report"
    assert install_command("demo") == "pip install 'audio-flan[demo]'"
