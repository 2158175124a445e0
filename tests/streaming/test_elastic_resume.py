"""Real sound, stopped and gone on from by other numbers of ranks and workers, as if nothing had happened."""

import random
from itertools import islice

import msgspec
import pytest
from marks import quick
from xxhash import xxh3_64_intdigest

import audio_flan

SIDES = ("input_audio", "output_audio")


@pytest.fixture(scope="module")
def plan(indexed_root):
    return audio_flan.rebalance(
        indexed_root, direction={"understanding": 0.5, "generation": 0.5}, alpha=0.5, budget=60
    )


def heard(rows):
    """Which rows they are, and hashes of their samples."""
    sounds = [[xxh3_64_intdigest(clip["array"]) for side in SIDES for clip in row[side]] for row in rows]
    return [f"{row['uuid']} {row['task']} {sound}" for row, sound in zip(rows, sounds, strict=True)]


def taken(batches, workers, count=None):
    """Rows of the first batches and the state then, or all rows; by workers of a DataLoader, if any."""
    found = batches
    if workers:
        from torch.utils.data import DataLoader

        found = DataLoader(batches, batch_size=None, num_workers=workers, multiprocessing_context="fork")
    rows = [row for batch in islice(found, count) for row in batch]
    if count is None:
        return rows, None
    return rows, batches.state_after(count) if workers else batches.state_dict()


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # of more workers than there are processors
@pytest.mark.parametrize("case", quick(4, range(24)))
def test_any_ranks_and_workers_go_on_where_any_others_stopped(indexed_root, plan, case):
    """Two stops in an epoch; the state is that of any rank, and goes through JSON."""
    chance = random.Random(case)
    config = {"plan": plan} if case % 2 else {"config": "speech_generation", "split": "train"}
    options = {"shuffle": True, "seed": case, "epoch": chance.randrange(3)} | config
    undisturbed = heard(list(audio_flan.stream(indexed_root, **options)))
    rows_of_batch, found, state = chance.randint(1, 4), [], None
    for last in (False, False, True):
        world_size = chance.randint(1, 8)
        ranks = [
            audio_flan.batches(
                audio_flan.stream(indexed_root, rank=rank, world_size=world_size, **options),
                rows_of_batch,
                collate=heard,
            )
            for rank in range(world_size)
        ]
        if state:
            for rank in ranks:
                rank.load_state_dict(msgspec.json.decode(state))
        most = (len(undisturbed) - len(found)) // (world_size * rows_of_batch)
        count = None if last else chance.randint(0, most // 2)
        workers = [0] * world_size
        workers[chance.randrange(world_size)] = chance.randint(0, 4)  # one such rank is enough, and quicker
        parts, states = zip(*(taken(*each, count) for each in zip(ranks, workers, strict=True)), strict=True)
        found += [row for step in zip(*parts, strict=True) for row in step]
        state = msgspec.json.encode(chance.choice(states))
        assert len(state) < 10_000
    assert found == undisturbed[: len(found)]
    assert len(undisturbed) - len(found) < world_size
