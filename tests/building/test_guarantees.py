"""The same bytes for any number of jobs and after any number of kills; clear words when it cannot go on."""

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from built import Built, tree

from audio_flan.building import BuildError, build
from audio_flan.building.executors.base import run_here
from audio_flan.building.workspace import WORK_FOLDER
from audio_flan.shards import MANIFEST_NAME
from audio_flan.shards.atomic import TEMPORARY_PREFIX
from audio_flan.shards.tar import TarWriter

SIZE = 1_000_000
RUN = """
import sys
from audio_flan.building import build
if __name__ == "__main__":
    release, out, form, jobs = sys.argv[1:]
    build(release, out, form, jobs=int(jobs), shard_size=1_000_000)
"""


@pytest.fixture
def command(tmp_path, demo_root):
    """A command that builds the demo corpus in a process of its own."""
    script = tmp_path / "run.py"
    script.write_text(RUN)
    return lambda out, form="indexed", jobs=1: [
        sys.executable, str(script), str(demo_root), str(out), form, str(jobs),
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("form", "jobs"), [("indexed", 5), ("embedded", 2)])
def test_any_number_of_jobs_gives_the_same_bytes(request, command, out, form, jobs):
    subprocess.run(command(out, form, jobs), check=True, timeout=300)
    assert tree(out) == tree(request.getfixturevalue(form).root)


@pytest.mark.slow
@pytest.mark.parametrize(("form", "jobs"), [("indexed", 3), ("embedded", 2)])
def test_killed_at_any_moment_and_resumed(request, command, out, form, jobs):
    chance = random.Random(jobs)
    kills = 0
    while not (out / MANIFEST_NAME).exists():
        process = subprocess.Popen(command(out, form, jobs))
        # Python and the imports take most of a second, and the build another.
        limit = chance.uniform(0.4, 1.6) if kills < 8 else None
        try:
            assert process.wait(limit) == 0
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    assert kills
    build(request.getfixturevalue("demo_root"), out, form, shard_size=SIZE)
    assert tree(out) == tree(request.getfixturevalue(form).root)


def test_no_process_outlives_a_killed_build(command, out):
    process = subprocess.Popen(command(out, jobs=2))
    deadline = time.monotonic() + 30
    while not (children := _children(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert children
    places = [Path(f"/proc/{pid}") for pid in children]
    while any(place.exists() for place in places) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(place.exists() for place in places)


def _children(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as handle:
            return [int(child) for child in handle.read().split()]
    except OSError:
        return []


def test_a_finished_build_is_not_made_again(demo_root, indexed):
    before = {path: path.stat().st_mtime_ns for path in indexed.root.glob("[!.]*/**/*")}
    summary = build(demo_root, indexed.root, shard_size=SIZE)
    assert before == {path: path.stat().st_mtime_ns for path in indexed.root.glob("[!.]*/**/*")}
    assert summary.rows == indexed.summary.rows
    assert summary.corpora == indexed.summary.corpora


def test_what_is_done_is_not_done_again(demo_root, indexed, out, monkeypatch):
    real, added = TarWriter.add, []

    def failing(self, name, nbytes, parts):
        if len(added) == 100:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        added.append(name)
        return real(self, name, nbytes, parts)

    monkeypatch.setattr(TarWriter, "add", failing)
    with pytest.raises(
        BuildError, match=f"no space left for {out}: free some and run the same command again"
    ):
        build(demo_root, out, shard_size=SIZE)
    done = {path for path in out.rglob("*.tar") if not path.name.startswith(".")}
    assert done
    marks = {path: path.stat().st_mtime_ns for path in done}
    monkeypatch.setattr(TarWriter, "add", real)
    build(demo_root, out, shard_size=SIZE)
    assert tree(out) == tree(indexed.root)
    assert marks == {path: path.stat().st_mtime_ns for path in done}


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_full_disk(demo_root, indexed, tmp_path, jobs):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount")
    try:
        out = disk / "out"
        with pytest.raises(BuildError, match="no space left for"):
            build(demo_root, out, shard_size=SIZE, jobs=jobs)
        subprocess.run(["mount", "-o", "remount,size=500m", str(disk)], check=True)
        build(demo_root, out, shard_size=SIZE, jobs=jobs)
        assert tree(out) == tree(indexed.root)
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_read_error_stops_the_build_and_says_so(demo_root, indexed, out, monkeypatch):
    real = os.read

    def failing(descriptor, nbytes):
        if nbytes > 100_000 and out.exists():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(descriptor, nbytes)

    monkeypatch.setattr(os, "read", failing)
    with pytest.raises(BuildError, match=r"stopped: .*Input/output error; run the same command again"):
        build(demo_root, out, shard_size=SIZE)
    monkeypatch.setattr(os, "read", real)
    build(demo_root, out, shard_size=SIZE)
    assert tree(out) == tree(indexed.root)


def test_what_is_in_the_way_is_refused(demo_root, indexed, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("do not touch")
    with pytest.raises(BuildError, match="is not empty, and holds no build of this toolkit"):
        build(demo_root, tmp_path / "mine", resume=False)
    assert (tmp_path / "mine" / "thesis.txt").exists()
    with pytest.raises(BuildError, match=r"holds another build \(seed: 0 there, 5 asked for\)"):
        build(demo_root, indexed.root, shard_size=SIZE, seed=5)
    with pytest.raises(BuildError, match="holds another build"):
        build(demo_root, indexed.root, "embedded", shard_size=SIZE, resume=False)


def test_an_unfinished_build_of_another_plan(small_tree, out, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("audio_flan.building.finish.finish", stop)
    with pytest.raises(KeyboardInterrupt):
        build(small_tree.root, out)
    monkeypatch.undo()
    with pytest.raises(BuildError, match="unfinished build of another plan"):
        build(small_tree.root, out, seed=1)
    anew = build(small_tree.root, out, seed=1, resume=False)
    assert anew.rows == len(small_tree.rows)
    assert [path.name for path in (out / WORK_FOLDER).iterdir()] == ["kept"]


def test_killed_while_starting_anew(small_tree, out, monkeypatch):
    build(small_tree.root, out)
    expected = tree(out)

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("audio_flan.building.workspace.shutil.rmtree", stop)
    with pytest.raises(KeyboardInterrupt):
        build(small_tree.root, out, resume=False)
    monkeypatch.undo()
    assert not (out / MANIFEST_NAME).exists()
    build(small_tree.root, out)
    assert tree(out) == expected


class Retrying:
    """Runs steps here; tasks of each were killed at two moments and run again."""

    processes = 1

    def run_steps(self, made, kinds, progress=None, on_done=lambda _: None):
        for kind in kinds:
            step = kind(made)
            run_here(step, progress)
            done = [made.work.unit(step.name, unit.name) for unit in step.units]
            if done and done[0].is_dir():
                shutil.copytree(done[0], done[0].with_name(f"{TEMPORARY_PREFIX}whole"))
                done[0].with_name(f"{TEMPORARY_PREFIX}empty").mkdir()
            on_done(kind)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["indexed", "embedded"])
def test_what_killed_tasks_leave_is_no_unit(request, demo_root, out, form):
    made = build(demo_root, out, form, shard_size=SIZE, executor=Retrying())
    assert made.rows_in == request.getfixturevalue(form).summary.rows_in
    assert tree(out) == tree(request.getfixturevalue(form).root)


def test_two_builds_of_one_folder(small_tree, out, monkeypatch):
    refused = []

    def again(*_):
        if not refused:
            with pytest.raises(BuildError, match=r"another build of .* is running") as caught:
                build(small_tree.root, out)
            refused.append(caught)

    build(small_tree.root, out, progress=again)
    assert refused


def test_neither_time_nor_place_shows(small_tree, tmp_path):
    moved = shutil.copytree(small_tree.root, tmp_path / "elsewhere" / "copy")
    for path in moved.rglob("*"):
        os.utime(path, (1, 1))
    one = Built(tmp_path / "a", build(small_tree.root, tmp_path / "a"))
    other = Built(tmp_path / "b" / "c", build(moved, tmp_path / "b" / "c"))
    assert tree(one.root) == tree(other.root)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "tar"}, "form must be one of indexed, embedded"),
        ({"verify": "all"}, "verify must be one of header, decode"),
        ({"shard_size": 10}, "shard_size must be at least"),
        ({"jobs": 0}, "jobs must be 1 or more"),
        ({"config": "speech_ars"}, "speech_asr"),
        ({"splits": ["tset"]}, "test"),
    ],
)
def test_options_that_cannot_be(small_tree, out, options, message):
    with pytest.raises(ValueError, match=message):
        build(small_tree.root, out, **options)
    assert not out.exists()
