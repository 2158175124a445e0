"""Builds on a Ray cluster of two nodes, through the command line."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from built import tree

from audio_flan.building.workspace import WORK_FOLDER
from audio_flan.shards import MANIFEST_NAME

pytest.importorskip("ray")
pytest.importorskip("datatrove")
pytestmark = pytest.mark.slow
ENVIRONMENT = os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}
PROGRESS = re.compile(r"[a-z ]+: [\d.]+( [kMGT])? of [\d.]+( [kMGT])?, .*/s")
"""A line of it comes every 30 seconds, where the machine is that slow."""


class RayCluster:
    """Two nodes of one processor each."""

    def __init__(self, process: subprocess.Popen) -> None:
        self._process = process
        self.address = process.stdout.readline().strip()

    def kill_a_node(self) -> None:
        self._process.stdin.write("kill\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline().strip() == "killed"


@contextmanager
def cluster_of_two():
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(Path(__file__).with_name("ray_cluster.py"))],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT,
    )  # fmt: skip
    try:
        yield RayCluster(process)
        process.stdin.close()
        process.wait(60)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def cluster():
    with cluster_of_two() as running:
        yield running


def start(cluster, release, out, *options):
    command = [
        sys.executable, "-m", "audio_flan.cli", "build", str(release), str(out), "--executor", "ray",
        "--address", cluster.address, "--tasks", "2", "--mem-per-cpu-gb", "1", *options,
    ]  # fmt: skip
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )


def end(process, timeout=150):
    """Wait for a process; return its exit code, its output, and what it said beside progress."""
    try:
        output, errors = process.communicate(timeout=timeout)
    finally:
        process.kill()
    said = [line for line in errors.splitlines(keepends=True) if not PROGRESS.match(line)]
    return process.returncode, output, "".join(said)


def wait_for_units(out, step, count):
    deadline = time.monotonic() + 60
    folder = out / WORK_FOLDER / step
    while not folder.is_dir() or len(list(folder.glob("[!.]*"))) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_two_nodes_build_what_one_process_builds(cluster, demo_root, indexed, out):
    code, output, errors = end(start(cluster, demo_root, out, "--shard-size", "1MB", "--json"))
    assert (code, errors) == (0, "")
    assert json.loads(output)["rows"] == indexed.summary.rows
    assert tree(out) == tree(indexed.root)


def test_ctrl_c_leaves_what_the_next_run_goes_on_from(cluster, demo_root, indexed, out):
    process = start(cluster, demo_root, out, "--shard-size", "1MB")
    wait_for_units(out, "measure", 1)
    process.send_signal(signal.SIGINT)
    code, _, errors = end(process)
    assert code == 130
    assert f"{out}: what is done stays; the same command goes on where it stopped" in errors
    assert "Traceback" not in errors
    assert not (out / MANIFEST_NAME).exists()
    earlier = list((out / WORK_FOLDER / "logs").iterdir())
    in_the_way = out / "audio"
    in_the_way.write_text("a task that fails says why, and where its log is")
    code, _, errors = end(start(cluster, demo_root, out, "--shard-size", "1MB"))
    assert (code, errors.count("\n")) == (2, 1)
    assert f"building {out} stopped: " in errors
    assert "run the same command again when that is mended" in errors
    log = Path(errors.strip().rpartition("the log of the task: ")[2])
    assert log.is_file()
    failures = [path.stem for path in (log.parents[1] / "failures").iterdir()]
    assert all(log.with_name(f"task_{rank}.log").is_file() for rank in failures)  # of those cancelled, too
    assert not any(log.is_relative_to(folder) for folder in earlier)  # whose tasks may be dying only now
    in_the_way.unlink()
    code, _, errors = end(start(cluster, demo_root, out, "--shard-size", "1MB"))
    assert (code, errors) == (0, "")
    assert tree(out) == tree(indexed.root)


def test_a_node_that_dies(demo_root, out, tmp_path):
    options = ("--shard-size", "70kB")
    with cluster_of_two() as cluster:
        process = start(cluster, demo_root, out, *options)
        wait_for_units(out, "store", 3)
        cluster.kill_a_node()
        assert process.poll() is None
        code, _, errors = end(process)
        if code:
            assert "run the same command again" in errors
            code, _, errors = end(start(cluster, demo_root, out, *options))
        assert (code, errors) == (0, "")
    local = tmp_path / "local"
    command = [sys.executable, "-m", "audio_flan.cli", "build", str(demo_root), str(local), *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=120)
    assert tree(out) == tree(local)


def test_where_there_is_no_cluster(small_tree, out):
    class Nowhere:
        address = "127.0.0.1:9"

    code, _, errors = end(start(Nowhere, small_tree.root, out))
    assert code == 2
    assert "there is no Ray cluster at '127.0.0.1:9': start one with `ray start --head`" in errors
