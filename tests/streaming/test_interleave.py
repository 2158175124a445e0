"""Whose turn it is among the leaves of a plan: every prefix is within a row of the shares."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_flan.streaming.hashes import make_key
from audio_flan.streaming.interleave import BLOCK_POSITIONS, Interleave
from audio_flan.streaming.random_turns import into_windows
from audio_flan.streaming.share import Share

targets = st.lists(st.integers(1, 60), min_size=1, max_size=12).map(lambda found: np.array(found, np.int64))
keys = st.none() | st.integers(0, 9).map(lambda seed: make_key(1, seed, 0))
blocks = st.sampled_from([16, 50, 1 << 16])


def turns_of(turns):
    """List leaf and draw at each position."""
    found = []
    while len(found) < len(turns):
        block = turns.block_at(len(found))
        assert block.start == len(found)
        found += zip(block.leaves.tolist(), block.draws.tolist(), strict=True)
    return found


@given(targets, keys, blocks)
def test_every_prefix_is_within_a_row_of_each_share(targets, key, block):
    found = np.array([leaf for leaf, _ in turns_of(Interleave(targets, key, block))])
    total = int(targets.sum())
    for leaf, target in enumerate(targets.tolist()):
        had = np.cumsum(found == leaf)
        assert had[-1] == target
        due = np.arange(1, total + 1) * target  # all in units of 1 / total
        assert (np.abs(had * total - due) < total).all()


@given(targets, keys, blocks)
def test_the_draws_of_a_leaf_come_in_their_order(targets, key, block):
    found = turns_of(Interleave(targets, key, block))
    for leaf, target in enumerate(targets.tolist()):
        assert [draw for other, draw in found if other == leaf] == list(range(target))


@given(targets, keys, blocks, st.data())
def test_a_position_is_found_alone_or_by_a_mark(targets, key, block, data):
    whole = Interleave(targets, key, block)
    found = turns_of(whole)
    position = data.draw(st.integers(0, len(found) - 1))
    alone, marked = Interleave(targets, key, block), Interleave(targets, key, block)
    marked.settle(position, whole.mark(position))
    for turns in (alone, marked):
        here = turns.block_at(position)
        i = position - here.start
        assert (here.leaves[i], here.draws[i]) == found[position]
    assert whole.mark(len(whole)) == alone.mark(len(alone))  # an epoch that is over


@given(targets, st.integers(0, 9), st.data())
def test_any_ranks_and_workers_go_on_where_any_others_stopped(targets, seed, data):
    """The order of all ranks and workers together is that of the undisturbed run."""
    turns = Interleave(targets, make_key(1, seed, 0))
    undisturbed, found, start = turns_of(turns), [], 0
    for last in (False, False, True):
        world_size, workers = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 4))
        most = len(undisturbed) - start
        steps = most // world_size if last else data.draw(st.integers(0, most // world_size))
        taken = {}
        for rank in range(world_size):
            for worker in range(workers):
                share = Share(rank, world_size, "drop", worker, workers)
                for step in share.own_steps(start, len(undisturbed)):
                    if step < steps:
                        taken[step, rank] = undisturbed[
                            int(share.positions(start, len(undisturbed), [step])[0])
                        ]
        found += [taken[key] for key in sorted(taken)]
        start += steps * world_size
    assert found == undisturbed[: len(found)]
    assert len(undisturbed) - len(found) < world_size


def test_a_mark_of_another_plan_is_refused():
    turns = Interleave(np.array([5, 5, 5]))
    with pytest.raises(ValueError, match="is not that of position 0 of this plan"):
        turns.settle(0, "ff")
    with pytest.raises(IndexError, match="there is no row 15: the plan draws 15"):
        turns.block_at(15)


def test_more_rows_than_can_be_counted_exactly_are_refused():
    with pytest.raises(ValueError, match="a stream has at most"):
        Interleave(np.array([3_000_000_000, 1]))


def test_the_order_is_pinned():
    """Whoever changes it has to raise INTERLEAVE_VERSION."""
    found = [leaf for leaf, _ in turns_of(Interleave(np.array([7, 2, 1, 4]), make_key(1, 7, 2)))]
    assert found == [0, 3, 2, 0, 0, 3, 1, 0, 0, 3, 0, 1, 0, 3]


SHARES = {
    "equal halves": [1, 1],
    "equal": [1] * 5,
    "a leaf with nearly all": [15, 1],
    "a leaf with 7 of 8": [7, 1],
    "a leaf with 3 of 4": [3, 1],
    "one large, many small": [9] + [0.1] * 10,
    "7 of 8, and 8 of 64": [7] + [1 / 8] * 8,
    "5 and 3 of 8": [5, 3],
    "three": [5, 2, 1],
    "four": [10, 3, 2, 1],
    "many": [1 + i % 9 for i in range(50)],
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shares", SHARES.values(), ids=SHARES)
def test_ranks_do_not_see_a_pattern(shares, seed):
    """What any rank or worker gets of a leaf is what it would get by throwing dice."""
    parts = np.array(shares) / sum(shares) * BLOCK_POSITIONS
    parts = np.diff(np.rint(np.append(0, np.cumsum(parts)))).astype(np.int64)
    found = Interleave(parts, make_key(1, seed, 0)).block_at(0).leaves
    share = parts / parts.sum()
    for ranks in range(2, 17):
        for rank in range(ranks):
            mine = found[rank::ranks]
            had = np.bincount(mine, minlength=len(parts))
            sigma = np.sqrt(len(mine) * share * (1 - share))
            assert (np.abs(had - len(mine) * share) < 5.5 * sigma).all(), (ranks, rank)


@given(targets, st.integers(0, 9))
def test_any_order_is_put_into_windows(targets, seed):
    total = int(targets.sum())
    leaves = np.repeat(np.arange(len(targets)), targets)
    draws = np.concatenate([np.arange(target) for target in targets])
    releases, ends = draws * total // targets[leaves], -(-(draws + 1) * total // targets[leaves])
    slots = into_windows(np.random.default_rng(seed).permutation(total), releases, ends - 1)
    assert (np.sort(slots) == np.arange(total)).all()
    assert ((releases <= slots) & (slots < ends)).all()


def test_a_block_of_a_large_plan_holds_the_counts():
    """A pair whose counts at the ends of a block are not those of its share gets as many slots as it has."""
    parts = (np.random.default_rng(1).pareto(1, 300) * 1e5 + 1).astype(np.int64)
    parts *= 600_000_000 // int(parts.sum()) + 1
    turns = Interleave(parts, make_key(1, 0, 0))
    for number in (0, 1, 40):
        block = turns.block_at(number * BLOCK_POSITIONS)
        had = np.bincount(block.leaves, minlength=len(parts))
        positions = block.start + np.arange(len(block.leaves))
        share = parts[block.leaves]
        assert (block.draws * int(parts.sum()) // share <= positions).all()
        assert (positions < -(-(block.draws + 1) * int(parts.sum()) // share)).all()
        assert had.sum() == BLOCK_POSITIONS


def test_counts_of_few_blocks_are_kept():
    """However many blocks there are; and the order is the same whatever was asked for before."""
    parts = np.arange(1, 61)
    turns = Interleave(parts, make_key(1, 0, 0), 10)
    found = turns_of(turns)
    assert len(pickle.dumps(turns)) < 100 * parts.nbytes  # there are 183 blocks
    for position in (1820, 30, 900, 1750, 0, 890):
        block = turns.block_at(position)
        assert list(zip(block.leaves, block.draws, strict=True)) == found[position : position + 10]
        alone = Interleave(parts, make_key(1, 0, 0), 10)
        assert turns.mark(position) == turns.mark(position + 9) == alone.mark(position)


def test_it_is_small_at_full_size():
    chance = np.random.default_rng(0)
    parts = (chance.pareto(1, 300) * 1e5 + 1).astype(np.int64)
    turns = Interleave(parts * (108_500_000 // int(parts.sum()) + 1), make_key(1, 0, 0))
    position = 2 * BLOCK_POSITIONS
    assert len(turns.mark(position)) < 100
    again = Interleave(parts * (108_500_000 // int(parts.sum()) + 1), make_key(1, 0, 0))
    again.settle(position, turns.mark(position))
    assert (again.block_at(position).leaves == turns.block_at(position).leaves).all()
