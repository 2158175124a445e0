"""Clips that come next are fetched with few requests, once, and as they are."""

import random
import subprocess
import sys
import threading
from itertools import islice

import pytest
from hub.server import Hub
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_64_intdigest

import audio_flan
from audio_flan.fetch import ShardClip, open_store
from audio_flan.fetch.prefetch import Prefetch
from audio_flan.fetch.read_ahead import BUDGET_BYTES, read_ahead
from audio_flan.fetch.remote import RemoteFile
from audio_flan.fetch.runs import LONG_RUN_BYTES, MAX_GAP_BYTES, MAX_RUN_BYTES, Run, runs_of
from audio_flan.fetch.window import WASTE
from audio_flan.release import Quarantine
from audio_flan.shards import Cell
from audio_flan.streaming.clips_ahead import ClipsAhead
from audio_flan.streaming.decode_ahead import Job, make_rows
from audio_flan.streaming.pieces import LAST_BYTES, StoredRow
from audio_flan.streaming.rows import Ahead, Place
from audio_flan.streaming.shard_rows import ShardRows

FILES = [RemoteFile("https://a.example", name) for name in ("x.tar", "y.tar")]
SIDES = ("input_audio", "output_audio")
clips = st.builds(
    lambda file, start, nbytes: Run(file, start, start + nbytes),
    st.sampled_from(FILES),
    st.integers(0, 4 * MAX_RUN_BYTES),
    st.integers(1, MAX_RUN_BYTES),
)


@given(st.lists(clips, max_size=30))
def test_runs_hold_each_clip_and_little_else(wanted):
    runs = list(runs_of(wanted))
    for clip in wanted:
        assert any(
            run.file == clip.file and run.start <= clip.start and clip.stop <= run.stop for run in runs
        )
    for run in runs:
        inside = [clip for clip in wanted if clip.file == run.file and run.start <= clip.start < run.stop]
        assert run.stop - run.start <= MAX_RUN_BYTES
        end = run.start
        for clip in sorted(inside, key=lambda clip: clip.start):
            assert clip.start - end <= MAX_GAP_BYTES
            end = max(end, clip.stop)
        assert end >= run.stop


def test_neighbours_are_one_run():
    x, y = FILES
    tar = [Run(x, start, start + 900_000) for start in range(0, 27_000_000, 900_512)]
    runs = list(runs_of([*reversed(tar), *tar, Run(y, 0, 5)]))
    assert len(runs) == -(-len(tar) * 900_512 // MAX_RUN_BYTES) + 1
    assert sum(run.stop - run.start for run in runs) <= 1.001 * 900_512 * len(tar)


def names(rows):
    return [(row["uuid"], [clip.encoded() for side in SIDES for clip in row[side]]) for row in rows]


def test_a_stream_of_a_remote_root_fetches_few_runs(indexed_root):
    read_ahead.cache_clear()
    with Hub(redirects=True) as hub:
        hub.add("a/b", indexed_root)
        root = f"{hub.endpoint}/datasets/a/b/resolve/main"
        for shuffle in (False, True):
            local = names(audio_flan.stream(indexed_root, "music", shuffle=shuffle))
            for is_held in (False, True):
                hub.forget()
                assert names(audio_flan.stream(root, "music", shuffle=shuffle)) == local
                tars = [each for each in hub.log if each.kind == "cdn GET" and ".tar" in each.path]
                if is_held:  # all of it is in memory still
                    assert not tars
                else:
                    assert 0 < len(tars) <= 4 * len(list(indexed_root.glob("audio/*")))
            read_ahead.cache_clear()


def heard(rows, columns):
    return [[clip.encoded() for side in columns for clip in row[side]] for row in rows]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("columns", [SIDES[:1], SIDES[1:], SIDES])
def test_only_clips_of_the_columns_asked_for_are_fetched(indexed_root, monkeypatch, columns, shuffle):
    wanted = []

    def want(prefetch, clips, want=Prefetch.want):
        wanted.extend(found := list(clips))
        return want(prefetch, found)

    monkeypatch.setattr(Prefetch, "want", want)
    whole = list(audio_flan.stream(indexed_root, "speech_generation", shuffle=shuffle))
    read_ahead.cache_clear()
    with Hub() as hub:
        hub.add("a/b", indexed_root)
        root = f"{hub.endpoint}/datasets/a/b/resolve/main"
        rows = list(audio_flan.stream(root, "speech_generation", columns=columns, shuffle=shuffle))
        assert heard(rows, columns) == heard(whole, columns)
    read_ahead.cache_clear()
    assert [tuple(row) for row in rows] == [columns] * len(whole)
    # The first row goes alone.
    assert {clip.place.audio_id for clip in wanted} == {
        clip.id for row in whole[1:] for side in columns for clip in row[side]
    }


@pytest.mark.parametrize("column", ["input_audio", "input_seconds"])
def test_where_a_bad_clip_decides_on_its_row_all_are_fetched(indexed_root, monkeypatch, column):
    wanted = []
    monkeypatch.setattr(Prefetch, "want", lambda _, clips: wanted.extend(clips) or [])
    whole = list(audio_flan.stream(indexed_root, "speech_generation"))
    with Hub() as hub:
        hub.add("a/b", indexed_root)
        root = f"{hub.endpoint}/datasets/a/b/resolve/main"
        assert len(list(audio_flan.stream(root, "speech_generation", columns=[column], on_error="skip")))
    read_ahead.cache_clear()
    assert {clip.place.audio_id for clip in wanted} == {
        clip.id for row in whole[1:] for side in SIDES for clip in row[side]
    }


@pytest.fixture
def hub(tmp_path):
    read_ahead.cache_clear()
    with Hub() as hub:
        hub.add("a/b", tmp_path)
        yield hub
    read_ahead.cache_clear()


def shard_of(hub, folder, name, count, nbytes):
    """Write a shard; return its clips."""
    data = random.Random(name).randbytes(count * nbytes)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    root = f"{hub.endpoint}/datasets/a/b/resolve/main"
    return [
        ShardClip(Cell("", name, "x", "flac", start, nbytes, xxh3_64_intdigest(clip)), root)
        for start in range(0, len(data), nbytes)
        for clip in [data[start : start + nbytes]]
    ]


@pytest.mark.parametrize("is_read", [0, 100])
def test_what_is_left_in_the_middle_is_in_nobodys_way(hub, tmp_path, is_read):
    abandoned = shard_of(hub, tmp_path, "abandoned", 1200, 50_000)
    wanted = shard_of(hub, tmp_path, "wanted", 400, 50_000)
    with Prefetch() as prefetch:
        prefetch.want(abandoned)
        for clip in abandoned[:is_read]:
            clip.read()
        while hub.nbytes < 60_000_000:
            threading.Event().wait(0.01)
    hub.forget()
    for clip in wanted:
        clip.read()
    assert len(hub.log) <= 25
    for clip in abandoned[:is_read]:
        clip.read()
    assert len(hub.log) <= 25


def test_what_was_claimed_when_no_thread_can_be_started_is_read_all_the_same(hub, tmp_path):
    clips = shard_of(hub, tmp_path, "x", 2, 100_000)
    far = shard_of(hub, tmp_path, "y", 2, 9_000_000)
    default = threading.stack_size(1 << 60)
    try:
        with Prefetch() as prefetch, pytest.raises(RuntimeError, match="can't start new thread"):
            prefetch.want([*clips, *far])
    finally:
        threading.stack_size(default)
    reader = threading.Thread(target=lambda: [clip.read() for clip in (*clips, *far)], daemon=True)
    reader.start()
    reader.join(timeout=20)
    assert not reader.is_alive()


def test_a_clip_larger_than_the_memory_is_fetched_once(hub, tmp_path):
    (large,) = shard_of(hub, tmp_path, "x", 1, BUDGET_BYTES + 1)
    with Prefetch() as prefetch:
        prefetch.want([large])
        large.read()
    assert len(hub.log) == 1


def rows_of(clips):
    """A row for each clip, as it is stored."""
    for clip in clips:
        row = {"input_audio": [(None, clip.cell()[1])]}
        yield StoredRow(0, Place("data/x", None, None, None), row)


@pytest.mark.parametrize(("count", "nbytes"), [(5, 40_000_000), (4, 60_000_000), (400, 250_000)])
def test_clips_of_any_size_are_fetched_once(hub, tmp_path, count, nbytes):
    clips = shard_of(hub, tmp_path, "audio/a/x.tar", count, nbytes)
    store = open_store(clips[0].root)
    with ClipsAhead(ShardRows(store, None), rows_of(clips), len(clips), is_in_order=True) as rows:
        for _, _, row in rows:
            ((_, path),) = row["input_audio"]
            assert len(store.clip(path).read()) == nbytes
    assert hub.nbytes <= (count + WASTE) * nbytes  # the first one, which goes alone, has a window


@pytest.mark.parametrize(("is_in_order", "used"), [(True, BUDGET_BYTES // 2), (False, BUDGET_BYTES)])
def test_in_order_half_of_the_memory_is_enough(hub, tmp_path, is_in_order, used):
    """What was read and lies behind is let go of early; in no order another row may want it."""
    clips = shard_of(hub, tmp_path, "audio/a/x.tar", 400, 500_000)
    store, most = open_store(clips[0].root), 0
    with ClipsAhead(ShardRows(store, None), rows_of(clips), len(clips), is_in_order=is_in_order) as rows:
        for _, _, row in rows:
            ((_, path),) = row["input_audio"]
            store.clip(path).read()
            blocks = read_ahead()._blocks
            most = max(most, blocks._nbytes + blocks._reserved_bytes)
    assert used * 0.8 < most <= used + 3 * MAX_RUN_BYTES
    assert hub.nbytes <= (400 + WASTE) * 500_000


@pytest.mark.parametrize("is_late", [False, True])
def test_more_is_fetched_ahead_for_who_has_to_wait(hub, tmp_path, monkeypatch, is_late):
    clips = shard_of(hub, tmp_path, "audio/a/x.tar", 150, 1_000_000)
    monkeypatch.setattr(Prefetch, "holds", lambda *_: not is_late)
    store = open_store(clips[0].root)
    with ClipsAhead(ShardRows(store, None), rows_of(clips), len(clips), is_in_order=True) as rows:
        for _, _, row in islice(rows, 100):
            ((_, path),) = row["input_audio"]
            store.clip(path).read()
        while read_ahead()._coming:
            threading.Event().wait(0.01)
        ahead = hub.nbytes - 100_000_000
    assert (ahead > 2 * MAX_RUN_BYTES) == is_late
    assert 0 < ahead <= BUDGET_BYTES


def ends(function):
    """Say whether a call returns soon, not after the minutes that a server asks for."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join(timeout=20)
    return not thread.is_alive()


def test_who_leaves_does_not_wait_for_a_busy_server(hub, tmp_path):
    clips = shard_of(hub, tmp_path, "x", 20, 5_000_000)
    hub.fail(503, "*x", times=1000, retry_after=300)
    prefetch = Prefetch()
    prefetch.want(clips)
    while not hub.log:
        threading.Event().wait(0.01)
    assert ends(prefetch.close)
    assert len(hub.log) <= 8  # each thread has asked once
    hub.heal()
    assert [len(clip.read()) for clip in clips] == [5_000_000] * 20


@pytest.mark.parametrize(("nbytes", "at_once"), [(LONG_RUN_BYTES, 3), (LONG_RUN_BYTES - 1, 8)])
def test_few_long_requests_and_more_short_ones_are_on_their_way(hub, tmp_path, nbytes, at_once):
    """Long ones share the line, and the first is wanted first; short ones wait for the server."""
    clips = [clip for number in range(12) for clip in shard_of(hub, tmp_path, f"x{number}", 1, nbytes)]
    hub.fail(503, "*x*", times=1000, retry_after=300)
    with Prefetch() as prefetch:
        prefetch.want(clips)
        while len(hub.log) < at_once:
            threading.Event().wait(0.01)
        threading.Event().wait(0.2)
        assert len(hub.log) == at_once


def test_the_last_pieces_are_small(hub, tmp_path):
    clips = shard_of(hub, tmp_path, "audio/a/x.tar", 400, 200_000)
    store = open_store(clips[0].root)
    with ClipsAhead(ShardRows(store, None), rows_of(clips), len(clips), is_in_order=True) as rows:
        for _, _, row in rows:
            ((_, path),) = row["input_audio"]
            store.clip(path).read()
    fetched = [each.nbytes for each in hub.log]
    assert max(fetched) > 7_000_000
    assert max(fetched[-3:]) <= LAST_BYTES
    assert len(fetched) <= 1.2 * 80_000_000 / 8e6 + 20


def test_a_stream_that_is_left_does_not_wait_for_a_busy_server(indexed_root, hub):
    hub.add("a/b", indexed_root)
    rows = iter(audio_flan.stream(f"{hub.endpoint}/datasets/a/b/resolve/main", "music"))
    hub.fail(503, "*.tar", times=1000, retry_after=300)
    assert len(list(islice(rows, 2))) == 2
    while not any(".tar" in each.path for each in hub.log):
        threading.Event().wait(0.01)
    assert ends(rows.close)


def test_threads_that_decode_ahead_do_not_wait_for_a_busy_server(hub, tmp_path):
    first, second = shard_of(hub, tmp_path, "x", 1, 1000) + shard_of(hub, tmp_path, "y", 1, 1000)
    hub.fail(503, "*y", times=1000, retry_after=300)
    jobs = [Job(clip, lambda _, clip=clip: {"read": clip.read()}) for clip in (first, second)]
    rows = make_rows(jobs, Quarantine(), Ahead(threads=2))
    assert next(rows)[0] == first
    while len(hub.log) < 2:
        threading.Event().wait(0.01)
    assert ends(rows.close)


LEAVE = """
import itertools, sys
import audio_flan
rows = iter(audio_flan.stream(sys.argv[1], "music"))
list(itertools.islice(rows, 2))
print(sys.stdin.readline())
"""


def test_an_interpreter_that_exits_does_not_wait_for_a_busy_server(indexed_root, hub):
    hub.add("a/b", indexed_root)
    hub.fail(503, "*.tar", times=1000, retry_after=300)
    arguments = [sys.executable, "-c", LEAVE, f"{hub.endpoint}/datasets/a/b/resolve/main"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            while not any(".tar" in each.path for each in hub.log):
                threading.Event().wait(0.01)
            assert process.communicate("left\n", timeout=20)[0] == "left\n\n"
        finally:
            process.kill()


def test_a_stream_that_is_left_keeps_nothing_but_what_it_gave(indexed_root, hub, tmp_path):
    hub.add("a/b", indexed_root)
    root = f"{hub.endpoint}/datasets/a/b/resolve/main"
    rows = iter(audio_flan.stream(root, "music", shuffle=True))
    given = names(islice(rows, 5))
    rows.close()
    account = read_ahead().account
    assert account.fetched - account.used <= len(given) * MAX_GAP_BYTES
