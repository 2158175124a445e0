"""The order of a stream, and whose turn it is: pure functions that keep what is promised."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from property_profiles import examples

from audio_flan.streaming.order import SHORT_RUNS, WHOLE_GROUPS, Order, Reach
from audio_flan.streaming.share import UNEVEN, Share

sizes = st.lists(st.integers(1, 3 * SHORT_RUNS.block_rows), min_size=1, max_size=40).map(
    lambda found: np.array(found, np.int64)
)


def rows_of(order):
    found = []
    while len(found) < len(order):
        window = order.window_at(len(found))
        assert window.start == len(found)
        found += zip(window.groups.tolist(), window.rows.tolist(), strict=True)
    return found


reaches = st.sampled_from([SHORT_RUNS, WHOLE_GROUPS]) | st.builds(
    Reach, st.integers(1, 300), st.integers(1, 40), st.integers(1, 8)
)


@given(sizes, st.none() | st.integers(-5, 2**70), st.integers(0, 3), reaches)
def test_every_row_once(group_rows, seed, epoch, reach):
    found = rows_of(Order(group_rows, seed, epoch, reach=reach))
    everything = [(group, row) for group, rows in enumerate(group_rows.tolist()) for row in range(rows)]
    assert (found if seed is None else sorted(found)) == everything
    assert rows_of(Order(group_rows, seed, epoch, reach=reach)) == found


@given(sizes, st.integers(0, 9), st.data())
def test_a_position_is_found_without_those_before(group_rows, seed, data):
    order = Order(group_rows, seed)
    found = rows_of(order)
    position = data.draw(st.integers(0, len(found) - 1))
    window = Order(group_rows, seed).window_at(position)
    i = position - window.start
    assert (window.groups[i], window.rows[i]) == found[position]


def test_another_seed_or_epoch_is_another_order():
    group_rows = np.full(20, 100)
    orders = [rows_of(Order(group_rows, seed, epoch)) for seed, epoch in [(None, 0), (0, 0), (0, 1), (1, 0)]]
    for i, order in enumerate(orders):
        assert all(order != other for other in orders[:i])


def test_the_order_is_pinned():
    """Whoever changes it has to raise ORDER_VERSION."""
    group_rows = np.array([3, 40, 1, 70])
    found = rows_of(Order(group_rows, seed=7, epoch=2))
    assert found[:8] == [(1, 35), (1, 31), (3, 68), (1, 5), (3, 8), (3, 32), (0, 2), (2, 0)]
    found = rows_of(Order(group_rows, seed=7, epoch=2, reach=WHOLE_GROUPS))
    assert found[:8] == [(1, 31), (3, 32), (0, 2), (2, 0), (1, 24), (3, 50), (0, 0), (1, 35)]


@pytest.mark.parametrize("position", [-1, 6])
def test_there_is_nothing_outside(position):
    with pytest.raises(IndexError, match=f"there is no row {position}: the order has 6"):
        Order(np.array([2, 4])).window_at(position)


def test_it_is_small_and_quick_at_full_size():
    """Nothing grows with rows but one number for each row group."""
    order = Order(np.full(27_125, 4000), seed=0)
    assert len(order) == 108_500_000
    window = order.window_at(77_777_777)
    assert SHORT_RUNS.window_rows <= len(window.rows) < SHORT_RUNS.window_rows + 4000
    assert len(set(window.groups.tolist())) == -(-SHORT_RUNS.window_rows // 4000)


@pytest.mark.parametrize("world_size", [1, 2, 4, 8, 16])
def test_whole_groups_are_read_once_and_few_at_a_time(world_size):
    """Nearly each row group by one rank of up to 16, and all its rows within a few hundred of that rank."""
    sizes = np.random.default_rng(0).integers(40, 80, 2000)
    order = rows_of(Order(sizes, seed=1, reach=WHOLE_GROUPS))
    readers, at_a_time = Counter(), Counter()
    for rank in range(world_size):
        groups = [group for group, _ in order[rank::world_size]]
        last = {group: i for i, group in enumerate(groups)}
        open_groups = set()
        for i, group in enumerate(groups):
            open_groups.add(group)
            at_a_time[rank] = max(at_a_time[rank], len(open_groups))
            if last[group] == i:
                open_groups.remove(group)
        readers.update(last.keys())
    assert max(at_a_time.values()) <= 16
    assert np.mean(list(readers.values())) < 1.2


def test_it_is_close_to_a_uniform_shuffle():
    """Rows go far from where they stood, and labels do not come in runs; a true shuffle is the measure."""
    group_rows, rng = np.full(400, 500), np.random.default_rng(0)
    total = int(group_rows.sum())
    found = np.array([500 * group + row for group, row in rows_of(Order(group_rows, seed=3))])
    true = rng.permutation(total)
    moved, truly = (np.abs(each - np.arange(total)).mean() for each in (found, true))
    assert moved == pytest.approx(truly, rel=0.05)
    labels = [each // 5000 for each in (found, true)]  # twenty groups of a label
    runs = [np.diff(np.flatnonzero(np.diff(each, prepend=-1))).mean() for each in labels]
    assert runs[0] == pytest.approx(runs[1], rel=0.1)
    batch = SHORT_RUNS.block_rows * SHORT_RUNS.lanes
    kinds = [np.mean([len(set(each[i : i + batch])) for i in range(0, total, batch)]) for each in labels]
    assert kinds[0] > 0.3 * kinds[1]


shares = st.tuples(st.integers(1, 8), st.sampled_from(UNEVEN))


@given(st.integers(0, 60), st.integers(0, 60), shares, st.integers(1, 4))
def test_ranks_get_as_many_and_together_all(start, total, share, workers):
    world_size, uneven = share
    taken = []
    for rank in range(world_size):
        mine = Share(rank, world_size, uneven)
        steps = range(mine.steps(start, total))
        of_workers = [
            step
            for worker in range(workers)
            for step in Share(rank, world_size, uneven, worker, workers).own_steps(start, total)
        ]
        assert sorted(of_workers) == list(steps)
        taken.append(mine.positions(start, total, steps).tolist())
    assert len({len(each) for each in taken}) == 1
    together = [position for step in zip(*taken, strict=True) for position in step]
    left = list(range(start, total))
    if uneven == "drop":
        assert together == left[: len(left) // world_size * world_size]
    else:
        assert together[: len(left)] == left
        more = together[len(left) :]
        assert len(more) < world_size
        assert more == [total - 1 if uneven == "pad" else i % total for i in range(len(more))]


@examples(300)
@given(sizes, st.integers(0, 5), st.lists(st.tuples(st.integers(1, 8), st.integers(0, 12)), max_size=6))
def test_any_ranks_go_on_where_any_others_stopped(group_rows, seed, stages):
    """Ranks that stop after some steps and go on as others give the order of one that never stopped."""
    order = rows_of(Order(group_rows, seed))
    given_out, start = [], 0
    for world_size, wanted in [*stages, (1, len(order))]:
        ranks = [Share(rank, world_size) for rank in range(world_size)]
        steps = min(wanted, ranks[0].steps(start, len(order)))
        for step in range(steps):
            given_out += [order[int(rank.positions(start, len(order), [step])[0])] for rank in ranks]
        start += steps * world_size
    assert given_out == order


@pytest.mark.parametrize(
    ("share", "message"),
    [
        ({"rank": 2, "world_size": 2}, "rank must be from 0 to world_size - 1, got rank=2, world_size=2"),
        ({"rank": -1}, "rank must be from 0 to world_size - 1"),
        ({"world_size": 0}, "rank must be from 0 to world_size - 1"),
        ({"uneven": "dorp"}, "uneven must be one of drop, pad, wrap, got 'dorp'"),
    ],
)
def test_shares_that_do_not_exist(share, message):
    with pytest.raises(ValueError, match=message):
        Share(**share)
