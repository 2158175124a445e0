"""Batches: which rows, in which order, and that any stop and any number of workers leave that as it is."""

import json
import random
from collections import Counter
from functools import partial
from itertools import islice

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marks import quick

import audio_flan
from audio_flan.streaming.batch_plan import BatchRule, Planner
from audio_flan.streaming.ordered import OrderedStream

RULES = {
    "rows": {"batch_size": 3},
    "rows, all full": {"batch_size": 7, "drop_last": True},
    "seconds": {"max_seconds": 8},
    "both": {"batch_size": 5, "max_seconds": 8},
    "buckets": {"batch_size": 4, "buckets": [1, 2, 3]},
    "seconds in buckets": {"max_seconds": 8, "buckets": [1.5, 2.5]},
    "seconds in buckets, all full": {"max_seconds": 8, "buckets": [1.5, 2.5], "drop_last": True},
}
COLUMNS = ["uuid", "task", "input_seconds", "output_seconds"]

rules = st.builds(
    BatchRule,
    st.integers(1, 6),
    st.none() | st.integers(1, 60),
    st.lists(st.integers(1, 40), unique=True, max_size=4).map(lambda bounds: tuple(sorted(bounds))),
    st.booleans(),
)
lengths = st.lists(st.integers(0, 50), max_size=80)


def plan(rule, rows, waiting=()):
    """Yield batches, each with how many rows were added until then and those that wait."""
    planner = Planner(rule)
    for row, length in [*waiting, *rows]:
        full = list(planner.add(row, length))
        while full:
            batch = full.pop(0)
            yield batch, row + 1, sorted([*planner.waiting, *(later for each in full for later in each)])
    rest = list(planner.rest())
    while rest:
        yield rest.pop(0), len(rows), sorted(row for each in rest for row in each)


@given(rules, lengths)
def test_every_row_is_in_one_batch_and_none_is_too_large(rule, found):
    rows = list(enumerate(found))
    given_out = [batch for batch, _, _ in plan(rule, rows)]
    taken = [row for batch in given_out for row in batch]
    assert len(taken) == len(set(taken))
    if not rule.drop_last:
        assert sorted(taken) == list(range(len(found)))
    for batch in given_out:
        assert batch == sorted(batch)
        assert len(batch) <= rule.batch_size
        sound = [found[row] for row in batch]
        assert rule.max_microseconds is None or sum(sound) <= rule.max_microseconds or len(batch) == 1
        assert len({sum(bound < length for bound in rule.bounds) for length in sound}) == 1


@given(rules, lengths, st.data())
def test_rows_that_wait_are_all_it_takes_to_go_on(rule, found, data):
    rows = list(enumerate(found))
    whole = list(plan(rule, rows))
    if not whole:
        return
    stop = data.draw(st.integers(0, len(whole) - 1))
    _, added, waiting = whole[stop]
    left = rows[added:]
    again = [batch for batch, _, _ in plan(rule, left, [(row, found[row]) for row in waiting])]
    assert again == [batch for batch, _, _ in whole[stop + 1 :]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "need a batch_size, max_seconds, or both"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"max_seconds": 0}, "max_seconds must be"),
        ({"batch_size": 2, "buckets": [3, 2]}, "ascending"),
    ],
)
def test_wrong_usage(indexed_root, options, message):
    with pytest.raises(ValueError, match=message):
        audio_flan.batches(audio_flan.stream(indexed_root), **options)


@pytest.mark.parametrize("batch_size", [4.0, "4", True])
def test_a_number_of_rows_is_a_whole_number(indexed_root, batch_size):
    with pytest.raises(ValueError, match="batch_size must be a positive whole number or None, got"):
        audio_flan.batches(audio_flan.stream(indexed_root), batch_size)


def test_a_number_of_numpy_is_a_number_of_rows(indexed_root):
    rows = audio_flan.stream(indexed_root, "speech_asr", columns=COLUMNS)
    batches, others = audio_flan.batches(rows, np.int64(3)), audio_flan.batches(rows, 3)
    assert json.loads(json.dumps(batches.state_dict())) == others.state_dict()
    assert list(batches) == list(others)


def test_what_is_no_stream_is_refused(indexed_root):
    dataset = audio_flan.load_dataset(indexed_root, "speech_asr", split="train", streaming=True)
    for wrong, name in ((dataset, "AudioFlanStream"), ([{}], "list"), (None, "NoneType")):
        with pytest.raises(TypeError, match=f"what `audio_flan.stream` returns.* {name}$"):
            audio_flan.batches(wrong, 4)


def test_a_release_has_none(demo_root):
    with pytest.raises(ValueError, match="audio-flan build"):
        audio_flan.batches(audio_flan.stream(demo_root), 4)


def batches(root, rule, collate=None, **options):
    options = {"columns": COLUMNS, "shuffle": True, "seed": 3} | options
    return audio_flan.batches(audio_flan.stream(root, "speech", **options), **RULES[rule], collate=collate)


def names(found):
    return [[(row["uuid"], row["task"]) for row in batch] for batch in found]


def seconds(row):
    return sum(row["input_seconds"]) + sum(row["output_seconds"])


@pytest.mark.parametrize("rule", RULES)
def test_rows_are_those_of_the_stream(built_root, rule):
    found = list(batches(built_root, rule))
    wanted = audio_flan.stream(built_root, "speech", columns=COLUMNS, shuffle=True, seed=3)
    rows = Counter(row["uuid"] + row["task"] for row in wanted)
    taken = Counter(row["uuid"] + row["task"] for batch in found for row in batch)
    assert taken <= rows if RULES[rule].get("drop_last") else taken == rows
    for batch in found:
        assert len(batch) <= RULES[rule].get("batch_size", len(batch))
        assert len(batch) == 1 or sum(map(seconds, batch)) <= RULES[rule].get("max_seconds", 1e9)
        buckets = RULES[rule].get("buckets", [])
        assert len({sum(bound < seconds(row) for bound in buckets) for row in batch}) == 1


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("case", quick(1, range(3)))
def test_a_stop_anywhere_changes_nothing(indexed_root, rule, case):
    chance = random.Random(case)
    share = {"rank": case, "world_size": 3, "uneven": "pad"} if case else {}
    whole = names(batches(indexed_root, rule, **share))
    found, state = [], None
    while len(found) < len(whole):
        part = batches(indexed_root, rule, **share)
        if state:
            part.load_state_dict(msgspec.json.decode(state))
        count = chance.randint(0, 8)
        found += names(islice(part, count))
        state = msgspec.json.encode(part.state_dict())
        assert len(state) < 10_000
    assert found == whole


def test_a_fixed_number_of_rows_goes_on_on_any_number_of_ranks(indexed_root):
    first = [batches(indexed_root, "rows", rank=rank, world_size=2) for rank in range(2)]
    taken = [names(islice(each, 4)) for each in first]
    second = [batches(indexed_root, "rows", rank=rank, world_size=5) for rank in range(5)]
    for each in second:
        each.load_state_dict(first[0].state_dict())
    rows = [row for each in [*taken, *map(names, second)] for batch in each for row in batch]
    wanted = audio_flan.stream(indexed_root, "speech", columns=COLUMNS, shuffle=True, seed=3)
    everything = [(row["uuid"], row["task"]) for row in wanted]
    assert len(rows) == len(set(rows)) >= len(everything) - 4
    assert set(rows) <= set(everything)


def test_states_of_other_batches_are_refused(indexed_root):
    state = batches(indexed_root, "buckets").state_dict()
    for other in (
        batches(indexed_root, "seconds"),
        batches(indexed_root, "buckets", seed=4),
        batches(indexed_root, "buckets", world_size=2),
    ):
        with pytest.raises(ValueError, match="this is the state of batches with the"):
            other.load_state_dict(state)


def test_each_epoch_has_its_own(indexed_root):
    found = batches(indexed_root, "buckets")
    first = names(found)
    assert names(found) == first
    found.set_epoch(1)
    second = names(islice(found, 3))
    assert second != first[:3]
    again = batches(indexed_root, "buckets")
    again.load_state_dict(found.state_dict())
    assert second + names(again) == names(batches(indexed_root, "buckets", epoch=1))


def test_they_go_to_the_epoch_of_their_stream(indexed_root):
    found = batches(indexed_root, "buckets")
    state = found.state_dict()
    taken = names(islice(found, 2))
    found.stream.set_epoch(1)
    assert found.state_dict() == state | {"epoch": 1}
    assert names(found) == names(batches(indexed_root, "buckets", epoch=1))
    found.set_epoch(0)
    assert names(islice(found, 2)) == taken


def test_a_state_of_the_stream_is_none_of_its_batches(indexed_root):
    found = batches(indexed_root, "rows")
    rows = iter(found.stream)
    next(rows)
    found.stream.load_state_dict(found.stream.state_dict())
    for _ in range(2):
        with pytest.raises(ValueError, match="a state was loaded into the stream"):
            iter(found)
    found.stream.set_epoch(1)
    assert names(found) == names(batches(indexed_root, "rows", epoch=1))


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("rule", ["rows", "seconds in buckets"])
@pytest.mark.parametrize(("workers", "start"), quick(2, [(1, "fork"), (3, "fork"), (2, "spawn")]))
def test_workers_make_the_same_batches_in_the_same_order(indexed_root, rule, workers, start):
    from torch.utils.data import DataLoader

    whole = names(batches(indexed_root, rule))
    begin = batches(indexed_root, rule)
    first = DataLoader(begin, batch_size=None, num_workers=workers, multiprocessing_context=start)
    stop = 5
    taken = names(islice(first, stop))
    then = batches(indexed_root, rule)
    then.load_state_dict(begin.state_after(stop))
    second = DataLoader(then, batch_size=None, num_workers=2)
    assert taken + names(second) == whole
    last = batches(indexed_root, rule)
    last.load_state_dict(then.state_after(2))
    assert names(last) == whole[stop + 2 :]


@pytest.mark.torch
@pytest.mark.parametrize("rule", ["rows", "seconds in buckets"])
@pytest.mark.parametrize("workers", quick(1, [0, 2]))
@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated")
def test_torchdatas_loader_resumes_with_as_many_workers(indexed_root, rule, workers):
    stateful = pytest.importorskip("torchdata.stateful_dataloader").StatefulDataLoader

    def loader():
        return stateful(batches(indexed_root, rule), batch_size=None, num_workers=workers)

    whole = names(batches(indexed_root, rule))
    for stop in (1, 4, 5):
        first, second = loader(), loader()
        taken = names(islice(first, stop))
        second.load_state_dict(first.state_dict())
        assert taken + names(second) == whole


def test_the_state_of_a_worker_wants_as_many_again(indexed_root):
    found = batches(indexed_root, "rows")
    found.load_state_dict(found.state_dict() | {"workers": 3})
    with pytest.raises(ValueError, match="one of 3 workers, and there are 1"):
        next(iter(found))


def test_sound_is_decoded_ahead_and_collated(indexed_root):
    columns = ["uuid", "task", "input_audio", "input_seconds"]
    rule = "seconds in buckets"
    collate = partial(audio_flan.collate, channels=1, tensors="numpy")
    plain = list(batches(indexed_root, rule, collate, columns=columns))
    ahead = list(batches(indexed_root, rule, collate, columns=columns, decode_threads=2))
    assert [batch["uuid"] for batch in ahead] == [batch["uuid"] for batch in plain]
    for one, other in zip(plain, ahead, strict=True):
        assert one["input_audio"].tobytes() == other["input_audio"].tobytes()


@pytest.mark.slow
def test_a_row_that_is_skipped_is_missing_in_its_batch(demo_root, tmp_path):
    root = tmp_path / "root"
    audio_flan.build(demo_root, root)
    shard = max(root.glob("audio/*/*.tar"), key=lambda path: path.stat().st_size)
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 0xFF
    shard.write_bytes(data)
    options = {"columns": [*COLUMNS, "input_audio"], "on_error": "skip"}
    whole = audio_flan.batches(audio_flan.stream(root, columns=COLUMNS), 4)
    found = audio_flan.batches(audio_flan.stream(root, **options), 4)
    left = names(found)
    bad = {entry.uuid for entry in found.stream.quarantine}
    assert bad
    assert left == [[row for row in batch if row[0] not in bad] for batch in names(whole)]


def test_the_state_after_batches_is_right_without_workers_too(indexed_root):
    """A loop that counts batches does not depend on the number of workers."""
    begun = batches(indexed_root, "rows")
    whole = names(batches(indexed_root, "rows"))
    names(islice(begun, 4))
    resumed = batches(indexed_root, "rows")
    resumed.load_state_dict(begun.state_after(4))
    names(islice(resumed, 2))
    last = batches(indexed_root, "rows")
    last.load_state_dict(resumed.state_after(2))
    assert names(last) == whole[6:]


@pytest.mark.parametrize("rule", [{"batch_size": 3}, {"max_seconds": 20, "buckets": [2, 5]}])
def test_what_fetches_ahead_is_told_how_many_rows_are_left(indexed_root, rule, monkeypatch):
    counts, walk = [], OrderedStream.walk

    def noting_walk(stream, *args, count, **options):
        counts.append(count)
        return walk(stream, *args, count=count, **options)

    monkeypatch.setattr(OrderedStream, "walk", noting_walk)
    stream = audio_flan.stream(indexed_root, "speech")
    made = audio_flan.batches(stream, **rule)
    given = sum(len(batch) for batch in islice(made, 4))
    resumed = audio_flan.batches(audio_flan.stream(indexed_root, "speech"), **rule)
    resumed.load_state_dict(made.state_dict())
    left = sum(len(batch) for batch in resumed)
    assert given + left == len(stream)
    assert counts == [len(stream), left]
