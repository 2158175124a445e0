"""`audio-flan doctor`: what it finds in real environments, and what it says to do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from environments import fence_off, link_all_but, python_of
from hub.answers import json_answer
from hub.clients import client_environment

from audio_flan.installation import Finding, Installation, State
from audio_flan.installation.codecs import difference
from audio_flan.installation.hub import Answer, _home, login, reachable

PROJECT = Path(__file__).resolve().parents[2]


def doctor(env, *args, code=0, python=sys.executable):
    done = subprocess.run(
        [python, "-m", "audio_flan.cli", "doctor", *args],
        env=env, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == code, done.stderr or done.stdout
    assert done.stderr == ""
    return done.stdout


def found(text):
    """Findings by area and name."""
    return {(each["area"], each["name"]): each for each in json.loads(text)["findings"]}


@pytest.fixture
def environment(hub, tmp_path):
    """Variables of a process that is logged in at the test Hub as somebody."""

    def whoami(request):
        if request.path != "api/whoami-v2":
            return None
        if request.headers.get("Authorization") != "Bearer good":
            return json_answer("refused", {"error": "Invalid username or password."}, 401)
        return json_answer("whoami", {"type": "user", "name": "somebody"})

    hub.extensions.append(whoami)
    return client_environment(hub, tmp_path / "home", HF_TOKEN="good")


@pytest.mark.slow
def test_all_is_there(environment, hub):
    text = doctor(environment, "--json")
    findings = found(text)
    assert json.loads(text)["works"]
    decoders = {
        name: each["found"].split()[0] for (area, name), each in findings.items() if area == "decoders"
    }
    assert decoders.pop("torchcodec")
    assert decoders == {
        "WAV": "NumPy", "FLAC": "dr_flac", "Ogg Vorbis": "libsndfile", "Ogg Opus": "libsndfile",
        "MP3": "libsndfile", "AIFF": "libsndfile", "M4A (AAC)": "FFmpeg", "WebM (Opus)": "FFmpeg",
    }  # fmt: skip
    assert findings["core", "python"]["found"].startswith(".".join(map(str, sys.version_info[:3])))
    assert {"datasets", "huggingface-hub", "pyarrow", "polars", "numpy"} <= {name for _, name in findings}
    assert findings["core", "tables"]["found"] == "80 tasks, 112 configs"
    assert findings["core", "audioflan://"]["state"] == "ok"
    assert findings["extras", "torch"]["state"] == "ok"
    assert findings["hub", "endpoint"]["found"].startswith(f"{hub.endpoint} answers within 0.")
    assert findings["hub", "login"]["found"] == "as somebody"
    assert "GB free" in findings["hub", "HF_HOME"]["found"]
    assert "good" not in text
    assert all(each["state"] == "ok" or each["remedy"] for each in findings.values())


def test_what_is_not_there_is_named_with_what_to_do(environment, tmp_path):
    fence = fence_off(tmp_path / "site", "torch", "torchcodec", "ray")
    text = doctor(environment | fence | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_TOKEN": "bad"})
    assert "torchcodec (decoders): pip install 'audio-flan[torch]'\n" in text
    assert "torch (extras): pip install 'audio-flan[torch]'\n" in text
    assert "ray (extras): pip install 'audio-flan[cluster]'\n" in text
    assert "endpoint (hub): check the network, HTTPS_PROXY and HF_ENDPOINT" in text
    assert "works, without torchcodec, torch, ray, endpoint\n" in text
    assert text.endswith("Next: audio-flan demo\n")


def test_a_part_of_the_core_that_does_not_import(environment, tmp_path):
    fence = fence_off(tmp_path / "site", "av", "soxr")
    text = doctor(environment | fence, "--json", code=1)
    findings = found(text)
    assert not json.loads(text)["works"]
    assert findings["core", "soxr"]["state"] == "broken"
    assert findings["core", "soxr"]["remedy"].startswith("pip install --force-reinstall 'soxr>=")
    assert findings["decoders", "test"]["found"] == "cannot be made: No module named 'av'"
    assert findings["hub", "login"]["found"] == "as somebody"


def test_a_library_that_is_not_there(environment, tmp_path):
    fence = fence_off(tmp_path / "site", "torchcodec")
    (tmp_path / "site/soundfile.py").write_text("raise OSError('sndfile library not found')\n")
    findings = found(doctor(environment | fence, "--json", code=1))
    assert findings["core", "soundfile"]["found"].endswith("does not import: sndfile library not found")
    assert findings["decoders", "test"]["found"] == "cannot be made: sndfile library not found"
    assert findings["hub", "login"]["found"] == "as somebody"


def test_a_package_that_is_on_the_path_but_not_installed(environment, tmp_path):
    fence = fence_off(tmp_path / "site", "torchcodec")
    link_all_but("audio_flan", sys.executable, tmp_path / "env")
    python = python_of(tmp_path / "env")
    settings = {"PYTHONPATH": f"{fence['PYTHONPATH']}:{PROJECT}", "HF_HUB_OFFLINE": "1"}
    text = doctor(environment | settings, code=1, python=python)
    assert "audio-flan (core): pip install --force-reinstall audio-flan\n" in text
    assert "audioflan:// (core): pip install --force-reinstall audio-flan\n" in text
    assert "endpoint (hub): unset HF_HUB_OFFLINE" in text
    assert text.endswith("does not work yet\nThen again: audio-flan doctor\n")


def test_a_cache_that_cannot_be_written_and_a_token_that_is_refused(environment, tmp_path):
    fence = fence_off(tmp_path / "site", "torchcodec")
    (tmp_path / "file").write_text("")
    home = str(tmp_path / "file/home")
    findings = found(doctor(environment | fence | {"HF_HOME": home, "HF_TOKEN": "bad"}, "--json", code=1))
    assert findings["hub", "HF_HOME"]["found"] == f"{home} cannot be written"
    assert findings["hub", "login"]["found"] == "the Hub refuses the token"


def test_a_cache_below_a_folder_that_may_not_be_entered(tmp_path):
    """Root may enter all folders: another user looks."""
    locked = tmp_path / "locked"
    locked.mkdir()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setuid(65534)
            else:
                locked.chmod(0)
            os.write(writer, _home(locked / "home").found.encode())
        except BaseException as error:  # noqa: BLE001 - told to the parent
            os.write(writer, repr(error).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with open(reader) as answer:
        assert answer.read() == f"{locked}/home cannot be written"
    locked.chmod(0o700)


@pytest.mark.parametrize(
    ("status", "state", "words"),
    [(200, "ok", "within 0.50 s"), (401, "ok", "within"), (503, "missing", "HTTP 503")],
)
def test_what_an_answer_means(status, state, words):
    finding = reachable("https://hub", Answer(status, "", 0.5), "")
    assert finding.state == state
    assert words in finding.found


def test_what_a_token_means():
    assert login(False, None).state == "missing"
    assert login(True, None).found == login(True, Answer(404, "", 0.1)).found
    assert login(True, Answer(403, "", 0.1)).state == "missing"
    assert login(True, Answer(200, "me", 0.1)).found == "as me"


def test_a_decoder_that_gives_something_else():
    tone = np.sin(np.arange(24_000) * 2 * np.pi * 440 / 48_000, dtype=np.float32).reshape(1, -1)
    assert difference(tone / 2) == ""
    assert difference(tone) == "the level of what decodes is 2.00 of what was encoded"
    assert difference(tone[:, 1:]) == "23999 frames of 1 channels decode, of 24000 of one"


def test_only_what_everything_needs_is_broken():
    missing, broken = (Finding("core", "x", state, "", "do") for state in (State.MISSING, State.BROKEN))
    assert Installation("1", (missing,)).works
    assert not Installation("1", (missing, broken)).works
    assert Installation("1", (missing,)).open == (missing,)
    assert (
        json.loads(json.dumps(Installation("1", (missing,)).as_json()))["findings"][0]["state"] == "missing"
    )
