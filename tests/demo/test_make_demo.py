"""Making the corpus: the same bytes for the same seed, at once or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from audio_flan.demo import corpus, make_demo


def tree(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_same_seed_same_bytes_and_progress_counts_up(demo, tmp_path):
    calls: list[tuple[int, int]] = []
    again = make_demo(tmp_path / "again", progress=lambda *call: calls.append(call))
    assert tree(again.directory) == tree(demo.root)
    steps = calls[-1][1]
    assert calls == [(done, steps) for done in range(1, steps + 1)]


@pytest.mark.slow
def test_same_bytes_in_another_process(demo, tmp_path):
    code = "import sys; from audio_flan.demo import make_demo; make_demo(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "other")], check=True, timeout=120)
    assert tree(tmp_path / "other") == tree(demo.root)


@pytest.mark.slow
def test_another_seed_gives_other_records_of_the_same_tasks(demo, tmp_path):
    other = make_demo(tmp_path / "other", seed=7)
    assert other.tasks == demo.summary.tasks
    assert other.instances == demo.summary.instances
    assert tree(other.directory) != tree(demo.root)


def test_existing_corpus_is_reused(demo, monkeypatch):
    monkeypatch.setattr(corpus, "_fill", lambda *_: pytest.fail("made again"))
    assert make_demo(demo.root) == demo.summary


def test_foreign_directory_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(FileExistsError, match=r"found something else\s+Hint"):
        make_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_file_in_the_way(tmp_path):
    (tmp_path / "demo").write_text("precious")
    with pytest.raises(FileExistsError):
        make_demo(tmp_path / "demo")


def test_other_version_is_not_taken_for_this_one(tmp_path):
    (tmp_path / "demo.json").write_text(
        json.dumps({"version": 0, "seed": 3, "counts": asdict(corpus.Counts(1, 1, 1, 1.0, 1))})
    )
    with pytest.raises(FileExistsError, match="version 0, seed 3 of it"):
        make_demo(tmp_path)


def test_broken_mark_is_no_demo(tmp_path):
    (tmp_path / "demo.json").write_text("{")
    with pytest.raises(FileExistsError, match="something else"):
        make_demo(tmp_path)


def test_interruption_leaves_nothing(tmp_path):
    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_demo(tmp_path / "demo", progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_empty_directory_is_filled(tmp_path, monkeypatch):
    (tmp_path / "demo").mkdir()
    counts = corpus.Counts(1, 1, 1, 1.0, 1)
    monkeypatch.setattr(corpus, "_fill", lambda root, *_: (root.mkdir(), counts)[1])
    assert make_demo(tmp_path / "demo").directory == tmp_path / "demo"


def test_missing_espeak_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(ImportError, match=r"pip install 'audio-flan\[demo\]'"):
        make_demo(tmp_path / "demo")
    assert list(tmp_path.iterdir()) == []


def test_importing_the_room_is_cheap():
    code = "import sys, audio_flan.demo; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert not {"numpy", "soundfile", "soxr", "espeakng_loader", "datasets", "torch"} & set(loaded)
