"""Memory and time are bounded, whatever a file holds: measured in a process of its own."""

import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
from trees import line, make_small_tree, metadata_path

GIGABYTE = 1 << 30
BAD = metadata_path("speech", "understanding", "test", "99_Hostile", "bad.jsonl.gz")

PROBE = """
import resource, sys
from audio_flan.release import open_release
from audio_flan.release.validate import validate
import audio_flan
root, how = sys.argv[1:]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if how == "validate":
    print(dict(validate(open_release(root)).entries.by_reason))
else:
    stream = audio_flan.stream(root, "all", "all", on_error="skip")
    rows = sum(1 for _ in stream)
    print(rows, dict(stream.quarantine.by_reason))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def measured(root: Path, how: str) -> tuple[str, float, float]:
    """What was found, the growth of memory in MB, and the seconds it took."""
    start = time.monotonic()
    found = subprocess.run(
        [sys.executable, "-c", PROBE, str(root), how], capture_output=True, text=True, timeout=60, check=True
    )
    result, megabytes = found.stdout.splitlines()
    return result, float(megabytes), time.monotonic() - start


def gzip_of(unit: bytes, total: int) -> bytes:
    packer, block = zlib.compressobj(1, zlib.DEFLATED, 31), unit * ((1 << 20) // len(unit))
    return b"".join(packer.compress(block) for _ in range(total // len(block))) + packer.flush()


@pytest.fixture
def hostile(tmp_path):
    def make(data: bytes, path: str = BAD) -> Path:
        root = make_small_tree(tmp_path / "root").root
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
        return root

    return make


@pytest.mark.slow
def test_two_gigabytes_of_zeros_in_one_line(hostile):
    result, megabytes, seconds = measured(hostile(gzip_of(b"\0", 2 * GIGABYTE)), "validate")
    assert result == "{'gzip_bomb': 1}"
    assert megabytes < 100
    assert seconds < 10


@pytest.mark.slow
def test_a_gigabyte_of_short_lines(hostile):
    root = hostile(gzip_of(b"0\n", GIGABYTE))
    for how in ("stream", "validate"):
        result, megabytes, seconds = measured(root, how)
        assert "'gzip_bomb': 1" in result
        assert megabytes < 200
        assert seconds < 10


def test_half_a_gigabyte_in_one_plain_line(hostile):
    root = hostile(b"")
    with (root / BAD[:-3]).open("wb") as handle:
        handle.truncate(GIGABYTE // 2)
    result, megabytes, seconds = measured(root, "stream")
    assert result == "10 {'line_too_long': 1}"
    assert megabytes < 100
    assert seconds < 10


def test_an_scp_file_of_bad_lines(hostile):
    result, megabytes, seconds = measured(hostile(b"x\n" * 400_000, "scp_files/speech/bad.scp"), "validate")
    assert result == "{'scp_bad_line': 400000}"  # all are counted, though not all are kept
    assert megabytes < 200
    assert seconds < 20


def test_rows_that_are_good_are_not_kept(hostile):
    rows = b"".join(line(f"{i}", output="x" * 2000, split="test") + b"\n" for i in range(20_000))
    result, megabytes, _ = measured(hostile(rows, BAD[:-3]), "stream")
    assert result == "20010 {}"
    assert megabytes < 60
