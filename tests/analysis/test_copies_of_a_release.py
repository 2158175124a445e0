"""The columnar copy of a release tells what is there now, whatever happened to it and to the clips before."""

import os
import shutil

import pytest

import audio_flan
from audio_flan.analysis import open_table
from audio_flan.analysis.tables.row_cache import RowCache
from audio_flan.mixing import PlanError
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


def test_a_plan_is_for_every_copy_of_a_release_and_for_no_other_data(demo_root, tmp_path, monkeypatch):
    plan = audio_flan.rebalance(demo_root, budget=10, cache_dir=tmp_path / "cache")
    plan.save(tmp_path / "plan.toml")
    copy = shutil.copytree(demo_root, tmp_path / "copy", copy_function=shutil.copy)  # as of another time
    for path in copy.rglob("*"):
        os.utime(path, (1, 1))
    at = {"plan": tmp_path / "plan.toml", "to": "jsonl", "cache_dir": tmp_path / "cache"}
    made = [audio_flan.export(root, tmp_path / f"out-{root.name}", **at) for root in (demo_root, copy)]
    assert made[0].rows == made[1].rows == 10
    again = audio_flan.filter(copy, split="train", cache_dir=tmp_path / "cache").table
    with monkeypatch.context() as patch:  # what was hashed is not read again
        patch.setattr(type(again.source.release.tree), "open", None)
        assert again.revision == plan.revision

    for pattern in ("metadata/**/*.jsonl", "scp_files/**/*.scp"):
        path = min(copy.glob(pattern))
        before = path.read_bytes()
        path.write_bytes(before + before.splitlines(keepends=True)[0])
        with pytest.raises(PlanError, match="make the plan anew"):
            audio_flan.export(copy, tmp_path / "other", **at)
        path.write_bytes(before)
    assert audio_flan.export(copy, tmp_path / "other", **at).rows == 10


def test_a_file_that_cannot_be_read_has_a_revision_of_its_own(demo_copy, tmp_path, monkeypatch):
    def revision():
        return open_table(demo_copy, cache_dir=tmp_path / "cache").revision

    table = open_table(demo_copy, cache_dir=tmp_path / "cache")
    locked = table.source.release.layout.metadata[0].path
    tree, unlocked = type(table.source.release.tree), type(table.source.release.tree).open

    def refuse(self, path):
        if path == locked:
            raise PermissionError(13, "Permission denied", path)
        return unlocked(self, path)

    with monkeypatch.context() as patch:
        patch.setattr(tree, "open", refuse)
        without = table.revision
    assert without != revision() == revision()


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
