"""What holds for whoever runs the steps: Ctrl-C can be gone on from; a late disk is waited for."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from built import tree

from audio_flan.building import BuildError, LocalExecutor, build, choose_executor
from audio_flan.building.executors.task import StepTask, read_failure, wait_for
from audio_flan.building.pipeline import make_recipe
from audio_flan.building.prepare_paths import PreparePaths
from audio_flan.building.read_rows import ReadRows
from audio_flan.building.step import Build
from audio_flan.building.workspace import WORK_FOLDER, Workspace
from audio_flan.release import open_release
from audio_flan.shards import MANIFEST_NAME


@pytest.mark.slow
@pytest.mark.parametrize(("jobs", "whom"), [(1, "process"), (3, "process"), (3, "group")])
def test_ctrl_c_leaves_what_the_next_run_goes_on_from(demo_root, indexed, out, jobs, whom):
    command = [
        sys.executable, "-m", "audio_flan.cli", "build", str(demo_root), str(out), "--shard-size", "1MB",
        "--jobs", str(jobs),
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    measured = out / WORK_FOLDER / "measure"
    deadline = time.monotonic() + 30
    while not measured.is_dir() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid if whom == "process" else -process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.splitlines() == [
        f"{out}: what is done stays; the same command goes on where it stopped", "stopped",
    ]  # fmt: skip
    assert not (out / MANIFEST_NAME).exists()
    assert (out / WORK_FOLDER).is_dir()
    build(demo_root, out, shard_size=1_000_000)
    assert tree(out) == tree(indexed.root)


@pytest.fixture
def made(small_tree, out):
    """A build that nobody has begun."""
    release = open_release(small_tree.root)
    return Build(release, make_recipe(release), Workspace(out))


def test_a_task_waits_for_what_its_disk_does_not_show_yet(made, tmp_path):
    LocalExecutor().run_steps(made, [PreparePaths])
    paths = made.work.unit("paths", "all")
    late = paths.rename(tmp_path / "late")
    shown = threading.Timer(0.5, late.rename, [paths])
    shown.start()
    StepTask(made, ReadRows, [PreparePaths], tmp_path)(None, 0, 1)
    assert made.work.is_done("read", "000000")
    shown.join()


def test_a_step_whose_predecessor_is_not_done_does_not_run(made, tmp_path, monkeypatch):
    monkeypatch.setattr("audio_flan.building.executors.task.SETTLE_SECONDS", 0.1)
    with pytest.raises(BuildError, match="reading scp files: 1 of 1 units are not done"):
        StepTask(made, ReadRows, [PreparePaths], tmp_path / "logs")(None, 3, 4)
    assert not made.work.is_done("read", "000000")
    logs = tmp_path / "logs"
    assert read_failure(logs).startswith("reading scp files: 1 of 1 units are not done")
    failure = read_failure(logs).partition("the log of the task: ")[2]
    assert "Traceback" in Path(failure).read_text()  # a log is named only if there is one
    (logs / "logs").mkdir()
    (logs / "logs/task_00003.log").write_text("of datatrove")
    assert read_failure(logs).endswith("logs/logs/task_00003.log")
    assert read_failure(tmp_path) is None
    with pytest.raises(BuildError, match="reading scp files"):
        wait_for(PreparePaths(made))


def test_executors_by_name():
    assert choose_executor("local", {"jobs": None, "tasks": None}) == LocalExecutor(1)
    assert choose_executor("local", {"jobs": 3}) == LocalExecutor(3)
    with pytest.raises(ValueError, match="jobs must be 1 or more, got 0"):
        choose_executor("local", {"jobs": 0})
    with pytest.raises(ValueError, match="one of local, slurm, ray, got 'lokal'; did you mean 'local'"):
        choose_executor("lokal", {})


def test_a_script_without_a_guard_is_told_what_it_lacks(demo_root, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"import audio_flan\naudio_flan.build({str(demo_root)!r}, 'out', jobs=2)\n")
    command = [sys.executable, script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert "a script that builds with jobs needs `if __name__ == '__main__':`" in message
    assert "was killed" not in message
