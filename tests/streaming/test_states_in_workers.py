"""States, epochs and passes of rows in DataLoader workers, and of datasets that were made of ours."""

import json
from itertools import islice

import numpy as np
import pytest

import audio_flan

CONFIG = "speech_recognition"
NUMBERS = ["uuid", "task"]

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
    pytest.mark.filterwarnings("ignore:.*set_vital"),
]


def names(rows):
    return [f"{row['uuid']} {row['task']}" for row in rows]


def stream(root, **options):
    return audio_flan.stream(root, CONFIG, **({"columns": NUMBERS, "shuffle": True, "seed": 3} | options))


def dataset(root):
    return audio_flan.load_dataset(root, CONFIG, split="train", streaming=True).select_columns(NUMBERS)


@pytest.fixture(scope="module")
def undisturbed(indexed_root):
    return names(stream(indexed_root))


@pytest.mark.parametrize("kind", ["stream", "dataset"])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_stateful_loader_goes_on_where_it_was(indexed_root, undisturbed, kind, workers):
    from torchdata.stateful_dataloader import StatefulDataLoader

    def loader():
        rows = stream(indexed_root) if kind == "stream" else dataset(indexed_root).shuffle(seed=3)
        return StatefulDataLoader(rows, batch_size=None, num_workers=workers)

    begun = loader()
    found = names(islice(begun, 11))
    state = begun.state_dict()
    resumed = loader()
    resumed.load_state_dict(state)
    found += names(islice(resumed, 5))
    state = resumed.state_dict()
    again = loader()
    again.load_state_dict(state)
    assert found + names(again) == undisturbed


def test_the_state_of_a_worker_is_refused_by_another_number_of_them(indexed_root):
    state = stream(indexed_root).state_dict() | {"workers": 2}
    rows = stream(indexed_root)
    rows.load_state_dict(state)
    with pytest.raises(ValueError, match="the state of one of 2 workers, and there are 1"):
        iter(rows)


@pytest.mark.parametrize("stay", [False, True])
@pytest.mark.parametrize("kind", ["rows", "batches"])
def test_a_state_is_for_one_pass_and_epochs_are_seen_by_workers(indexed_root, kind, stay):
    from torch.utils.data import DataLoader

    def made(epoch=0):
        rows = stream(indexed_root, epoch=epoch)
        return rows if kind == "rows" else audio_flan.batches(rows, 1)

    def found(items):
        return names(item if kind == "rows" else item[0] for item in items)

    begun = made()
    first = found(islice(begun, 7))
    resumed = made()
    resumed.load_state_dict(begun.state_dict())
    loader = DataLoader(resumed, batch_size=None, num_workers=2, persistent_workers=stay)
    whole = found(made())
    assert first + found(loader) == whole
    assert found(loader) == whole
    if kind == "batches":
        assert resumed.state_after(2) == _after(made(), 2)
    resumed.set_epoch(1)
    assert found(loader) == found(made(1))


@pytest.mark.parametrize("kind", ["rows", "batches", "release"])
def test_the_state_of_what_workers_read_is_not_known_here(indexed_root, demo_root, kind):
    """It would be that of the start, and everything would come again."""
    from torch.utils.data import DataLoader

    def made():
        if kind == "release":
            return audio_flan.stream(demo_root, CONFIG, columns=NUMBERS)
        rows = stream(indexed_root)
        return rows if kind == "rows" else audio_flan.batches(rows, 4)

    items = made()
    begin = items.state_dict()
    next(iter(items))  # somebody looks at one first
    loader = DataLoader(items, batch_size=None, num_workers=1, persistent_workers=True)
    assert len(list(islice(loader, 3))) == 3
    with pytest.raises(ValueError, match=r"(?s)read by workers of a DataLoader.*Stateful") as caught:
        items.state_dict()
    assert ("state_after" in str(caught.value)) == (kind == "batches")
    # What says where this process is.
    items.load_state_dict(begin)
    assert items.state_dict() == begin
    items.set_epoch(1)
    assert items.state_dict()["epoch"] == 1
    loader = DataLoader(items, batch_size=None, num_workers=1)
    assert list(loader)
    with pytest.raises(ValueError, match="read by workers"):
        items.state_dict()
    items.set_epoch(2)
    assert items.state_dict()["epoch"] == 2
    assert list(loader)
    here = iter(items)
    expected = iter(in_epoch(made(), 2))
    assert next(here) == next(expected)
    resumed = made()
    resumed.load_state_dict(items.state_dict())
    assert list(resumed) == list(here) == list(expected)


def in_epoch(items, epoch):
    items.set_epoch(epoch)
    return items


def _after(batches, count):
    list(islice(batches, count))
    return batches.state_dict()


def test_the_usual_loop_over_epochs_keeps_a_state(indexed_root, undisturbed):
    begun = stream(indexed_root)
    first = names(islice(begun, 7))
    resumed = stream(indexed_root)
    resumed.load_state_dict(begun.state_dict())
    resumed.set_epoch(0)
    assert first + names(resumed) == undisturbed
    resumed.set_epoch(0)
    assert names(resumed) == undisturbed


def test_a_pass_stays_in_its_epoch_and_states_are_of_the_newest(indexed_root, undisturbed):
    rows = stream(indexed_root)
    old = iter(rows)
    found = names(islice(old, 5))
    rows.set_epoch(1)
    begun = rows.state_dict()
    found += names(old)
    assert found == undisturbed
    assert rows.state_dict() == begun
    assert (begun["epoch"], begun["position"]) == (1, 0)


def test_shards_of_a_dataset_are_the_same_whoever_shares_them_out(indexed_root):
    from datasets.distributed import split_dataset_by_node
    from torch.utils.data import DataLoader

    whole = names(dataset(indexed_root))
    for index in range(3):
        shard = dataset(indexed_root).shard(3, index)
        assert names(shard) == whole[index::3]
        assert names(DataLoader(shard, batch_size=None, num_workers=2)) == whole[index::3]
        for rank in range(2):
            expected = whole[index::3][rank::2][: len(whole[index::3]) // 2]
            assert names(split_dataset_by_node(shard, rank=rank, world_size=2)) == expected


@pytest.mark.parametrize("world_size", [7, 17, 19, 256])
def test_all_nodes_get_as_many(indexed_root, world_size):
    from datasets.distributed import split_dataset_by_node

    rows = audio_flan.load_dataset(indexed_root, "speech", split="train", streaming=True)
    rows = rows.select_columns(NUMBERS)
    whole = names(rows)
    for rank in {0, 1, world_size // 2, world_size - 1}:
        node = split_dataset_by_node(rows, rank=rank, world_size=world_size)
        assert names(node) == whole[rank::world_size][: len(whole) // world_size]


def test_more_ranks_than_rows_wrap(indexed_root):
    total = stream(indexed_root).total
    world_size = 2 * total + 1
    taken = [
        names(stream(indexed_root, rank=rank, world_size=world_size, uneven="wrap"))
        for rank in (0, total, world_size - 1)
    ]
    assert taken == [taken[0]] * 3
    assert len(taken[0]) == 1


def test_a_mapped_dataset_shuffles_as_its_rows_do_and_resumes(indexed_root, undisturbed):
    def mapped():
        rows = audio_flan.load_dataset(indexed_root, CONFIG, split="train", streaming=True)
        return rows.map(lambda row: {"n": len(row["uuid"])}).select_columns(NUMBERS).shuffle(seed=3)

    rows = mapped()
    assert names(rows) == undisturbed
    rows = mapped()
    found = names(islice(rows, 9))
    resumed = mapped()
    resumed.load_state_dict(json.loads(json.dumps(rows.state_dict())))
    assert found + names(resumed) == undisturbed


def test_a_state_of_a_later_epoch_goes_on_in_it(indexed_root):
    def made():
        return dataset(indexed_root).shuffle(seed=3)

    whole = names(stream(indexed_root, epoch=2))
    rows = made()
    rows.set_epoch(2)
    found = names(islice(rows, 9))
    resumed = made()
    resumed.load_state_dict(rows.state_dict())
    assert found + names(resumed) == whole


def test_what_was_taken_is_not_shuffled(indexed_root):
    for some in (dataset(indexed_root).take(5), dataset(indexed_root).skip(5)):
        with pytest.raises(ValueError, match="shuffle first, then take or skip"):
            some.shuffle(seed=3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'sed'"):
        dataset(indexed_root).shuffle(sed=3)


def test_numbers_of_numpy_are_numbers_and_others_are_refused(indexed_root, undisturbed):
    numbers = {"seed": np.int64(3), "epoch": np.int64(0), "rank": np.int32(0), "world_size": np.int64(1)}
    rows = stream(indexed_root, **numbers)
    assert json.loads(json.dumps(rows.state_dict())) == stream(indexed_root).state_dict()
    assert names(rows) == undisturbed
    for wrong in ({"seed": 3.0}, {"seed": "3"}, {"epoch": 0.5}, {"rank": 0.5}, {"world_size": "2"}):
        with pytest.raises(TypeError, match="must be a whole number"):
            stream(indexed_root, **wrong)
    with pytest.raises(ValueError, match="must be from 0"):
        stream(indexed_root, epoch=-1)
    for position in (-1, 10**6):
        with pytest.raises(ValueError, match="position"):
            rows.load_state_dict(rows.state_dict() | {"position": position})


def test_batches_without_bounds_are_refused(indexed_root):
    rows = stream(indexed_root)
    for bound in (float("inf"), float("nan")):
        with pytest.raises(ValueError, match="must be finite"):
            audio_flan.batches(rows, max_seconds=bound)
        with pytest.raises(ValueError, match="must be finite"):
            audio_flan.batches(rows, 2, buckets=[1, bound])
    batches = audio_flan.batches(rows, 4)
    with pytest.raises(ValueError, match="0 or more"):
        batches.state_after(-1)
    with pytest.raises(ValueError, match="fewer than 10000 batches"):
        batches.state_after(10_000)


@pytest.mark.parametrize("kind", ["stream", "batches"])
def test_workers_that_run_already_do_not_begin_anew_at_a_state(indexed_root, undisturbed, kind):
    """They would give the first rows of the epoch again."""
    from torch.utils.data import DataLoader

    rows = stream(indexed_root)
    found = rows if kind == "stream" else audio_flan.batches(rows, 4)
    iterator = iter(found)
    for _ in range(3):
        next(iterator)
    state = found.state_dict()
    found.set_epoch(0)
    loader = DataLoader(found, batch_size=None, num_workers=2, persistent_workers=True)
    assert list(loader)
    found.load_state_dict(state)
    with pytest.raises(ValueError, match="make a new DataLoader"):
        list(loader)
    anew = list(DataLoader(found, batch_size=None, num_workers=2))
    given = anew if kind == "stream" else [row for batch in anew for row in batch]
    assert names(given) == undisturbed[3 if kind == "stream" else 12 :]


def test_a_refused_state_changes_nothing(indexed_root, undisturbed):
    rows = stream(indexed_root)
    for wrong in ({"position": 10**9, "epoch": 1}, {"position": -1}):
        with pytest.raises(ValueError, match="position"):
            rows.load_state_dict(rows.state_dict() | wrong)
        assert names(rows) == undisturbed
    rows.load_state_dict(rows.state_dict() | {"position": 0, "workers": 2})
    for _ in range(2):
        with pytest.raises(ValueError, match="one of 2 workers"):
            iter(rows)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_workers_share_the_files_of_a_release(demo_root, workers):
    from torchdata.stateful_dataloader import StatefulDataLoader

    def loader():
        rows = audio_flan.stream(demo_root, "speech", columns=NUMBERS)
        return StatefulDataLoader(rows, batch_size=None, num_workers=workers)

    whole = names(audio_flan.stream(demo_root, "speech", columns=NUMBERS))
    found = names(loader())
    assert (found if workers < 2 else sorted(found)) == (whole if workers < 2 else sorted(whole))
    begun, resumed = loader(), loader()
    taken = names(islice(begun, 17))
    resumed.load_state_dict(begun.state_dict())
    assert taken + names(resumed) == found


def test_the_state_of_a_worker_with_files_of_a_release_is_its_own(demo_root):
    rows = audio_flan.stream(demo_root, "speech", columns=NUMBERS)
    rows.load_state_dict(rows.state_dict() | {"workers": 2})
    for _ in range(2):
        with pytest.raises(ValueError, match="one of 2 workers"):
            iter(rows)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_usual_loop_over_epochs_is_that_of_a_release_too(demo_root, workers):
    from torchdata.stateful_dataloader import StatefulDataLoader

    def loader():
        rows = audio_flan.stream(demo_root, "speech", columns=NUMBERS)
        return StatefulDataLoader(rows, batch_size=None, num_workers=workers)

    whole = names(loader())
    begun = loader()
    for epoch in range(2):
        begun.dataset.set_epoch(epoch)
        assert names(begun) == whole
    begun.dataset.set_epoch(2)
    found = names(islice(begun, 11))
    resumed = loader()
    resumed.load_state_dict(begun.state_dict())
    for _ in range(2):
        found += names(resumed)
        resumed.dataset.set_epoch(3)
    assert found == whole * 2


def test_a_release_has_one_order_in_each_epoch_and_a_state_knows_its_own(demo_root):
    def made(**options):
        return audio_flan.stream(demo_root, CONFIG, columns=NUMBERS, **options)

    rows = made(epoch=3)
    assert rows.epoch == rows.state_dict()["epoch"] == 3
    first = names(islice(rows, 5))
    resumed = made()
    resumed.load_state_dict(json.loads(json.dumps(rows.state_dict())))
    assert resumed.epoch == 3
    resumed.set_epoch(3)  # as the loop over epochs says it: it stays where the state says
    assert first + names(resumed) == names(made())
    names(islice(resumed, 5))
    resumed.set_epoch(np.int64(4))
    assert resumed.state_dict() == made(epoch=4).state_dict()
    assert names(resumed) == names(made())
    older = {name: value for name, value in rows.state_dict().items() if name != "epoch"}
    resumed.load_state_dict(older)
    assert (resumed.epoch, first + names(resumed)) == (0, names(made()))
    with pytest.raises(TypeError, match="epoch must be a whole number"):
        rows.set_epoch(1.5)
    with pytest.raises(ValueError, match="epoch must be from 0"):
        rows.set_epoch(-1)


def test_what_is_no_state_is_refused(indexed_root, demo_root):
    rows = stream(indexed_root)
    release = audio_flan.stream(demo_root, CONFIG, columns=NUMBERS)
    for items in (rows, audio_flan.batches(rows, 4), audio_flan.batches(rows, max_seconds=9), release):
        state = items.state_dict()
        for wrong in (None, [], "x", {}, {"stream": state["stream"]}, {"epoch": 0}):
            with pytest.raises(ValueError, match="this is no state of"):
                items.load_state_dict(wrong)
        items.load_state_dict(state)


def test_numbers_of_numpy_are_taken_by_all_options_and_others_are_refused(indexed_root):
    numbers = {
        "decode_threads": np.int64(1),
        "prefetch_bytes": np.int64(1 << 20),
        "sampling_rate": np.int64(8000),
        "channels": np.int32(1),
        "max_consecutive_failures": np.int64(5),
    }
    wish = stream(indexed_root, **numbers).wish
    assert wish == stream(indexed_root, **{name: int(number) for name, number in numbers.items()}).wish
    assert (type(wish.sampling_rate), type(wish.ahead.threads)) == (int, int)
    for name in ("decode_threads", "prefetch_bytes"):
        for wrong in ("2", 1.5, None, True):
            with pytest.raises(TypeError, match=f"{name} must be a whole number, got {wrong!r}"):
                stream(indexed_root, **{name: wrong})
    for name in ("sampling_rate", "channels", "max_consecutive_failures"):
        for wrong in ("2", 16_000.0, 0, True):
            with pytest.raises(ValueError, match=f"{name} must be a positive whole number or None, got"):
                stream(indexed_root, **{name: wrong})
