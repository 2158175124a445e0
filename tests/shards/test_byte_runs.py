"""Files that Arrow reads: bytes at hand, and the end of a process in which Arrow still holds one."""

import threading
import time

import pytest

from audio_flan.shards.byte_runs import Run, Runs, wait_for_arrow


def test_only_what_is_at_hand_is_read():
    file = Runs(10, [Run(2, b"cdef"), Run(8, b"ij")])
    file.seek(3)
    assert file.read(2) == b"de"
    file.seek(8)
    assert file.read() == b"ij"
    with pytest.raises(OSError, match="bytes 6 to 9 belong to no column"):
        file.seek(6) and file.read(3)


def test_the_end_of_a_process_waits_for_files_that_are_held():
    held = [Runs(1, [])]

    def let_go():
        time.sleep(0.05)
        held.clear()

    thread = threading.Thread(target=let_go)
    thread.start()
    wait_for_arrow()
    assert not held
    thread.join()
