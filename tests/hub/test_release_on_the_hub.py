"""The released form read from a Hub by the real clients, unpatched."""

import json
import os
import subprocess
import sys

import pytest
from server import Hub

import audio_flan

REPO = "HKUSTAudio/Audio-FLAN"
SCRIPT = """
import json, sys
import audio_flan
path, mode, token = sys.argv[1], sys.argv[2], sys.argv[3] or None
if mode == "stream":
    rows = audio_flan.stream(path, "speech_asr", "train", token=token)
else:
    import datasets
    datasets.disable_progress_bars()
    rows = audio_flan.load_dataset(path, "speech_asr", "train", streaming=mode == "streaming", token=token)
print(json.dumps([[row["uuid"], len(row["input_audio"][0]["array"])] for row in rows]))
"""


@pytest.fixture
def expected(demo_root):
    rows = audio_flan.stream(demo_root, "speech_asr", "train")
    return [[row["uuid"], len(row["input_audio"][0]["array"])] for row in rows]


def load(hub, tmp_path, path=REPO, mode="stream", token=""):
    environment = os.environ | {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(tmp_path / "home"),
        "HF_DATASETS_CACHE": str(tmp_path / "home/datasets"),
        "HF_HUB_CACHE": str(tmp_path / "home/hub"),
        "HF_HUB_DISABLE_XET": "1",
    }
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, path, mode, token]
    return subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize(
    ("mode", "path"),
    [
        ("stream", REPO),
        ("streaming", f"hf://datasets/{REPO}"),
        ("table", REPO),
        ("table", f"hf://datasets/{REPO}@main"),
    ],
)
def test_a_repo_id_or_url_gives_the_rows_of_the_folder(demo_root, expected, tmp_path, mode, path):
    with Hub(demo_root, REPO).running() as hub:
        done = load(hub, tmp_path, path, mode)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected


def test_a_table_needs_no_network_once_it_is_built(demo_root, expected, tmp_path):
    with Hub(demo_root, REPO).running() as hub:
        first = load(hub, tmp_path, mode="table")
        hub.requests.clear()
        again = load(hub, tmp_path, mode="table")
        assert json.loads(first.stdout) == json.loads(again.stdout) == expected
        assert hub.requests["file GET"] == 0


def test_a_gated_repo_wants_its_token(demo_root, expected, tmp_path):
    with Hub(demo_root, REPO, token="hf_right").running() as hub:
        done = load(hub, tmp_path, token="hf_right")
        assert json.loads(done.stdout) == expected
        (tmp_path / "other").mkdir()
        refused = load(hub, tmp_path / "other")
    assert refused.returncode != 0
    last = refused.stderr.strip().splitlines()[-1]
    assert "is gated" in last, refused.stderr
    assert "token=" in last


def test_a_repo_that_is_not_there(demo_root, tmp_path):
    with Hub(demo_root, REPO).running() as hub:
        done = load(hub, tmp_path, path="HKUSTAudio/Other")
    assert done.returncode != 0
    assert "there is no dataset HKUSTAudio/Other on the Hub" in done.stderr.strip().splitlines()[-1]
