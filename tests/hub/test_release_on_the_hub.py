"""The released form read from a Hub by the real clients, unpatched."""

import pytest
from marks import quick

import audio_flan
from hub.clients import ask_client, run_client

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


@pytest.mark.parametrize(
    ("mode", "path"),
    quick(
        2,
        [
            ("stream", REPO),
            ("streaming", f"hf://datasets/{REPO}"),
            ("table", REPO),
            ("table", f"hf://datasets/{REPO}@main"),
        ],
    ),
)
def test_a_repo_id_or_url_gives_the_rows_of_the_folder(hub, demo_root, expected, tmp_path, mode, path):
    hub.add(REPO, demo_root)
    assert ask_client(hub, tmp_path, SCRIPT, path, mode, "") == expected


@pytest.mark.slow
def test_a_table_is_read_from_the_hub_once(hub, demo_root, expected, tmp_path):
    hub.add(REPO, demo_root)
    assert ask_client(hub, tmp_path, SCRIPT, REPO, "table", "") == expected
    hub.forget()
    assert ask_client(hub, tmp_path, SCRIPT, REPO, "table", "") == expected
    assert hub.nbytes == 0


def test_a_gated_repo_wants_its_token(hub, demo_root, expected, tmp_path):
    hub.add(REPO, demo_root, token="hf_right")
    assert ask_client(hub, tmp_path, SCRIPT, REPO, "stream", "hf_right") == expected
    refused = run_client(hub, tmp_path / "other", SCRIPT, REPO, "stream", "")
    assert refused.returncode != 0
    last = refused.stderr.strip().splitlines()[-1]
    assert "is gated" in last, refused.stderr
    assert "token=" in last


def test_a_repo_that_is_not_there(hub, demo_root, tmp_path):
    hub.add(REPO, demo_root)
    done = run_client(hub, tmp_path, SCRIPT, "HKUSTAudio/Other", "stream", "")
    assert done.returncode != 0
    assert "there is no dataset HKUSTAudio/Other on the Hub" in done.stderr.strip().splitlines()[-1]
