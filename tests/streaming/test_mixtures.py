"""Streams of rebalance plans, on real rows: what is drawn, in which order, and resumed."""

import pickle
import random
from collections import Counter
from itertools import islice

import msgspec
import numpy as np
import pytest
from marks import STARTS, quick, since_datasets_4
from stages import epoch_in_stages

import audio_flan
from audio_flan.mixing import PlanError

BALANCED = {"direction": {"understanding": 0.5, "generation": 0.5}, "alpha": 0.5, "max_epochs": 2}
COLUMNS = ["uuid", "task", "corpus", "direction", "input_audio_ids"]


def leaf_of(row):
    return row["direction"], row["task"], row["corpus"]


def name_of(row):
    """Say which row it is: a few of the demo corpus share a uuid."""
    return row["uuid"], row["task"], tuple(row["input_audio_ids"])


def names(rows):
    return [name_of(row) for row in rows]


@pytest.fixture(scope="module")
def plan(demo_root, indexed_root):
    return audio_flan.rebalance(indexed_root, **BALANCED)


def mixed(root, plan, **options):
    return audio_flan.stream(root, plan=plan, **({"columns": COLUMNS, "shuffle": True, "seed": 5} | options))


@pytest.fixture(scope="module")
def undisturbed(indexed_root, plan):
    rows = mixed(indexed_root, plan)
    found = []
    for epoch in range(3):
        rows.set_epoch(epoch)
        found += names(rows)
    return found


@pytest.mark.parametrize("shuffle", [True, False])
def test_it_draws_what_is_planned_and_every_prefix_is_as_planned(built_root, shuffle):
    plan = audio_flan.rebalance(built_root, **BALANCED)
    found = list(mixed(built_root, plan, shuffle=shuffle))
    assert len(found) == plan.rows == len(mixed(built_root, plan))
    leaves = [leaf_of(row) for row in found]
    for leaf in plan.leaves:
        had = np.cumsum([each == (leaf.direction, leaf.task, leaf.corpus) for each in leaves])
        due = np.arange(1, plan.rows + 1) * leaf.target / plan.rows
        assert had[-1] == leaf.target
        assert (np.abs(had - due) < 1).all()


def test_rows_of_a_leaf_are_drawn_as_often_as_one_another_over_all_epochs(indexed_root, plan):
    rows = mixed(indexed_root, plan)
    drawn, leaves = Counter(), {}
    for epoch in range(5):
        rows.set_epoch(epoch)
        for row in rows:
            drawn[name_of(row)] += 1
            leaves[name_of(row)] = leaf_of(row)
        for leaf in plan.leaves:
            if leaf.target:
                key = (leaf.direction, leaf.task, leaf.corpus)
                often = [count for name, count in drawn.items() if leaves[name] == key]
                fewest, left = divmod((epoch + 1) * leaf.target, leaf.available)
                assert sorted(often, reverse=True)[:left] == [fewest + 1] * left
                assert set(often[left:]) <= {fewest, fewest + 1}
                assert sum(often) == (epoch + 1) * leaf.target


def test_each_epoch_and_seed_has_another_order(indexed_root, plan, undisturbed):
    epochs = [undisturbed[n * plan.rows : (n + 1) * plan.rows] for n in range(3)]
    assert epochs[0] != epochs[1] != epochs[2]
    assert names(mixed(indexed_root, plan, epoch=2)) == epochs[2]
    assert names(mixed(indexed_root, plan, seed=6)) != epochs[0]


@pytest.mark.parametrize("case", quick(4, range(12)))
def test_any_number_of_ranks_goes_on_where_any_other_stopped(indexed_root, plan, undisturbed, case):
    """Epochs are gone through in stages on random numbers of ranks, whose states go through JSON."""
    chance = random.Random(case)
    epoch = chance.randrange(3)
    expected = undisturbed[epoch * plan.rows : (epoch + 1) * plan.rows]
    found, world_size = epoch_in_stages(
        lambda rank, ranks: mixed(indexed_root, plan, epoch=epoch, rank=rank, world_size=ranks),
        names,
        chance,
        most_steps=30,
    )
    assert found == expected[: len(found)]
    assert len(expected) - len(found) < world_size


@pytest.mark.torch
@pytest.mark.parametrize("start", STARTS)
def test_workers_share_the_rows_of_their_rank(indexed_root, plan, start):
    from torch.utils.data import DataLoader

    rows = mixed(indexed_root, plan, rank=1, world_size=2)
    alone = names(rows)
    loader = DataLoader(rows, batch_size=None, num_workers=2, multiprocessing_context=start)
    assert names(loader) == alone


@pytest.mark.parametrize("form", [{"batch_size": 8}, {"max_seconds": 20, "buckets": [1, 3]}])
def test_batches_of_a_plan_go_on_where_they_stopped(indexed_root, plan, form):
    def made(world_size=1, rank=0):
        rows = mixed(indexed_root, plan, rank=rank, world_size=world_size, epoch=1)
        return audio_flan.batches(rows, **form)

    whole = [names(batch) for batch in made()]
    begun = made()
    first = [names(batch) for batch in islice(begun, 5)]
    state = msgspec.json.decode(msgspec.json.encode(begun.state_dict()))
    resumed = made()
    resumed.load_state_dict(state)
    assert first + [names(batch) for batch in resumed] == whole


@since_datasets_4
def test_datasets_gives_the_same_rows(indexed_root, plan, undisturbed):
    dataset = audio_flan.load_dataset(indexed_root, streaming=True, plan=plan).shuffle(seed=5)
    for epoch in range(2):
        dataset.set_epoch(epoch)
        assert names(dataset) == undisturbed[epoch * plan.rows : (epoch + 1) * plan.rows]
    assert next(iter(dataset))["input_audio"] is not None


def test_datasets_resumes_it(indexed_root, plan, undisturbed):
    from datasets.distributed import split_dataset_by_node

    def of_rank(rank):
        dataset = audio_flan.load_dataset(indexed_root, streaming=True, plan=plan).shuffle(seed=5)
        return split_dataset_by_node(dataset, rank=rank, world_size=3)

    states = []
    for rank in range(3):
        dataset = of_rank(rank)
        assert names(islice(iter(dataset), 7)) == undisturbed[rank:21:3]
        states.append(dataset.state_dict())
    resumed = of_rank(1)
    resumed.load_state_dict(states[2])
    assert names(resumed) == undisturbed[22 : plan.rows : 3][: (plan.rows - 21) // 3]


def test_a_plan_over_a_filter_draws_only_what_passes(built_root):
    plan = audio_flan.rebalance(built_root, where="list_max(input_seconds) < 2", alpha=0.3)
    rows = mixed(built_root, plan, columns=[*COLUMNS, "input_seconds"])
    found = list(rows)
    assert len(found) == plan.rows > 0
    assert all(max(row["input_seconds"]) < 2 for row in found)
    assert Counter(map(leaf_of, found)) == {
        (leaf.direction, leaf.task, leaf.corpus): leaf.target for leaf in plan.leaves if leaf.target
    }
    assert names(pickle.loads(pickle.dumps(rows))) == names(found)


def test_the_sound_is_that_of_the_rows(built_root):
    plan = audio_flan.rebalance(
        built_root, weights={"speech_asr": 1, "music_text_to_music_generation": 1}, budget=12
    )
    for row in audio_flan.stream(built_root, plan=plan, shuffle=True):
        for clip, audio_id in zip(row["input_audio"], row["input_audio_ids"], strict=True):
            assert clip.id == audio_id
            assert clip["array"].size


def test_a_plan_of_something_else_is_refused(demo_root, indexed_root, plan, tmp_path):
    with pytest.raises(PlanError, match="the plan is of the split 'train' and not of 'test'"):
        audio_flan.stream(indexed_root, split="test", plan=plan)
    with pytest.raises(PlanError, match="which the config 'speech_asr' does not have"):
        audio_flan.stream(indexed_root, "speech_asr", plan=plan)
    with pytest.raises(PlanError, match="was made for revision"):
        audio_flan.stream(indexed_root, plan=audio_flan.rebalance(demo_root, **BALANCED))
    with pytest.raises(ValueError, match="is a release"):
        audio_flan.stream(demo_root, plan=plan)
    with pytest.raises(ValueError, match="is a release"):
        audio_flan.load_dataset(demo_root, streaming=True, plan=plan)
    with pytest.raises(ValueError, match="pass streaming=True"):
        audio_flan.load_dataset(indexed_root, plan=plan)
    with pytest.raises(ValueError, match="the sample takes no"):
        audio_flan.load_dataset(indexed_root, "sample", streaming=True, plan=plan)


def test_a_state_of_another_plan_is_refused(indexed_root, plan):
    state = mixed(indexed_root, plan).state_dict()
    other = audio_flan.rebalance(indexed_root, **BALANCED, seed=1)
    for rows in (mixed(indexed_root, other), audio_flan.stream(indexed_root, shuffle=True, seed=5)):
        with pytest.raises(ValueError, match="this is the state of"):
            rows.load_state_dict(state)
