"""Ctrl-C, and workers that are killed: the process ends, and leaves nothing behind."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

SHARED_MEMORY = Path("/dev/shm")
pytestmark = pytest.mark.skipif(not SHARED_MEMORY.is_dir(), reason="looks for shared memory as on Linux")
STARTS = ("fork", "spawn", "forkserver")

STREAM = """
import sys, time, audio_flan
rows = audio_flan.stream(sys.argv[1], "speech", shuffle=True, decode_threads=2, prefetch_bytes=1 << 20)
for number, row in enumerate(rows):
    if number == 5:
        print("ready", flush=True)
    time.sleep(0.01)
"""

LOADER = """
import sys, time, audio_flan
from torch.utils.data import DataLoader

if __name__ == "__main__":
    rows = audio_flan.stream(sys.argv[1], "speech", shuffle=True, decode_threads=1)
    batches = audio_flan.batches(rows, 4, collate=audio_flan.collate)
    loader = DataLoader(
        batches, batch_size=None, num_workers=4, multiprocessing_context=sys.argv[2], persistent_workers=True
    )
    for epoch in range(100):
        for number, batch in enumerate(loader):
            if epoch == 0 and number == 3:
                print(*(worker.pid for worker in loader._iterator._workers), flush=True)
            time.sleep(0.01)
"""


def session_of(pid):
    """Return the session of a process, None when there is none."""
    try:
        return int(Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[3])
    except (FileNotFoundError, ProcessLookupError):
        return None


def processes_of(session):
    """List the processes of a session; those that have ended and are not waited for count."""
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if session_of(path.name) == session]


@contextmanager
def running(tmp_path, script, *arguments):
    """Run a script in a session of its own, with a folder for temporary files; nothing of it may stay.

    Gives the process, and a set of further processes whose shared memory is looked for in the end.
    """
    file, seen = tmp_path / "script.py", set()
    file.write_text(script)
    # Of a short name: sockets have room for 107 characters, and one that does not fit hangs the loader.
    temporary = Path(tempfile.mkdtemp(prefix="flan-"))
    before = {path.name for path in SHARED_MEMORY.iterdir()}
    process = subprocess.Popen(
        [sys.executable, file, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=os.environ | {"TMPDIR": str(temporary)},
    )  # fmt: skip
    try:
        yield process, seen
        wait_for(lambda: not processes_of(process.pid))  # servers of multiprocessing end with their pipe
    finally:
        for pid in processes_of(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.communicate()
    # What is killed leaves the sockets (pymp-*) through which multiprocessing hands over torch's tensors.
    assert not [path for path in temporary.iterdir() if not path.name.startswith("pymp-")]
    shutil.rmtree(temporary)
    new = {path.name for path in SHARED_MEMORY.iterdir()} - before
    assert not [name for name in new if any(f"_{pid}_" in name for pid in (process.pid, *seen))]


def is_over(pid):
    """Whether a killed process has ended, for its parent too; threads of it may outlive its first one."""
    process = Path("/proc", str(pid))
    try:
        is_zombie = (process / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
        return is_zombie and len(list((process / "task").iterdir())) == 1
    except (FileNotFoundError, ProcessLookupError):
        return True  # waited for by a fork server


def wait_for(happened, seconds=30):
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_ctrl_c_while_clips_are_fetched_and_decoded(indexed_root, hub, tmp_path):
    hub.add("a/b", indexed_root)
    hub.latency_s = 0.05
    with running(tmp_path, STREAM, f"{hub.endpoint}/datasets/a/b/resolve/main") as (process, _):
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert "Exception ignored" not in errors


@pytest.mark.slow
@pytest.mark.parametrize("start", STARTS)
def test_ctrl_c_of_a_loader_with_workers(indexed_root, tmp_path, start):
    with running(tmp_path, LOADER, indexed_root, start) as (process, seen):
        seen |= {int(pid) for pid in process.stdout.readline().split()}
        assert len(seen) == 4
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT


@pytest.mark.slow
@pytest.mark.parametrize("start", STARTS)
def test_a_worker_that_is_killed_ends_the_loader(indexed_root, tmp_path, start):
    with running(tmp_path, LOADER, indexed_root, start) as (process, seen):
        seen |= {int(pid) for pid in process.stdout.readline().split()}
        worker = min(seen)
        # The loader waits meanwhile: the connections of a killed process end before it does, and torch that
        # reads from one just then says ConnectionResetError and nothing of the worker.
        os.kill(process.pid, signal.SIGSTOP)
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: is_over(worker))
        os.kill(process.pid, signal.SIGCONT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"RuntimeError: DataLoader worker (pid(s) {worker}) exited unexpectedly" in errors or (
        f"DataLoader worker (pid {worker}) is killed by signal: Killed" in errors
    )
