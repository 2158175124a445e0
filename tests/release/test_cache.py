"""Facts that are kept between runs: never wrong, never in the way, never in heaps."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from trees import line, metadata_path, write

import audio_flan
from audio_flan.release import open_release
from audio_flan.release.cache import cache_folder

PATH = metadata_path("speech", "understanding", "train_dev", "01_Read", "asr.jsonl")


def uuids(root, **options):
    return [row["uuid"] for row in audio_flan.stream(root, "all", "all", **options)]


def test_the_cache_lies_below_hf_home(small_tree):
    uuids(small_tree.root)
    folder = cache_folder(str(small_tree.root))
    assert Path(os.environ["HF_HOME"]) in folder.parents
    assert (folder / "catalogue.json").is_file()
    assert len(list(folder.glob("clips-*"))) == 1


def test_everything_in_the_cache_may_be_deleted_or_damaged(small_tree, tmp_path):
    whole = uuids(small_tree.root, cache_dir=tmp_path / "cache")
    (catalogue,) = (tmp_path / "cache").rglob("catalogue.json")
    for damage in (
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"version": 0, "files": {}}',
        b'{"version": 1, "files": {"a": 1}}',
    ):
        catalogue.write_bytes(damage)
        assert uuids(small_tree.root, cache_dir=tmp_path / "cache") == whole


def test_a_damaged_clip_table_is_made_anew(small_tree, tmp_path):
    whole = uuids(small_tree.root, cache_dir=tmp_path / "cache")
    (table,) = (tmp_path / "cache").rglob("clips-*")
    for name in sorted(os.listdir(table)):
        (table / name).write_bytes(b"junk")
        assert uuids(small_tree.root, cache_dir=tmp_path / "cache") == whole
        (table / name).unlink()
        assert uuids(small_tree.root, cache_dir=tmp_path / "cache") == whole


def test_a_cache_that_vanishes_while_a_stream_runs_is_no_fault(small_tree, tmp_path):
    import shutil

    stream = audio_flan.stream(small_tree.root, "all", "all", cache_dir=tmp_path / "cache")
    rows = iter(stream)
    next(rows)
    shutil.rmtree(tmp_path / "cache")
    assert len(list(rows)) == len(small_tree.rows) - 1


def test_where_the_cache_cannot_be_written_a_temporary_one_goes_with_the_process(small_tree, tmp_path):
    (tmp_path / "file").write_text("in the way")
    script = (
        "import sys, audio_flan\n"
        "from audio_flan.release.cache import cache_folder\n"
        f"root, cache = {str(small_tree.root)!r}, {str(tmp_path / 'file')!r}\n"
        "print(len(list(audio_flan.stream(root, 'all', 'all', cache_dir=cache))))\n"
    )
    (tmp_path / "tmp").mkdir()
    environment = os.environ | {"TMPDIR": str(tmp_path / "tmp")}
    found = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "10"
    assert list((tmp_path / "tmp").iterdir()) == []


def test_old_tables_and_what_killed_builds_left_are_removed_after_a_day(small_tree, tmp_path):
    cache = tmp_path / "cache"
    uuids(small_tree.root, cache_dir=cache)
    (old,) = cache.rglob("clips-*")
    killed, young = old.with_name(".clips-abc"), old.with_name(".clips-def")
    killed.mkdir()
    young.mkdir()
    day_before_yesterday = time.time() - 2 * 24 * 3600
    for folder in (old, killed):
        os.utime(folder, (day_before_yesterday, day_before_yesterday))
    write(small_tree.root, "scp_files/speech/new.scp", b"new a/b.wav\n")
    assert len(uuids(small_tree.root, cache_dir=cache)) == len(small_tree.rows)
    left = {path.name for path in old.parent.glob("*clips-*")}
    assert left >= {".clips-def"}
    assert not left & {old.name, ".clips-abc"}
    assert len(left) == 2


def test_two_processes_keep_one_anothers_facts(small_tree, tmp_path):
    first, second = (open_release(small_tree.root, cache_dir=tmp_path / "cache") for _ in range(2))
    halves = (first.layout.metadata[:2], second.layout.metadata[2:])
    for release, files in zip((first, second), halves, strict=True):
        release.catalogue.complete(release.tree, files)
    third = open_release(small_tree.root, cache_dir=tmp_path / "cache")
    assert all(third.catalogue.get(file) for file in third.layout.metadata)


def test_processes_that_start_at_once_share_a_cache(small_tree, tmp_path):
    code = (
        "import audio_flan; print(len(list(audio_flan.stream("
        f"{str(small_tree.root)!r}, 'all', 'all', cache_dir={str(tmp_path / 'cache')!r}))))"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    for process in started:
        assert process.communicate(timeout=60) == ("10\n", "")
    assert len(list((tmp_path / "cache").rglob("*clips-*"))) == 1


def test_facts_that_another_process_renewed_are_not_overwritten_by_old_ones(small_tree, tmp_path):
    stale = open_release(small_tree.root, cache_dir=tmp_path / "cache")
    stale.catalogue.complete(stale.tree, stale.layout.metadata)
    slow = open_release(small_tree.root, cache_dir=tmp_path / "cache")  # knows the old facts of PATH
    write(small_tree.root, PATH, line("new"))
    fresh = open_release(small_tree.root, cache_dir=tmp_path / "cache")
    fresh.catalogue.complete(fresh.tree, fresh.layout.metadata)
    slow.catalogue.put(slow.layout.metadata[0], slow.catalogue.get(slow.layout.metadata[0]))
    slow.catalogue.save()
    file = next(f for f in fresh.layout.metadata if f.path == PATH)
    assert open_release(small_tree.root, cache_dir=tmp_path / "cache").catalogue.get(file)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_lines_added_to_a_file_are_seen(small_tree, n):
    before = uuids(small_tree.root)
    with (small_tree.root / PATH).open("ab") as handle:
        handle.writelines(line(f"more-{i}") + b"\n" for i in range(n))
    assert uuids(small_tree.root) == before + [f"more-{i}" for i in range(n)]


def test_hf_home_and_xdg_are_heeded(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    assert cache_folder("x").is_relative_to(tmp_path / "home/audio_flan")
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder("x").is_relative_to(tmp_path / "xdg/huggingface/audio_flan")
    assert cache_folder("x", tmp_path / "own").is_relative_to(Path(tmp_path / "own"))
