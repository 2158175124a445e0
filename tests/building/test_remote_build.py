"""Builds of a release behind a URL: what is made, and asked for, over real HTTP."""

import threading
from typing import NamedTuple

import pytest
from built import tree
from hub.clients import run_client

from audio_flan.building import build
from audio_flan.building.remote_clips import fetch_ahead
from audio_flan.waveform import BytesSource

REPO = "HKUSTAudio/Audio-FLAN"
RUN = "import sys\nfrom audio_flan.cli.app import main\nif __name__ == '__main__':\n    main()"


@pytest.fixture
def run(hub, tmp_path):
    """Run ``audio-flan build`` with the test Hub."""
    return lambda *arguments: run_client(hub, tmp_path / "home", RUN, "build", *arguments)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["indexed", "embedded"])
def test_a_repo_builds_what_the_folder_builds(request, hub, run, demo_root, out, form):
    hub.add(REPO, demo_root)
    done = run(f"hf://datasets/{REPO}", out, "--form", form, "--shard-size", "1MB", "--jobs", 2)
    assert (done.returncode, done.stderr) == (0, "")
    assert tree(out) == tree(request.getfixturevalue(form).root)
    clips = [exchange.path for exchange in hub.log if "/audio_files/" in exchange.path and exchange.nbytes]
    assert len(clips) == len(set(clips)) == request.getfixturevalue(form).summary.clips


def test_clips_in_archives_and_clips_that_are_not_there(hub, run, small_tree, tmp_path):
    next(small_tree.root.glob("audio_files/speech/01_Read/wav/01_Read_1.flac")).unlink()
    (small_tree.root / "audio_files/speech/01_Read/wav/01_Read_2.flac").write_bytes(b"")
    hub.add(REPO, small_tree.root)
    done = run(REPO, tmp_path / "remote")
    assert (done.returncode, done.stderr) == (0, "")
    build(small_tree.root, tmp_path / "local")
    assert tree(tmp_path / "remote") == tree(tmp_path / "local")
    assert "1 empty_audio, 1 missing_audio" in done.stdout


@pytest.mark.slow
def test_failures_that_pass_are_survived(hub, run, small_tree, tmp_path):
    hub.add(REPO, small_tree.root)
    hub.fail(503, "*/tree/main/audio_files/*", times=2)
    hub.fail(500, "*.flac", times=2)
    hub.fail("truncated", "*.flac", first=3)
    hub.fail("reset", "*.zip", first=2)
    done = run(REPO, tmp_path / "remote")
    assert done.returncode == 0, done.stderr
    build(small_tree.root, tmp_path / "local")
    assert tree(tmp_path / "remote") == tree(tmp_path / "local")


@pytest.mark.slow
def test_a_clip_that_cannot_be_fetched_stops_the_build_and_is_not_quarantined(hub, run, small_tree, tmp_path):
    hub.add(REPO, small_tree.root)
    out = tmp_path / "remote"
    hub.fail(403, "*01_Read_1.flac", times=1000)
    refused = run(REPO, out)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"error: building {out} stopped: ")
    assert "01_Read_1.flac may not be read" in refused.stderr
    assert "it goes on where it stopped" in refused.stderr
    hub.heal()
    done = run(REPO, out)
    assert (done.returncode, done.stderr) == (0, "")
    build(small_tree.root, tmp_path / "local")
    assert tree(out) == tree(tmp_path / "local")


@pytest.mark.slow
def test_a_gated_release(hub, run, small_tree, out):
    hub.add(REPO, small_tree.root, token="hf_right")
    assert "is gated" in run(REPO, out).stderr
    done = run(REPO, out, "--token", "hf_right")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_token_is_not_written_down_for_jobs(hub, run, small_tree, out):
    hub.add(REPO, small_tree.root, token="hf_right")
    done = run(REPO, out, "--executor", "slurm", "--dry-run", "--token", "hf_right")
    assert done.returncode == 2
    assert "a token that is passed would stand in a file on the shared disk" in done.stderr
    assert list(out.parent.glob("out*")) == []


def test_a_dry_run_says_how_long_it_takes(hub, run, small_tree, out):
    hub.add(REPO, small_tree.root)
    done = run(REPO, out, "--dry-run")
    assert done.returncode == 0
    plan, estimate, following = done.stdout.splitlines()
    assert following.startswith("Next: audio-flan build ")
    assert plan.startswith("plan: 10 rows, 10 clips of ")
    assert estimate.startswith("time: about ")
    assert "; 10 clips were read, checked and hashed in " in estimate
    assert not out.exists()


def test_any_file_system_of_fsspec(small_tree, tmp_path):
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.put(f"{small_tree.root}/", "/release/", recursive=True)
    try:
        build("memory://release", tmp_path / "remote")
    finally:
        memory.rm("/release", recursive=True)
    build(small_tree.root, tmp_path / "local")
    assert tree(tmp_path / "remote") == tree(tmp_path / "local")


class Clip(NamedTuple):
    audio_id: str
    path: str
    nbytes: int


def test_fetching_ahead_keeps_the_order_and_the_budget():
    lock, running, held, most = threading.Lock(), 0, 0, 0
    clips = [Clip(str(i), f"{i}", 1 + i * 37 % 90) for i in range(200)] + [Clip("large", "x", 500)]

    def fetch(clip):
        nonlocal running, held, most
        with lock:
            running += 1
            held += clip.nbytes
            most = max(most, held) if clip.nbytes < 100 else most
        if clip.audio_id == "7":
            raise OSError("seven")
        return BytesSource(clip.audio_id.encode(), clip.path)

    seen = []
    for clip, locate in fetch_ahead(fetch, iter(clips), requests=4, budget=100):
        if clip.audio_id == "7":
            with pytest.raises(OSError, match="seven"):
                locate()
        else:
            assert locate().read() == clip.audio_id.encode()
        with lock:
            held -= clip.nbytes
        seen.append(clip)
    assert seen == clips
    assert 50 < most <= 100


def test_fetching_ahead_ends_when_nobody_wants_more():
    fetched = []

    def fetch(clip):
        fetched.append(clip)
        return BytesSource(b"", clip.path)

    ahead = fetch_ahead(fetch, (Clip(str(i), "", 1) for i in range(1000)), requests=2)
    next(ahead)
    ahead.close()
    assert len(fetched) <= 5
