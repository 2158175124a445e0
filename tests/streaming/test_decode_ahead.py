"""Rows made ahead by threads: the same rows, errors and states as without, and no thread that stays."""

import signal
import subprocess
import sys
import threading
from functools import partial
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marks import STARTS, quick
from property_profiles import examples

import audio_flan
from audio_flan.fetch.read_ahead import read_ahead
from audio_flan.release import Entry, Quarantine
from audio_flan.streaming.decode_ahead import Job, make_rows
from audio_flan.streaming.rows import Ahead

SIDES = ("input_audio", "output_audio")


def heard(rows):
    """What rows say and sound like."""
    return [
        (row["uuid"], row["task"], [clip and clip.decode().tobytes() for side in SIDES for clip in row[side]])
        for row in rows
    ]


def names(rows):
    return [(row["uuid"], row["task"]) for row in rows]


def threads_at_work():
    return [thread for thread in threading.enumerate() if thread.name.startswith("audio-flan-decode")]


@pytest.fixture(params=["release", "indexed", "embedded"])
def stream(request):
    """Make a stream of each form, shuffled where that can be."""
    if request.param == "release":
        return partial(audio_flan.stream, request.getfixturevalue("demo_root"))
    return partial(audio_flan.stream, request.getfixturevalue(f"{request.param}_root"), shuffle=True)


@pytest.mark.parametrize(("threads", "prefetch_bytes"), quick(1, [(2, 1 << 20), (1, 1), (4, 64 << 20)]))
def test_rows_and_sound_are_the_same(stream, threads, prefetch_bytes):
    ahead = stream("speech", decode_threads=threads, prefetch_bytes=prefetch_bytes)
    assert heard(ahead) == heard(stream("speech"))
    assert not threads_at_work()


def test_clips_are_decoded_when_the_row_comes(indexed_root):
    row = next(iter(audio_flan.stream(indexed_root, "speech_asr", decode_threads=1)))
    clip = row["input_audio"][0]
    held = clip.held_bytes
    samples = clip.decode()
    assert clip.held_bytes == held - samples.nbytes


def test_rate_and_channels_are_those_asked_for(stream):
    options = {"sampling_rate": 8000, "channels": 1}
    ahead = list(stream("music", decode_threads=2, **options))
    clip = next(clip for row in ahead for clip in row["input_audio"])
    assert (clip.sampling_rate, clip.channels) == (8000, 1)
    assert heard(ahead) == heard(stream("music", **options))
    np.testing.assert_array_equal(
        clip.decode(), audio_flan.LazyAudio(clip.source).decode(sampling_rate=8000, channels=1)
    )


@pytest.fixture
def broken_root(demo_copy):
    """Every fourth clip of speech cut in half, and a line that is no record."""
    for path in sorted((demo_copy / "audio_files/speech").rglob("*.*"))[::4]:
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
    for file in (demo_copy / "metadata/speech").rglob("*.jsonl"):
        lines = file.read_text().splitlines()
        file.write_text("\n".join([*lines[:1], "{not json}", *lines[1:], "[]"]))
    return demo_copy


@pytest.mark.parametrize("on_error", ["skip", "null"])
def test_what_is_left_out_is_the_same_and_in_the_same_order(broken_root, on_error):
    plain = audio_flan.stream(broken_root, "speech", on_error=on_error)
    expected = heard(plain)
    ahead = audio_flan.stream(broken_root, "speech", on_error=on_error, decode_threads=3)
    assert heard(ahead) == expected
    assert ahead.quarantine.entries == plain.quarantine.entries
    assert ahead.quarantine.by_reason == plain.quarantine.by_reason
    rows = iter(ahead)
    first = list(islice(rows, 5))
    plain_rows = iter(plain)
    assert names(first) == names(islice(plain_rows, 5))
    assert ahead.quarantine.entries == plain.quarantine.entries  # nothing of the rows that are ahead


def test_a_bad_clip_raises_at_its_row(broken_root):
    def until_it_raises(threads):
        seen = []
        try:
            for row in audio_flan.stream(broken_root, "speech", decode_threads=threads):
                seen += heard([row])
        except audio_flan.AudioError as error:
            seen.append(str(error))
        return seen

    assert isinstance(until_it_raises(0)[-1], str)
    assert until_it_raises(2) == until_it_raises(0)
    assert not threads_at_work()


@pytest.mark.parametrize("stop", quick(2, [7, 40, 0, 1, 39, 41, 90]))
def test_a_state_is_that_of_the_last_row_given_out(stream, stop):
    options = {"decode_threads": 2, "columns": ["uuid", "task", "input_audio"]}
    whole = names(stream("speech", **options))
    first = stream("speech", **options)
    seen = names(islice(first, stop))
    second = stream("speech", **options)
    second.load_state_dict(first.state_dict())
    assert seen + names(second) == whole


def test_nothing_stays_after_break_and_exceptions(indexed_root):
    rows = iter(audio_flan.stream(indexed_root, "speech", decode_threads=4))
    next(rows)
    assert threads_at_work()
    rows.close()
    assert not threads_at_work()
    for _ in audio_flan.stream(indexed_root, "speech", decode_threads=4):
        break
    assert not threads_at_work()
    rows = iter(audio_flan.stream(indexed_root, "speech", decode_threads=2))
    next(rows)
    del rows
    assert not threads_at_work()


SCRIPT = """
import sys, time, audio_flan
rows = iter(audio_flan.stream(sys.argv[1], "speech", decode_threads=2, prefetch_bytes=1 << 16))
print(next(rows)["uuid"], flush=True)
if sys.argv[2] == "wait":
    time.sleep(60)
"""


@pytest.mark.parametrize("how", ["leave", "wait"])
def test_a_process_ends_with_rows_left(indexed_root, how):
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(indexed_root), how],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    if how == "wait":
        process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == (0 if how == "leave" else -signal.SIGINT)
    assert ("KeyboardInterrupt" in errors) == (how == "wait")
    assert "Exception ignored" not in errors


@pytest.mark.torch
@pytest.mark.parametrize("start", STARTS)
def test_in_workers_of_a_loader(indexed_root, start):
    from torch.utils.data import DataLoader

    rows = audio_flan.stream(
        indexed_root, "speech_asr", shuffle=True, decode_threads=2, columns=["uuid", "task", "input_audio"]
    )
    alone = names(rows)
    loader = DataLoader(rows, batch_size=None, num_workers=2, multiprocessing_context=start)
    assert names(loader) == alone


@pytest.mark.parametrize("options", [{"decode_threads": -1}, {"prefetch_bytes": 0}, {"sampling_rate": 0}])
def test_numbers_that_make_no_sense(indexed_root, options):
    with pytest.raises(ValueError, match=next(iter(options))):
        audio_flan.stream(indexed_root, **options)


class Broken(Exception):
    pass


def entry(number):
    return Entry("file", number, None, "missing_audio", "")


def makers(count, skipped, failing, taken, ending):
    """Rows that are numbers; some are skipped and named, some fail, and getting them may fail in the end."""

    def make(number, quarantine):
        if number in failing:
            raise Broken(number)
        if number in skipped:
            quarantine.add(entry(number))
            return None
        return {"number": number}

    for number in range(count):
        taken.append(number)
        yield Job(number, lambda quarantine, number=number: make(number, quarantine))
    if ending:
        raise Broken(count)


def outcome(jobs, ahead):
    quarantine, found = Quarantine(), []
    try:
        for tag, row in make_rows(jobs, quarantine, ahead):
            found.append((tag, row, [each.line for each in quarantine]))
    except Broken as error:
        found.append(error.args)
    return found


numbers = st.sets(st.integers(0, 60), max_size=5)


@given(st.integers(0, 60), numbers, numbers, st.booleans(), st.integers(1, 5), st.integers(1, 100_000))
@examples(60)
def test_threads_make_no_difference(count, skipped, failing, ending, threads, nbytes):
    def jobs():
        return makers(count, skipped, failing, [], ending)

    assert outcome(jobs(), Ahead(threads, nbytes)) == outcome(jobs(), Ahead())


def test_memory_is_bounded_however_slow_the_consumer():
    taken = []
    rows = make_rows(makers(10_000, set(), set(), taken, False), Quarantine(), Ahead(2, 10 * 4096))
    for given_out, _ in enumerate(islice(rows, 500), 1):
        assert len(taken) <= given_out + 10 + 2 * 4 + 1
    rows.close()
    assert len(taken) < 600


def test_clips_of_a_remote_root_are_fetched_once(indexed_root, hub):
    hub.add("a/b", indexed_root)
    root = f"{hub.endpoint}/datasets/a/b/resolve/main"

    def fetched(threads):
        hub.forget()
        read_ahead.cache_clear()
        rows = heard(audio_flan.stream(root, "music", shuffle=True, decode_threads=threads))
        return rows, len([each for each in hub.log if each.kind.endswith("GET") and ".tar" in each.path])

    expected, requests = fetched(0)
    found, with_threads = fetched(2)
    assert found == expected == heard(audio_flan.stream(indexed_root, "music", shuffle=True))
    assert 0 < with_threads <= requests + 2
