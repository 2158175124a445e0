"""The cache of shards: nothing is fetched twice, nothing wrong is read, whatever happens to its folder."""

import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from property_profiles import examples

from audio_flan.fetch import disk_blocks
from audio_flan.fetch.disk_blocks import BLOCK_BYTES, MIN_LIMIT_BYTES, DiskBlocks
from audio_flan.fetch.http import Span
from audio_flan.fetch.shard_cache import ShardCache

DATA = random.Random(0).randbytes(5 * BLOCK_BYTES + 1234)
PATH = "audio/x/x-00000.tar"
MANIFEST = b"{}"


class Server:
    """A file on the network, and what was asked for of it."""

    def __init__(self, data=DATA):
        self.data, self.asked = data, []

    def fetch(self, start, stop):
        self.asked.append((start, stop))
        return Span(self.data[start:stop], len(self.data))


@pytest.fixture
def cache(tmp_path):
    return ShardCache.at(tmp_path / "cache").of("https://host/root", MANIFEST)


def block_files(folder):
    return sorted(path for path in Path(folder, "blocks").glob("*/*") if path.is_file())


def size(folder):
    return sum(path.stat().st_size for path in block_files(folder))


ranges = st.tuples(st.integers(0, len(DATA)), st.integers(0, 3 * BLOCK_BYTES)).map(lambda r: (r[0], sum(r)))


@examples(30)
@given(st.lists(ranges, max_size=8))
def test_any_range_is_right_and_no_block_is_fetched_twice(tmp_path_factory, wanted):
    cache = ShardCache(str(tmp_path_factory.mktemp("cache")))
    server = Server()
    for start, stop in wanted:
        assert cache.read(PATH, start, stop, server.fetch) == DATA[start:stop]
    numbers = [n for a, b in server.asked for n in range(a // BLOCK_BYTES, b // BLOCK_BYTES)]
    assert all(a % BLOCK_BYTES == b % BLOCK_BYTES == 0 for a, b in server.asked)
    assert len(numbers) == len(set(numbers))


def test_missing_neighbours_are_one_request(cache):
    server = Server()
    cache.read(PATH, 2 * BLOCK_BYTES, 2 * BLOCK_BYTES + 1, server.fetch)
    server.asked.clear()
    cache.read(PATH, 0, len(DATA), server.fetch)
    assert server.asked == [(0, 2 * BLOCK_BYTES), (3 * BLOCK_BYTES, 6 * BLOCK_BYTES)]


def test_another_manifest_root_or_path_is_another_file(cache):
    server = Server()
    cache.read(PATH, 0, 10, server.fetch)
    for other, path in (
        (cache.of("https://host/root", b"{} "), PATH),
        (cache.of("https://host/other", MANIFEST), PATH),
        (cache, "audio/x/x-00001.tar"),
    ):
        server.data = random.randbytes(100)
        assert other.read(path, 0, 10, server.fetch) == server.data[:10]
    assert cache.read(PATH, 0, 10, Server(b"").fetch) == DATA[:10]


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "another block"])
def test_a_damaged_file_is_not_believed_and_fetched_anew(cache, damage):
    cache.read(PATH, 0, 2 * BLOCK_BYTES, Server().fetch)
    one, other = block_files(cache.folder)
    stored = bytearray(one.read_bytes())
    if damage == "flipped":
        stored[1000] ^= 1
    elif damage == "another block":
        stored = other.read_bytes()
    one.write_bytes({"cut": stored[:-1], "empty": b""}.get(damage, stored))
    server = Server()
    for _ in range(2):
        assert cache.read(PATH, 0, 2 * BLOCK_BYTES, server.fetch) == DATA[: 2 * BLOCK_BYTES]
    assert len(server.asked) == 1


def test_what_turned_out_wrong_is_forgotten(cache):
    wrong = Server(bytes(len(DATA)))
    cache.read(PATH, 0, len(DATA), wrong.fetch)
    cache.forget(PATH, BLOCK_BYTES + 5, BLOCK_BYTES + 10)
    server = Server()
    data = cache.read(PATH, 0, len(DATA), server.fetch)
    assert data == bytes(BLOCK_BYTES) + DATA[BLOCK_BYTES : 2 * BLOCK_BYTES] + bytes(
        len(DATA) - 2 * BLOCK_BYTES
    )
    assert server.asked == [(BLOCK_BYTES, 2 * BLOCK_BYTES)]


@pytest.mark.parametrize("size", [3 * BLOCK_BYTES, 3 * BLOCK_BYTES + 1234])
def test_the_end_of_a_file_is_kept_and_nothing_after_it_is_asked_for(cache, size):
    server, start = Server(DATA[:size]), 2 * BLOCK_BYTES
    for _ in range(2):
        assert cache.read(PATH, start, start + 7 * BLOCK_BYTES, server.fetch) == DATA[start:size]
    assert len(server.asked) == 1


@pytest.mark.parametrize("size", [0, BLOCK_BYTES + 1, 2 * BLOCK_BYTES])
def test_a_block_that_is_short_stays_only_where_the_file_is_known_to_end(cache, size):
    asked = []

    def fetch_some(start, stop):
        asked.append(start)
        return Span(DATA[start : min(stop, size)], None if len(asked) % 2 else len(DATA))

    for _ in range(2):
        assert cache.read(PATH, 0, 4 * BLOCK_BYTES, fetch_some) == DATA[:size]
    server = Server()
    assert cache.read(PATH, 0, len(DATA), server.fetch) == DATA
    assert server.asked == [(size // BLOCK_BYTES * BLOCK_BYTES, 6 * BLOCK_BYTES)]


def test_blocks_after_one_that_is_short_do_not_move_up(cache):
    """The file was cut short when the one was fetched, and whole when the others were."""
    cut, whole = Server(DATA[: BLOCK_BYTES + 1000]), Server()
    cache.read(PATH, 0, 2 * BLOCK_BYTES, cut.fetch)
    cache.read(PATH, 2 * BLOCK_BYTES, len(DATA), whole.fetch)
    assert cache.read(PATH, 0, len(DATA), whole.fetch) == DATA[: BLOCK_BYTES + 1000]
    cache.forget(PATH, BLOCK_BYTES, 2 * BLOCK_BYTES)
    assert cache.read(PATH, 0, len(DATA), whole.fetch) == DATA


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o027, 0o077])
def test_who_may_read_a_block_is_said_by_the_umask(tmp_path, umask):
    code = "import os, sys; os.umask(int(sys.argv[2])); from audio_flan.fetch.disk_blocks import DiskBlocks"
    code += "; DiskBlocks(sys.argv[1], 1 << 30).put('ab' * 16, b'data')"
    subprocess.run([sys.executable, "-c", code, str(tmp_path), str(umask)], check=True)
    (block,) = block_files(tmp_path)
    assert block.stat().st_mode & 0o777 == 0o666 & ~umask
    assert block.parent.stat().st_mode & 0o777 == 0o777 & ~umask


def test_the_limit_is_kept_and_what_was_not_used_for_longest_goes(tmp_path):
    blocks = DiskBlocks(str(tmp_path), MIN_LIMIT_BYTES)
    data, names = bytes(BLOCK_BYTES - 8), [f"{number:032x}" for number in range(40)]
    for number, name in enumerate(names):
        blocks.put(name, data)
        assert size(tmp_path) <= MIN_LIMIT_BYTES
        assert blocks.get(names[0]) == data  # it is used all the time
        age_ns = (len(names) - number) * 10**9  # clocks of file systems are coarse
        for each in (name, names[0]):
            path = blocks._path(each)
            now_ns = time.time_ns() - age_ns
            os.utime(path, ns=(now_ns, now_ns))
    left = [name for name in names if blocks.get(name)]
    assert left == [names[0], *names[-(len(left) - 1) :]]
    assert len(left) >= 14


def test_a_limit_that_is_of_no_use_is_refused(tmp_path):
    with pytest.raises(ValueError, match="shard_cache_bytes must be 16,777,216 at least, got 1,000"):
        ShardCache.at(tmp_path, 1000)
    assert ShardCache.at(None, 1000) is None
    for wrong in ("64000000", 1e11, None, True):
        with pytest.raises(TypeError, match="shard_cache_bytes must be a whole number"):
            ShardCache.at(tmp_path, wrong)
    limit = ShardCache.at(tmp_path, np.int64(1 << 30)).limit_bytes
    assert (limit, type(limit)) == (1 << 30, int)


def test_what_belongs_to_others_stays(tmp_path):
    (tmp_path / "blocks/ab").mkdir(parents=True)
    others = [tmp_path / "mine.txt", tmp_path / "blocks/mine.txt", tmp_path / "blocks/ab/mine.txt"]
    for path in others:
        path.write_bytes(bytes(MIN_LIMIT_BYTES))
    fill(tmp_path, 40)
    assert all(path.exists() for path in others)


def fill(folder, count, limit_bytes=MIN_LIMIT_BYTES):
    blocks = DiskBlocks(str(folder), limit_bytes)
    for number in range(count):
        blocks.put(f"{number:032x}", bytes(BLOCK_BYTES - 8))


FILL = """
import random, sys
from audio_flan.fetch.disk_blocks import BLOCK_BYTES, MIN_LIMIT_BYTES, DiskBlocks
blocks = DiskBlocks(sys.argv[1], MIN_LIMIT_BYTES)
rng = random.Random(int(sys.argv[2]))
print("begun", flush=True)
for _ in range(int(sys.argv[3])):
    name = f"{rng.randrange(30):032x}"
    expected = name.encode() * (BLOCK_BYTES // 32 - 1)
    found = blocks.get(name)
    assert found in (None, expected), name
    if found is None:
        blocks.put(name, expected)
"""


def start(folder, seed, count):
    return subprocess.Popen(
        [sys.executable, "-c", FILL, str(folder), str(seed), str(count)], stdout=subprocess.PIPE, text=True
    )


def test_processes_share_it(tmp_path):
    workers = [start(tmp_path, seed, 300) for seed in range(4)]
    assert [worker.communicate(timeout=60)[1] for worker in workers] == [None] * 4
    assert [worker.returncode for worker in workers] == [0] * 4
    fill(tmp_path, 1)
    assert size(tmp_path) <= MIN_LIMIT_BYTES
    assert not list(tmp_path.glob("blocks/*/.tmp-*"))


def test_killed_at_any_moment_it_leaves_nothing_wrong_and_nothing_that_stays(tmp_path):
    for seed in range(6):
        worker = start(tmp_path, seed, 10**6)
        worker.stdout.readline()
        time.sleep(0.02 * seed)
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
    (tmp_path / "blocks/ab").mkdir(exist_ok=True)
    leftover, young = tmp_path / "blocks/ab/.tmp-1", tmp_path / "blocks/ab/.tmp-2"
    for path in (leftover, young):
        path.write_bytes(b"half")
    os.utime(leftover, (0, time.time() - disk_blocks.LEFTOVER_S - 10))
    worker = start(tmp_path, 9, 300)  # reads what the others have left, and compares it
    worker.communicate(timeout=60)
    assert worker.returncode == 0
    assert not leftover.exists()
    assert young.exists()
    assert size(tmp_path) <= MIN_LIMIT_BYTES + 7 * BLOCK_BYTES


@pytest.fixture
def warnings(caplog):
    disk_blocks._warn.cache_clear()
    return lambda: [record.getMessage() for record in caplog.records]


def test_a_full_disk_stops_nobody(tmp_path, warnings):
    """A file-size limit of the process fails writes as a full disk does, by an error of the system."""
    code = f"""
import logging, resource, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from audio_flan.fetch.disk_blocks import BLOCK_BYTES
from audio_flan.fetch.http import Span
from audio_flan.fetch.shard_cache import ShardCache
logging.basicConfig(format="%(message)s")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (BLOCK_BYTES // 2, BLOCK_BYTES // 2))
data = bytes(range(256)) * (BLOCK_BYTES // 64)
cache = ShardCache.at(sys.argv[1])
for _ in range(2):
    assert cache.read("x", 10, 3 * BLOCK_BYTES, lambda a, b: Span(data[a:b])) == data[10 : 3 * BLOCK_BYTES]
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert f"cache of shards in {tmp_path}/blocks: {os.strerror(errno.EFBIG)}; going on" in done.stderr
    assert block_files(tmp_path) == []


def test_a_folder_that_cannot_be_one_stops_nobody(tmp_path, warnings):
    (tmp_path / "file").write_bytes(b"")
    cache, server = ShardCache.at(tmp_path / "file"), Server()
    for _ in range(2):
        assert cache.read(PATH, 0, 10, server.fetch) == DATA[:10]
    assert len(server.asked) == 2
    assert len(warnings()) == 1
    assert "Not a directory" in warnings()[0]
