"""The same bytes from every form, for any jobs and after kills; clear words when it cannot go on."""

import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise

import fsspec
import pytest
from exported import SAYS_WHERE_FROM, by_leaf, clip_paths, json_lines, rows, tree
from marks import quick

import audio_flan
from audio_flan.building.workspace import EXPORT_FOLDER, hold
from audio_flan.exporting import EmptySelectionError, ExportError, clip_files, export, plan_export
from audio_flan.exporting.finish import EXPORT_NAME
from audio_flan.mixing import PlanError

RUN = """
import sys
from audio_flan.exporting import export
if __name__ == "__main__":
    root, out, plan, to, jobs = sys.argv[1:]
    export(root, out, plan=plan, to=to, jobs=int(jobs), shard_size=1_000_000)
"""
BALANCED = {"direction": {"understanding": 0.5, "generation": 0.5}, "alpha": 0.5, "max_epochs": 2}
STYLE = {"chat": "ms-swift"}


@pytest.fixture(scope="module")
def made(demo_root, demo_plan, tmp_path_factory):
    """Exports of the demo corpus by target, made when first asked for."""
    done = {}

    def make(to):
        if to not in done:
            done[to] = tmp_path_factory.mktemp(to) / "out"
            export(demo_root, done[to], plan=demo_plan, to=to, style=STYLE.get(to), shard_size=1_000_000)
        return done[to]

    return make


@pytest.fixture
def command(tmp_path, demo_root, demo_plan):
    """A command that exports the demo corpus in a process of its own."""
    script = tmp_path / "run.py"
    script.write_text(RUN)
    demo_plan.save(tmp_path / "plan.toml")
    return lambda out, to, jobs=1: [
        sys.executable, str(script), str(demo_root), str(out), str(tmp_path / "plan.toml"), to, str(jobs),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "to"),
    quick(
        2,
        [
            ("indexed", "release"),
            ("embedded", "release"),
            ("indexed", "webdataset"),
            ("embedded", "jsonl"),
            ("embedded", "chat"),
        ],
    ),
)
def test_every_form_gives_the_same(request, made, tmp_path, form, to):
    root = request.getfixturevalue(f"{form}_root")
    plan = audio_flan.rebalance(root, **BALANCED)
    export(root, tmp_path / "out", plan=plan, to=to, style=STYLE.get(to), shard_size=1_000_000)
    assert tree(tmp_path / "out", SAYS_WHERE_FROM) == tree(made(to), SAYS_WHERE_FROM)


@pytest.mark.slow
@pytest.mark.parametrize("to", ["indexed", "webdataset"])
def test_any_number_of_jobs_gives_the_same_bytes(command, made, out, to):
    subprocess.run(command(out, to, 2), check=True, timeout=300)
    assert tree(out) == tree(made(to))


MOMENTS = {
    "release": [".export/draws", ".export/clips", ".export/metadata", "audio_files", "scp_files", "metadata"],
    "webdataset": [".export/clips", ".export/tars", "input0-flac", "README.md"],
    "embedded": [".export/collect", ".export/release/scp_files", ".build", "data", "audio_flan.json"],
}


@pytest.mark.slow
@pytest.mark.parametrize("to", MOMENTS)
def test_killed_at_any_moment_and_resumed(command, made, out, to):
    kills = 0
    for moment in MOMENTS[to]:
        process = subprocess.Popen(command(out, to))
        while process.poll() is None and not (out / moment).exists():
            time.sleep(0.001)
        process.kill()
        kills += process.wait() == -signal.SIGKILL
        if not (out / EXPORT_FOLDER).exists():
            break  # it was faster, and is done
    assert kills
    if (out / EXPORT_FOLDER).exists():
        subprocess.run(command(out, to), check=True, timeout=300)
    assert tree(out) == tree(made(to))


def test_ctrl_c_leaves_a_state_to_go_on_from(demo_root, demo_plan, made, out):
    def stop(what, done, total):
        if what == "writing metadata":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(demo_root, out, plan=demo_plan, to="release", progress=stop)
    assert not (out / EXPORT_NAME).exists()
    collected = {path: path.stat().st_mtime_ns for path in out.glob(f"{EXPORT_FOLDER}/collect/*")}
    assert collected
    export(demo_root, out, plan=demo_plan, to="release", shard_size=512_000_000)
    assert tree(out, {"export.json"}) == tree(made("release"), {"export.json"})
    assert not (out / EXPORT_FOLDER).exists()


@pytest.mark.slow
@pytest.mark.parametrize("to", ["embedded", "chat"])
def test_a_full_disk(demo_root, demo_plan, made, tmp_path, to):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount")
    options = {"plan": demo_plan, "to": to, "style": STYLE.get(to), "shard_size": 1_000_000}
    try:
        out = disk / "out"
        with pytest.raises(ExportError, match=r"no space left for .*run the same command again"):
            export(demo_root, out, **options)
        assert not (out / EXPORT_NAME).exists()
        subprocess.run(["mount", "-o", "remount,size=500m", str(disk)], check=True)
        export(demo_root, out, **options)
        assert tree(out) == tree(made(to))
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_folder_that_is_not_empty_is_refused(demo_root, out):
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    for resume in (True, False):
        with pytest.raises(ExportError, match="not empty"):
            export(demo_root, out, resume=resume)
    with pytest.raises(ExportError, match="not empty"):
        plan_export(demo_root, out)
    assert os.listdir(out) == ["mine.txt"]
    with pytest.raises(ExportError, match="is a file"):
        export(demo_root, out / "mine.txt")


def test_no_row_is_no_export(demo_root, out):
    with pytest.raises(EmptySelectionError, match="no row"):
        export(demo_root, out, where="domain = 'speech' AND domain = 'music'")
    assert not out.exists()


def test_a_plan_of_other_data_is_refused(indexed_root, demo_plan, out):
    with pytest.raises(PlanError, match="make the plan anew"):
        export(indexed_root, out, plan=demo_plan)
    assert not out.exists()


def test_an_export_of_something_else_is_refused_until_told(demo_root, out):
    def stop(what, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(demo_root, out, config="speech_asr", to="jsonl", progress=lambda *_: None if not out.exists()
               or not (out / EXPORT_FOLDER / "draws").exists() else stop(*_))  # fmt: skip
    with pytest.raises(ExportError, match="unfinished export of something else"):
        export(demo_root, out, config="music", to="jsonl")
    summary = export(demo_root, out, config="music", to="jsonl", resume=False)
    assert summary.rows == len(json_lines(*out.glob("*.jsonl")))


def test_two_at_once(demo_root, out):
    with hold(out, EXPORT_FOLDER), pytest.raises(ExportError, match="is running"):
        export(demo_root, out)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to": "tar"}, "no target 'tar'"),
        ({"to": "chat"}, "chat needs one of"),
        ({"to": "chat", "style": "swift"}, "Did you mean 'ms-swift'"),
        ({"style": "ms-swift"}, "embedded has none"),
        ({"config": "speech_asrr"}, "speech_asr"),
        ({"shard_size": 1}, "at least"),
        ({"jobs": 0}, "jobs must be 1 or more"),
    ],
)
def test_wrong_options(demo_root, out, options, message):
    with pytest.raises(ValueError, match=message):
        export(demo_root, out, **options)
    assert not out.exists()


def test_a_plan_and_a_filter_are_one_too_many(demo_root, demo_plan, out):
    with pytest.raises(ValueError, match="go into the plan"):
        export(demo_root, out, plan=demo_plan, config="speech")


def test_a_clip_that_is_gone_is_named_and_its_rows_are_counted(demo_copy, out):
    plan = plan_export(demo_copy, config="speech_asr")
    ids = audio_flan.scan(demo_copy, "speech_asr").collect()["input_audio_ids"].explode()
    victim = clip_paths(demo_copy)[ids.min()]
    victim.unlink()
    summary = export(demo_copy, out, config="speech_asr")
    named = json_lines(out / "quarantine.jsonl")
    assert {entry["reason"] for entry in named} == {"missing_audio"}
    assert summary.quarantined == {"missing_audio": len(named)}
    assert summary.rows == plan.rows - len(named) == len(rows(out))
    assert all(str(demo_copy) not in entry["message"] for entry in named)


def test_without_hard_links_clips_are_copied(demo_root, made, demo_plan, out, monkeypatch):
    linked = next(made("release").glob("audio_files/*/*/*"))
    if linked.stat().st_dev == demo_root.stat().st_dev:
        assert linked.stat().st_nlink > 1

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(clip_files.os, "link", refuse)
    export(demo_root, out, plan=demo_plan, to="release", shard_size=1_000_000)
    assert all(path.stat().st_nlink == 1 for path in out.glob("audio_files/*/*/*"))
    assert tree(out) == tree(made("release"))


def test_the_plan_says_what_the_export_does(demo_root, demo_plan, made):
    planned = plan_export(demo_root, plan=demo_plan)
    assert planned.rows == demo_plan.rows
    found = rows(made("embedded"))
    assert planned.distinct_rows == len({(row["uuid"], row["task"]) for row in found})
    ids = [audio_id for row in found for side in ("input", "output") for audio_id in row[f"{side}_audio_ids"]]
    assert (planned.clips, planned.clip_references) == (len(set(ids)), len(ids))
    assert planned.seconds == pytest.approx(
        sum(sum(row["input_seconds"]) + sum(row["output_seconds"]) for row in found), abs=1e-3
    )
    assert by_leaf(found) == {leaf.key: leaf.target for leaf in demo_plan.leaves if leaf.target}


def test_repeats_are_apart_in_the_embedded_form(made):
    tasks = {}
    for row in rows(made("embedded")):
        tasks.setdefault((row["task"], row["split"]), []).append(row["uuid"])
    beside = sum(a == b for uuids in tasks.values() for a, b in pairwise(uuids))
    twice = sum(len(uuids) - len(set(uuids)) for uuids in tasks.values())
    assert beside < twice / 2


def test_the_export_moves_and_is_whole_without_its_source(demo_copy, out):
    export(demo_copy, out, config="speech_asr", to="indexed")
    shutil.rmtree(demo_copy)
    moved = out.rename(out.with_name("moved"))
    found = audio_flan.load_dataset(moved, "speech_asr", split="train")
    assert all(len(clip["array"]) for row in found for clip in row["input_audio"])


@pytest.mark.parametrize("form", ["indexed", "embedded"])
def test_a_root_behind_a_url_gives_the_same(request, tmp_path, form, hub):
    source = request.getfixturevalue(f"{form}_root")
    hub.add("someone/data", source)
    _same(source, f"{hub.endpoint}/datasets/someone/data/resolve/main", tmp_path)


def test_a_release_behind_a_url_gives_the_same(demo_root, tmp_path):
    files = fsspec.filesystem("memory")
    files.put(f"{demo_root}/", "/exported/", recursive=True)
    try:
        _same(demo_root, "memory://exported", tmp_path)
    finally:
        files.rm("/exported", recursive=True)


def _same(source, url, tmp_path):
    options = {"config": "speech_asr", "to": "webdataset"}
    export(url, tmp_path / "remote", **options)
    export(source, tmp_path / "local", **options)
    assert tree(tmp_path / "remote", SAYS_WHERE_FROM) == tree(tmp_path / "local", SAYS_WHERE_FROM)
