"""What reading ahead costs and gives, over all kinds of orders: bytes right, waste bounded, requests few."""

import os
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from property_profiles import examples
from xxhash import xxh3_64_intdigest

from audio_flan.fetch.read_ahead import ReadAhead, check_clip, read_ahead
from audio_flan.fetch.remote import RemoteFile
from audio_flan.fetch.runs import MAX_GAP_BYTES, Run, clip_bytes, runs_of
from audio_flan.fetch.window import MAX_WINDOW_BYTES, WASTE, Account, extra_bytes
from audio_flan.waveform import ClipError, ClipFault

HEADER = 512
MEGABYTE = 1 << 20


class Shards:
    """Files in memory that count what is read of them, and the clips in them, with what tars have between."""

    def __init__(self, sizes, shards=1, seed=0, gap=0):
        rng = random.Random(seed)
        self.files, self.clips = {}, []
        for number in range(shards):
            offset, own = 0, []
            for size in sizes:
                own.append((offset + HEADER, size))
                offset += HEADER + size + -size % 512 + gap
            file = RemoteFile("https://host/root", f"audio/x/x-{number:05d}.tar")
            self.files[file] = rng.randbytes(offset + 1024)
            self.clips.append([(file, *clip) for clip in own])
        self.requests = self.nbytes = 0

    def fetch(self, file, start, stop):
        assert stop > start
        data = self.files[file][start:stop]
        self.requests += 1
        self.nbytes += len(data)
        return data

    def read(self, ahead, clip):
        file, offset, nbytes = clip
        data = self.files[file][offset : offset + nbytes]
        assert ahead.clip(file, offset, nbytes, xxh3_64_intdigest(data)) == data


sizes = st.lists(st.integers(1, 300_000), min_size=1, max_size=40)


@given(sizes, st.integers(1, 4), st.data())
def test_whatever_the_order_waste_is_bounded(sizes, count, data):
    shards = Shards(sizes, count)
    everything = [clip for own in shards.clips for clip in own]
    picks = data.draw(st.lists(st.integers(0, len(everything) - 1), max_size=120))
    ahead = ReadAhead(shards.fetch)
    seen = set()
    for pick in picks:
        shards.read(ahead, everything[pick])
        seen.add(pick)
        unique = sum(everything[i][2] for i in seen)
        assert shards.nbytes <= 1.3 * unique
        assert ahead.account == Account(shards.nbytes, unique)


@examples(30)
@given(sizes, st.integers(0, 3 * MEGABYTE), st.data())
def test_in_little_memory_a_clip_that_has_to_be_fetched_again_counts_again(sizes, budget, data):
    shards = Shards(sizes)
    picks = data.draw(st.lists(st.sampled_from(shards.clips[0]), max_size=120))
    ahead = ReadAhead(shards.fetch, budget)
    for pick in picks:
        shards.read(ahead, pick)
        assert shards.nbytes == ahead.account.fetched <= (1 + WASTE) * ahead.account.used
    assert ahead.account.used <= sum(clip[2] for clip in picks)


@pytest.mark.parametrize(("size", "count"), [(30_000, 3_000), (150_000, 700), (2_000_000, 60)])
@pytest.mark.parametrize("rows_per_clip", [1, 4])
def test_in_order_few_requests_do(size, count, rows_per_clip):
    rng = random.Random(1)
    shards = Shards([rng.randint(size // 2, size * 3 // 2) for _ in range(count)])
    ahead, used = ReadAhead(shards.fetch), 0
    for clip in shards.clips[0]:
        for _ in range(rows_per_clip):
            shards.read(ahead, clip)
        used += clip[2]
        assert shards.requests <= used / (4 * MEGABYTE) + 20
        assert shards.nbytes <= 1.3 * used


def test_shards_read_in_turns_share_what_they_have_earned():
    shards = Shards([150_000] * 200, shards=4)
    ahead = ReadAhead(shards.fetch)
    for clips in zip(*shards.clips, strict=True):
        for clip in clips:
            shards.read(ahead, clip)
    used = 4 * 200 * 150_000
    assert shards.requests <= used / (4 * MEGABYTE) + 4 * 20
    assert shards.nbytes <= 1.3 * used


def test_many_shards_in_turns_do_not_push_each_other_out():
    shards = Shards([150_000] * 60, shards=24)
    ahead = ReadAhead(shards.fetch, 16 * MEGABYTE)
    for clips in zip(*shards.clips, strict=True):
        for clip in clips:
            shards.read(ahead, clip)
    used = 24 * 60 * 150_000
    assert shards.nbytes <= 1.02 * used
    assert shards.requests <= 24 * 60 / 2


def test_a_second_clip_in_each_row_does_not_end_the_first_ones_run():
    shards = Shards([100_000] * 400)
    inputs, outputs = shards.clips[0][:200], shards.clips[0][200:]
    random.Random(0).shuffle(outputs)
    ahead = ReadAhead(shards.fetch)
    for pair in zip(inputs, outputs, strict=True):
        for clip in pair:
            shards.read(ahead, clip)
    assert shards.requests <= 200 + 40
    assert shards.nbytes <= 1.3 * 400 * 100_000


@pytest.mark.parametrize("step", [-1, 7])
def test_backward_and_sparse_reading_fetches_the_clips_alone(step):
    shards = Shards([50_000] * 300)
    ahead = ReadAhead(shards.fetch)
    read = shards.clips[0][::step]
    for clip in read:
        shards.read(ahead, clip)
    # The very first one may have been taken for the beginning of a run.
    assert shards.nbytes <= len(read) * 50_000 + int(WASTE * 50_000)


def test_clips_larger_than_the_memory_are_handed_out_and_not_kept():
    shards = Shards([3 * MEGABYTE, 1000])
    ahead = ReadAhead(shards.fetch, MEGABYTE)
    for clip in shards.clips[0] * 2:
        shards.read(ahead, clip)
    assert shards.requests == 3


def test_a_file_that_ends_inside_a_clip():
    shards = Shards([1000])
    (file, offset, _), ahead = shards.clips[0][0], ReadAhead(shards.fetch)
    size = len(shards.files[file])
    for start, length in [(offset, size), (size - 10, 11), (size + 5, 7)]:
        with pytest.raises(ClipError, match="the file ends after") as caught:
            ahead.clip(file, start, length, 0)
        assert caught.value.fault is ClipFault.TRUNCATED_AUDIO
    assert ahead.account.used == 0
    shards.read(ahead, shards.clips[0][0])


def test_what_could_not_be_fetched_is_not_counted_and_asked_for_again():
    shards = Shards([1000] * 3)

    def fails_once(*wanted):
        if not failed:
            failed.append(wanted)
            raise OSError("gone")
        return shards.fetch(*wanted)

    failed, ahead = [], ReadAhead(fails_once)
    with pytest.raises(OSError, match="gone"):
        shards.read(ahead, shards.clips[0][0])
    assert ahead.account == Account(0, 0)
    for clip in shards.clips[0]:
        shards.read(ahead, clip)


def test_what_was_wrong_is_fetched_anew():
    shards = Shards([1000] * 3)
    ahead = ReadAhead(shards.fetch)
    for clip in shards.clips[0]:
        shards.read(ahead, clip)
    before = shards.requests
    ahead.forget(*shards.clips[0][1])
    shards.read(ahead, shards.clips[0][1])
    assert shards.requests == before + 1


def test_what_was_found_right_is_not_what_another_cell_says():
    """The hash is not computed again for the same clip; one that says another length or hash is checked."""
    shards = Shards([1000] * 3)
    (file, offset, nbytes), ahead = shards.clips[0][0], ReadAhead(shards.fetch)
    right = xxh3_64_intdigest(shards.files[file][offset : offset + nbytes])
    for _ in range(2):
        shards.read(ahead, (file, offset, nbytes))
        for length, xxh3 in [(nbytes, right + 1), (nbytes - 1, right), (nbytes + 1, right)]:
            with pytest.raises(ClipError, match="xxh3") as caught:
                ahead.clip(file, offset, length, xxh3)
            assert caught.value.fault is ClipFault.DAMAGED_AUDIO


def test_what_comes_anew_is_checked_anew():
    shards = Shards([1000] * 3)
    (file, offset, nbytes), ahead = shards.clips[0][0], ReadAhead(shards.fetch)
    right = xxh3_64_intdigest(shards.files[file][offset : offset + nbytes])
    ahead.clip(file, offset, nbytes, right)
    ahead.forget(file, offset, nbytes)
    shards.files[file] = bytes(len(shards.files[file]))
    with pytest.raises(ClipError, match="xxh3"):
        ahead.clip(file, offset, nbytes, right)


def test_what_was_found_right_counts_for_these_bytes_alone(monkeypatch):
    """While a thread computes a hash, others let go of the bytes, and wrong ones come in their place."""
    shards = Shards([1000] * 3)
    file, offset, nbytes = shards.clips[0][0]
    right = xxh3_64_intdigest(shards.files[file][offset : offset + nbytes])
    ahead = ReadAhead(shards.fetch)

    def fetch_all():
        for run in ahead.claim(runs(shards.clips[0])):
            ahead.fetch_claimed(run)

    def interrupted(data, xxh3):
        check_clip(data, xxh3)
        ahead.forget(file, offset, nbytes)
        shards.files[file] = bytes(len(shards.files[file]))
        fetch_all()

    fetch_all()
    with monkeypatch.context() as patches:
        patches.setattr("audio_flan.fetch.read_ahead.check_clip", interrupted)
        ahead.clip(file, offset, nbytes, right)
    with pytest.raises(ClipError, match="xxh3"):
        ahead.clip(file, offset, nbytes, right)


@pytest.mark.parametrize("size", [5_000, 100_000])
@pytest.mark.parametrize("unread", [0, 1])
def test_what_was_read_to_its_last_clip_is_let_go_of(size, unread):
    shards = Shards([size] * 400)
    clips = shards.clips[0]
    budget = int(1.05 * sum(run.stop - run.start for run in runs_of(runs(clips[:390]))))
    ahead = ReadAhead(shards.fetch, budget)
    claimed = ahead.claim(runs(clips[:390]))
    for run in claimed:
        ahead.fetch_claimed(run)
    for clip in clips[: 390 - unread]:
        shards.read(ahead, clip)
    for run in claimed:
        ahead.release(run)
        ahead.let_go_of_spent(run)
    held = [run for run in claimed if ahead.holds(run)]
    assert (claimed[-1] in held) or not unread
    assert sum(run.stop - run.start for run in held[: len(held) - unread]) <= budget // 2
    requests = shards.requests
    for clip in clips[390 - unread : 390]:
        shards.read(ahead, clip)
    assert shards.requests == requests


@pytest.mark.parametrize("before", [False, True])
def test_what_lies_between_clips_that_were_read_is_not_let_go_of(before):
    """Other rows want it; or it was read before, and clips around it were not."""
    shards = Shards([60_000] * 40)
    even, odd = shards.clips[0][::2], shards.clips[0][1::2]
    ahead = ReadAhead(shards.fetch, budget_bytes=3_000_000)
    if before:
        for clip in odd:
            for run in ahead.claim(runs([clip])):
                ahead.fetch_claimed(run)
            shards.read(ahead, clip)
    claimed = ahead.claim(runs(even))
    for run in claimed:
        ahead.fetch_claimed(run)
    for clip in even[: 2 if before else None]:
        shards.read(ahead, clip)
    for run in claimed:
        ahead.release(run)
        ahead.let_go_of_spent(run)
    requests = shards.requests
    for clip in shards.clips[0][:39]:
        shards.read(ahead, clip)
    assert shards.requests == requests


def test_of_little_nothing_is_let_go_of():
    shards = Shards([100_000] * 10)
    ahead = ReadAhead(shards.fetch, budget_bytes=3_000_000)
    (run,) = ahead.claim(runs(shards.clips[0]))
    ahead.fetch_claimed(run)
    for clip in shards.clips[0]:
        shards.read(ahead, clip)
    ahead.let_go_of_spent(run)
    assert ahead.holds(run)


@given(sizes, st.integers(1, 3), st.data())
def test_bytes_of_clips_in_runs(sizes, count, data):
    shards = Shards(sizes, count)
    wanted = data.draw(st.lists(st.sampled_from([clip for own in shards.clips for clip in own]), unique=True))
    found = clip_bytes(runs_of(runs(wanted)), runs(wanted))
    assert sum(found.values()) == sum(clip[2] for clip in wanted)
    assert all(nbytes <= run.stop - run.start for run, nbytes in found.items())


def test_threads_share_blocks_and_wait_for_each_other():
    shards = Shards([random.Random(2).randint(1000, 90_000) for _ in range(400)], shards=2)
    everything = [clip for pair in zip(*shards.clips, strict=True) for clip in pair]
    lock = threading.Lock()

    def fetch(*wanted):
        with lock:
            return shards.fetch(*wanted)

    ahead = ReadAhead(fetch)

    def work(first):
        for clip in everything[first::8]:
            shards.read(ahead, clip)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    used = sum(clip[2] for clip in everything)
    assert shards.nbytes == ahead.account.fetched <= 1.3 * used
    assert ahead.account.used == used


def test_one_for_each_process_and_a_forked_child_has_its_own():
    mine = read_ahead()
    assert read_ahead() is mine
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"same" if read_ahead() is mine else b"new!")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 4) == b"new!"
    os.close(reader)
    os.close(writer)


@given(st.integers(0, 2**40), st.integers(0, 2**40), st.integers(0, 2**30), st.booleans(), st.integers())
def test_a_window_is_no_larger_than_anything_allows(fetched, used, missing, follows, room):
    account = Account(fetched, min(fetched, used))
    extra = extra_bytes(account, missing, follows=follows, room=room)
    assert 0 <= extra <= max(0, MAX_WINDOW_BYTES - missing)
    assert extra <= max(0, room)
    assert extra <= max(0, account.allowance)
    assert follows or extra == 0


def runs(clips):
    return [Run(file, offset, offset + nbytes) for file, offset, nbytes in clips]


@given(sizes, st.integers(1, 3), st.data())
def test_what_is_claimed_again_is_not_fetched_again(sizes, count, data):
    """Clips are wanted time and again, as several rows use them; each is fetched once while it is held."""
    shards = Shards(sizes, count)
    everything = [clip for own in shards.clips for clip in own]
    ahead = ReadAhead(shards.fetch)
    wanted = set()
    for _ in range(4):
        some = data.draw(st.lists(st.sampled_from(everything), max_size=20))
        wanted.update(some)
        claimed = ahead.claim(runs(some))
        assert ahead.claim(runs(some)) == []  # they are coming
        for run in claimed:
            ahead.fetch_claimed(run)
        requests = shards.requests
        for clip in some:
            shards.read(ahead, clip)
        assert shards.requests == requests
    assert shards.nbytes <= sum(clip[2] + MAX_GAP_BYTES for clip in wanted)


def test_what_cannot_be_held_is_not_claimed():
    shards = Shards([3 * MEGABYTE, 1000])
    ahead = ReadAhead(shards.fetch, MEGABYTE)
    large, small = runs(shards.clips[0])
    assert ahead.claim([large, small]) == [small]


@given(sizes, st.data())
def test_of_what_is_let_go_stays_what_was_handed_out(sizes, data):
    shards = Shards(sizes)
    ahead = ReadAhead(shards.fetch)
    clips = shards.clips[0]
    claimed = ahead.claim(runs(clips))
    for run in claimed:
        ahead.fetch_claimed(run)
    read = data.draw(st.lists(st.sampled_from(clips), max_size=20, unique=True))
    for clip in read:
        shards.read(ahead, clip)
    for run in claimed:
        ahead.let_go(run)
    used = sum(clip[2] for clip in read)
    assert ahead.account == Account(used, used)  # nothing was fetched in vain by reading
    before = shards.requests
    for clip in read:
        shards.read(ahead, clip)
    assert shards.requests == before
    for run in runs(clips):
        for again in ahead.claim([run]):
            assert again == run
            ahead.fetch_claimed(again)
    assert shards.requests == before + len(clips) - len(read)


def test_who_waits_for_what_is_given_up_fetches_it():
    shards = Shards([1000, 1000])
    ahead = ReadAhead(shards.fetch)
    (run,) = ahead.claim(runs(shards.clips[0]))
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(shards.read, ahead, shards.clips[0][1])
        assert not reading.done()
        ahead.give_up(run)
        reading.result(timeout=20)
    assert shards.requests == 1


def test_what_nobody_has_had_yet_stays_longer():
    """The memory is full of clips that were read, and of some that will be: the former go."""
    shards = Shards([100_000] * 8)
    ahead = ReadAhead(shards.fetch, budget_bytes=450_000)
    clips = shards.clips[0]
    for clip in clips[4:6]:
        for run in ahead.claim(runs([clip])):
            ahead.fetch_claimed(run)
    for clip in clips[:2]:
        for run in ahead.claim(runs([clip])):
            ahead.fetch_claimed(run)
        shards.read(ahead, clip)
    for run in ahead.claim(runs([clips[6]])):
        ahead.fetch_claimed(run)
    requests = shards.requests
    for clip in clips[4:7]:
        shards.read(ahead, clip)
    assert shards.requests == requests


KILOBYTE = 1 << 10
clip_sizes = st.lists(st.integers(1, 60 * KILOBYTE) | st.integers(1, KILOBYTE), min_size=1, max_size=40)


@given(clip_sizes, st.integers(1, 24 * KILOBYTE), st.integers(1, 4), st.booleans(), st.randoms())
@example([1] * 12 + [513, 1025, 2049, 46593, 234], 3600, 1, False, random.Random(0))
def test_of_any_size_clips_that_come_next_are_fetched_once(sizes, piece_bytes, ahead_pieces, shuffled, rng):
    """Pieces of clips are claimed before it is their turn, in a thousandth of the memory there is.

    Where a piece has no room, a clip is fetched with a window, which may end inside the next one: that one
    is begun twice, and no more is fetched in vain than windows may.
    """
    budget = 64 * KILOBYTE
    # In no order, what lies between two clips may be one that was read long ago.
    shards = Shards(sizes, gap=MAX_GAP_BYTES if shuffled else 0)
    begun, whole, most, windows = Counter(), Counter(), [0], [0]

    def fetch(file, start, stop):
        windows[0] += (start, stop) not in coming
        now = sum(len(block.data) for block in ahead._blocks._held.values()) + sum(coming.values())
        most[0] = max(most[0], now + (stop - start if (start, stop) not in coming else 0))
        begun.update(clip for clip in shards.clips[0] if start <= clip[1] < stop)
        whole.update(clip for clip in shards.clips[0] if start <= clip[1] and clip[1] + clip[2] <= stop)
        return shards.fetch(file, start, stop)

    ahead, coming = ReadAhead(fetch, budget), {}
    order = list(shards.clips[0])
    if shuffled:
        rng.shuffle(order)
    pieces = [[]]
    for clip in order:
        pieces[-1].append(clip)
        if sum(each[2] for each in pieces[-1]) >= piece_bytes:
            pieces.append([])
    claimed = {}

    def want(numbers):
        for number in numbers:
            runs_ = ahead.claim(runs(pieces[number]))
            claimed.setdefault(number, []).extend(runs_)
            coming.update({(run.start, run.stop): run.stop - run.start for run in runs_})

    for number, piece in enumerate(pieces):
        want(range(number, min(number + ahead_pieces, len(pieces))))
        for run in [run for own in claimed.values() for run in own if (run.start, run.stop) in coming]:
            ahead.fetch_claimed(run)
            del coming[run.start, run.stop]
        for clip in piece:
            shards.read(ahead, clip)
        for run in claimed[number]:
            ahead.release(run)
    assert max((whole if windows[0] else begun).values(), default=0) <= 1
    between = sum(HEADER + -size % 512 for size in sizes)
    assert shards.nbytes <= (1 + WASTE) * sum(sizes) + between
    assert most[0] <= budget + max(sizes)
