"""The columnar copy of a release tells what is there now, whatever happened to it and to the clips before."""

import os
import shutil

import pytest

import audio_flan
from audio_flan.analysis.tables.row_cache import RowCache
from audio_flan.release import open_release


def seconds(root, cache):
    rows = audio_flan.scan(root, cache_dir=cache).collect()
    lengths = [rows[f"{side}_seconds"].explode() for side in ("input", "output")]
    return sum(each.sum() for each in lengths), sum(each.null_count() for each in lengths)


def test_clips_that_come_later_are_seen(demo_copy, tmp_path):
    expected, without_clips = seconds(demo_copy, tmp_path / "other")
    (demo_copy / "audio_files").rename(tmp_path / "held")
    nothing, bad = seconds(demo_copy, tmp_path / "cache")
    assert nothing == 0
    assert bad > without_clips
    (tmp_path / "held").rename(demo_copy / "audio_files")
    assert seconds(demo_copy, tmp_path / "cache") == (expected, without_clips)


def test_a_copy_of_another_time_is_never_taken(demo_copy, tmp_path):
    """Killed between the copy and the catalogue, and then the file is put back as it was."""
    path = min(demo_copy.glob("metadata/**/*.jsonl"))
    before, facts = path.read_bytes(), path.stat()
    expected = audio_flan.scan(demo_copy, cache_dir=tmp_path / "cache").collect()
    lines = before.splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[1:], lines[1]]))
    cache = RowCache(open_release(demo_copy, cache_dir=tmp_path / "cache"))
    cache._save = lambda: None  # what being killed comes to
    files = cache._release.layout.metadata
    cache.complete(files)
    path.write_bytes(before)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert audio_flan.scan(demo_copy, cache_dir=tmp_path / "cache").collect().equals(expected)


@pytest.mark.parametrize("kind", ["rows", "clips"])
def test_a_damaged_copy_is_made_again(demo_root, tmp_path, kind):
    expected = audio_flan.scan(demo_root, cache_dir=tmp_path).collect()
    lists = set(tmp_path.rglob("*.clips.parquet"))
    copies = sorted(lists if kind == "clips" else set(tmp_path.rglob("*.parquet")) - lists)
    copies[0].write_bytes(copies[0].read_bytes()[:100])
    assert audio_flan.scan(demo_root, cache_dir=tmp_path).collect().equals(expected)
    assert audio_flan.stats(demo_root, cache_dir=tmp_path).rows == len(expected)


def test_a_part_reads_its_files_only(demo_root, tmp_path):
    found = audio_flan.stats(demo_root, "music_tagging", "test", cache_dir=tmp_path / "stats")
    audio_flan.scan(demo_root, "music_tagging", "test", cache_dir=tmp_path / "scan")
    audio_flan.filter(
        demo_root, config="music_tagging", split="test", cache_dir=tmp_path / "filter"
    ).summary()
    copies = {
        name: len(list((tmp_path / name).rglob("*.clips.parquet"))) for name in ("stats", "scan", "filter")
    }
    assert len(set(copies.values())) == 1
    assert copies["scan"] < len(list(demo_root.glob("metadata/**/*.jsonl"))) / 2
    assert found.clips.clips == len(
        {
            audio_id
            for row in audio_flan.scan(demo_root, "music_tagging", "test").collect().iter_rows(named=True)
            for audio_id in (*row["input_audio_ids"], *row["output_audio_ids"])
        }
    )


def test_outputs_go_where_they_are_told_or_nowhere(indexed_root, tmp_path):
    plan = audio_flan.rebalance(indexed_root, budget=10)
    (tmp_path / "real.toml").write_text("")
    (tmp_path / "link.toml").symlink_to("real.toml")
    plan.save(tmp_path / "link.toml")
    assert (tmp_path / "link.toml").is_symlink()
    assert "hash" in (tmp_path / "real.toml").read_text()
    os.mkfifo(tmp_path / "pipe")
    for name, message in [
        (".", "is a folder"),
        ("pipe", "is no regular file"),
        ("no/x", "there is no folder"),
    ]:
        with pytest.raises(ValueError, match=message):
            plan.save(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.toml", "pipe", "real.toml"]
    with pytest.raises(ValueError, match="ids are written to"):
        audio_flan.filter(indexed_root).write_ids(tmp_path / "ids.csv")


def test_a_damaged_row_file_is_one_line(indexed_root, tmp_path):
    import subprocess
    import sys

    root = shutil.copytree(indexed_root, tmp_path / "root")
    path = max(root.glob("data/**/*.parquet"), key=lambda path: path.stat().st_size)
    path.write_bytes(path.read_bytes()[:200])
    for options in (["stats", "--recount"], ["filter", "--where", "cast(uuid as int) > 3"]):
        command = [sys.executable, "-m", "audio_flan.cli", options[0], str(root), *options[1:]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
