"""`load_dataset` of built roots: shuffled without a buffer, shared out to nodes and workers, resumed."""

import json
from itertools import islice

import pytest
from datasets.distributed import split_dataset_by_node
from marks import STARTS

import audio_flan


def names(rows):
    return [(row["uuid"], row["task"]) for row in rows]


@pytest.fixture(scope="module")
def dataset(indexed_root):
    return audio_flan.load_dataset(str(indexed_root), "speech", split="train", streaming=True)


@pytest.fixture(scope="module")
def order(indexed_root):
    return names(audio_flan.stream(indexed_root, "speech", shuffle=True, seed=7, columns=["uuid", "task"]))


def test_shuffle_is_the_order_of_the_stream(dataset, order):
    assert names(dataset.shuffle(seed=7)) == order
    assert names(dataset.shuffle(seed=7, buffer_size=3)) == order
    assert names(dataset) != order
    assert sorted(names(dataset)) == sorted(order)
    assert names(dataset.shuffle(seed=8)) != order


def test_epochs_reshuffle_what_is_shuffled(dataset, order):
    shuffled = dataset.shuffle(seed=7)
    shuffled.set_epoch(1)
    second = names(shuffled)
    assert second != order
    assert sorted(second) == sorted(order)
    shuffled.set_epoch(0)
    assert names(shuffled) == order
    plain = names(dataset)
    dataset.set_epoch(1)
    assert names(dataset) == plain
    dataset.set_epoch(0)


@pytest.mark.parametrize("world_size", [2, 3, 7, 19])
def test_nodes_take_turns_and_get_as_many(dataset, order, world_size):
    shuffled = dataset.shuffle(seed=7)
    taken = [names(split_dataset_by_node(shuffled, rank, world_size)) for rank in range(world_size)]
    assert len(taken[0]) >= len(order) // world_size
    longest = max(map(len, taken))
    together = [row for step in range(longest) for each in taken for row in each[step : step + 1]]
    assert together == order[: len(together)]
    assert len(order) - len(together) < world_size


@pytest.mark.parametrize("change", [lambda ds: ds, lambda ds: ds.map(lambda row: {"new": row["uuid"]})])
def test_the_state_of_a_rank_is_that_of_all(dataset, order, change):
    shuffled = change(dataset.shuffle(seed=7))
    ranks = [split_dataset_by_node(shuffled, rank, 4) for rank in range(4)]
    states = []
    for rank in ranks:
        names(islice(rank, 9))
        states.append(json.dumps(rank.state_dict()))
    assert len(set(states)) == 1
    found = []
    for rank in range(3):
        resumed = split_dataset_by_node(shuffled, rank, 3)
        resumed.load_state_dict(json.loads(states[2]))
        found.append(names(resumed))
    together = [row for step in zip(*found, strict=True) for row in step]
    assert together == order[36 : 36 + len(together)]
    assert len(order) - 36 - len(together) < 3


def test_nothing_is_lost_on_resuming_a_shuffled_dataset(dataset, order):
    shuffled = dataset.shuffle(seed=7)
    first = names(islice(shuffled, 33))
    state = shuffled.state_dict()
    again = dataset.shuffle(seed=7)
    again.load_state_dict(state)
    assert first + names(again) == order


@pytest.mark.torch
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("start", STARTS)
def test_workers_lose_nothing(dataset, order, workers, start):
    from torch.utils.data import DataLoader

    loader = DataLoader(
        dataset.shuffle(seed=7), batch_size=None, num_workers=workers, multiprocessing_context=start
    )
    assert names(loader) == order


@pytest.mark.torch
def test_workers_of_nodes(dataset, order):
    from torch.utils.data import DataLoader

    taken = []
    for rank in range(2):
        node = split_dataset_by_node(dataset.shuffle(seed=7), rank, 2)
        taken.append(names(DataLoader(node, batch_size=None, num_workers=2, multiprocessing_context="fork")))
    together = [row for step in zip(*taken, strict=True) for row in step]
    assert together == order[: len(together)]
    assert len(order) - len(together) < 2


def test_a_shard_keeps_every_row(dataset, order):
    shuffled = dataset.shuffle(seed=7)
    parts = [names(shuffled.shard(5, index)) for index in range(5)]
    assert sorted(row for part in parts for row in part) == sorted(order)


@pytest.mark.parametrize(
    "change",
    [
        lambda ds: ds,
        lambda ds: ds.map(lambda row: {"new": row["uuid"]}).filter(lambda row: row["uuid"] < "8"),
        lambda ds: ds.batch(4).map(lambda rows: rows, batched=True),
        lambda ds: ds.repeat(2),
        lambda ds: ds.with_format("arrow"),
    ],
    ids=["rows", "filter", "batch", "repeat", "tables"],
)
@pytest.mark.parametrize("split", ["train", "all"])
def test_a_state_before_the_first_row_is_that_of_where_it_begins(indexed_root, change, split):
    def made():
        rows = audio_flan.load_dataset(indexed_root, "speech_asr", split=split, streaming=True)
        return change(rows.select_columns(["uuid", "task"]).shuffle(seed=7))

    def rest(state):
        resumed = made()
        resumed.load_state_dict(json.loads(json.dumps(state)))
        assert resumed.state_dict() == state
        begun = iter(resumed)
        assert resumed.state_dict() == state
        return list(begun)

    rows = made()
    first = list(rows)
    rows.set_epoch(2)
    later = list(made_in(made(), 2))
    assert rest(rows.state_dict()) == later != first
    begun = iter(rows)
    assert rest(rows.state_dict()) == later
    assert next(begun) == later[0]
    assert rest(rows.state_dict()) == later[1:]
    rows.set_epoch(0)
    assert rest(rows.state_dict()) == first


def made_in(rows, epoch):
    rows.set_epoch(epoch)
    return rows


def test_a_pass_begins_with_a_state_of_its_own(dataset, order):
    shuffled = dataset.shuffle(seed=7)
    names(shuffled)
    again = iter(shuffled)  # of the same epoch, and no row is given yet
    resumed = dataset.shuffle(seed=7)
    resumed.load_state_dict(shuffled.state_dict())
    assert names(resumed) == names(again) == order


def test_what_is_no_state_of_a_dataset_is_refused(dataset):
    rows = dataset.shuffle(seed=7)
    for wrong in (None, {}, {"epoch": 0}, [rows.state_dict()]):
        with pytest.raises(ValueError, match="this is no state of a dataset"):
            rows.load_state_dict(wrong)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:.*set_vital")
@pytest.mark.parametrize("epoch", [0, 2])
@pytest.mark.parametrize("stay", [False, True])
def test_torchdatas_loader_resumes_before_all_workers_have_given_a_row(dataset, epoch, stay):
    from torchdata.stateful_dataloader import StatefulDataLoader

    def loader():
        rows = dataset.shuffle(seed=7).select_columns(["uuid", "task"])
        return StatefulDataLoader(rows, batch_size=None, num_workers=2, persistent_workers=stay)

    def begun(found):
        found.dataset.set_epoch(epoch)
        return iter(found)

    whole = names(begun(loader()))
    for count in (0, 1):
        first = loader()
        if stay:
            names(first)  # a pass of epoch 0, by the same workers
        found = names(islice(begun(first), count))
        second = loader()
        second.load_state_dict(first.state_dict())
        found += names(islice(begun(second), 1))
        third = loader()
        third.load_state_dict(second.state_dict())
        assert found + names(third) == whole


def test_the_state_of_another_order_is_refused(dataset):
    shuffled = dataset.shuffle(seed=7)
    names(islice(shuffled, 3))
    other = dataset.shuffle(seed=8)
    other.load_state_dict(shuffled.state_dict())
    with pytest.raises(ValueError, match="this is the state of"):
        next(iter(other))


def test_tables_have_the_same_rows(dataset, order):
    tables = dataset.shuffle(seed=7).with_format("arrow")
    found = [row for table in tables.iter(batch_size=50) for row in names(table.to_pylist())]
    assert found == order


def test_what_was_loaded_is_for_one_pass(indexed_root):
    def rows():
        return audio_flan.load_dataset(indexed_root, "speech_asr", split="train", streaming=True)

    begun = rows()
    whole = [row["uuid"] for row in begun]
    taken = iter(begun)
    first = [next(taken)["uuid"] for _ in range(5)]
    resumed = rows()
    resumed.load_state_dict(begun.state_dict())
    assert first + [row["uuid"] for row in resumed] == whole
    assert [row["uuid"] for row in resumed] == whole
    resumed.load_state_dict(begun.state_dict())
    resumed.set_epoch(1)
    resumed.set_epoch(0)
    assert [row["uuid"] for row in resumed] == whole


def test_a_pass_in_batches_begins_with_a_state_of_its_own(indexed_root):
    rows = audio_flan.load_dataset(indexed_root, "speech_asr", split="train", streaming=True)
    begin = rows.state_dict()
    whole = [uuid for batch in rows.iter(2) for uuid in batch["uuid"]]
    rows.iter(2)
    assert rows.state_dict() == begin
    rows.load_state_dict(begin)
    assert [uuid for batch in rows.iter(3) for uuid in batch["uuid"]] == whole


def test_an_error_in_the_first_row_leaves_the_state_that_was_loaded(indexed_root):
    errors = []

    def fail_once(row):
        if errors:
            raise errors.pop()
        return row

    def rows():
        return audio_flan.load_dataset(indexed_root, "speech_asr", split="train", streaming=True).map(
            fail_once
        )

    begun = rows()
    whole = [row["uuid"] for row in begun]
    next(taken := iter(begun))
    next(taken)
    resumed = rows()
    resumed.load_state_dict(begun.state_dict())
    errors.append(OSError("busy"))
    with pytest.raises(OSError, match="busy"):
        next(iter(resumed))
    assert [row["uuid"] for row in resumed] == whole[2:]
