"""Which rows: as many as planned, the same whatever their order, nested, in every form of the data."""

import subprocess
import sys
from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audio_flan
from audio_flan.mixing import (
    IDENTITY_COLUMNS,
    Leaf,
    count_leaves,
    cut,
    draws,
    rebalance_leaves,
    row_identity,
    row_key,
    row_keys,
)
from audio_flan.mixing.row_keys import _CHUNK_ROWS

texts = st.text(st.characters(codec="utf-8"))


def never(_positions):
    raise AssertionError("no rows are tied")


def drawn(uuids, target, seed=0, identities=never):
    keys = row_keys(pl.Series(uuids, dtype=pl.String), seed)
    return draws(keys, cut(keys, target), identities)


@given(st.lists(texts), st.integers(-(2**70), 2**70))
def test_a_column_has_the_keys_of_its_rows(uuids, seed):
    keys = row_keys(pl.Series(uuids, dtype=pl.String), seed)
    assert keys.dtype == np.uint64
    assert keys.tolist() == [row_key(uuid, seed) for uuid in uuids]


def test_keys_are_the_same_on_any_machine():
    uuid = "c66df564-4588-5e1c-a50b-242aed6d35f1"
    assert [row_key(uuid, 0), row_key(uuid, 1)] == [9450941046236799659, 3621160558249525836]


def test_chunks_are_joined():
    uuids = pl.Series([f"{i}" for i in range(_CHUNK_ROWS + 3)])
    assert row_keys(uuids, 5)[-1] == row_key(uuids[-1], 5)


def test_a_row_without_uuid_is_refused():
    with pytest.raises(ValueError, match="1 rows have no uuid"):
        row_keys(pl.Series(["a", None]), 0)


@given(st.sets(texts, min_size=1), st.integers(0, 300), st.randoms(use_true_random=False))
def test_as_many_as_planned_and_whatever_the_order(uuids, target, random_order):
    ordered = sorted(uuids)
    counts = drawn(ordered, target)
    assert counts.sum() == target
    assert set(counts.tolist()) <= {target // len(ordered), target // len(ordered) + 1}
    shuffled = random_order.sample(ordered, len(ordered))
    assert dict(zip(ordered, counts, strict=True)) == dict(
        zip(shuffled, drawn(shuffled, target), strict=True)
    )


@given(st.sets(texts, min_size=1), st.integers(0, 300), st.integers(0, 300))
def test_a_smaller_target_lies_in_a_larger_one(uuids, target, more):
    ordered = sorted(uuids)
    assert (drawn(ordered, target) <= drawn(ordered, target + more)).all()


def test_the_smallest_keys_are_drawn():
    uuids = [f"row-{i}" for i in range(1000)]
    first = sorted(uuids, key=lambda uuid: row_key(uuid, 3))[:250]
    counts = drawn(uuids, 2250, seed=3)
    assert {uuid for uuid, count in zip(uuids, counts, strict=True) if count == 3} == set(first)


def test_another_seed_draws_other_rows_and_each_about_as_often():
    uuids = [f"row-{i}" for i in range(100)]
    total = sum(drawn(uuids, 50, seed) for seed in range(400))
    assert total.min() > 140
    assert total.max() < 260


@given(st.lists(st.tuples(st.sampled_from("ab"), st.binary(max_size=2)), min_size=1, max_size=12), st.data())
def test_rows_that_share_a_uuid_are_told_apart_by_what_they_say(rows, data):
    target = data.draw(st.integers(0, 2 * len(rows)))
    order = data.draw(st.permutations(range(len(rows))))

    def counted(given_rows, k):
        counts = drawn(
            [uuid for uuid, _ in given_rows], k, identities=lambda where: [given_rows[i][1] for i in where]
        )
        assert counts.sum() == k
        found = Counter()
        for row, count in zip(given_rows, counts.tolist(), strict=True):
            found[row] += count
        return found

    assert counted(rows, target) == counted([rows[i] for i in order], target)
    assert counted(rows, target) <= counted(rows, target + 1)


def test_rows_of_none_cannot_be_drawn():
    empty = np.empty(0, np.uint64)
    assert draws(empty, cut(empty, 0), never).tolist() == []
    with pytest.raises(ValueError, match="3 rows are to be drawn of a leaf without rows"):
        cut(empty, 3)


def rows_of(root, columns):
    return list(audio_flan.stream(root, "all", "train", columns=columns))


@pytest.mark.parametrize("form", ["indexed", "embedded"])
def test_a_row_has_the_same_identity_in_every_form(small_tree, tmp_path, form):
    audio_flan.build(small_tree.root, tmp_path / form, form)
    released = [row_identity(row) for row in rows_of(small_tree.root, list(IDENTITY_COLUMNS))]
    built = [row_identity(row) for row in rows_of(tmp_path / form, list(IDENTITY_COLUMNS))]
    assert sorted(released) == sorted(built)
    assert len(set(released)) == len(released) > 5


COUNTED = (
    "direction", "domain", "task", "corpus", "output", "output_audio_ids", "input_seconds", "output_seconds",
)  # fmt: skip


def test_leaves_are_counted_from_rows(indexed_root):
    rows = rows_of(indexed_root, list(COUNTED))
    found = count_leaves(pl.LazyFrame(rows, infer_schema_length=None))
    assert sum(leaf.available for leaf in found) == len(rows)
    assert found == sorted(found, key=lambda leaf: leaf.key)
    for leaf in found:
        mine = [row for row in rows if tuple(row[level] for level in COUNTED[:4]) == leaf.key]
        texts_left = [row["output"] for row in mine]
        for i, row in enumerate(mine):
            for audio_id in row["output_audio_ids"]:
                texts_left[i] = texts_left[i].replace(f"<|SOA|>{audio_id}<|EOA|>", "")
        assert leaf == Leaf(
            *leaf.key,
            len(mine),
            sum(round(sum(row["input_seconds"]) * 1e6) for row in mine),
            sum(round(sum(row["output_seconds"]) * 1e6) for row in mine),
            sum(len(text.encode()) for text in texts_left),
        )


def test_a_plan_of_real_rows_is_drawn_to_the_row(indexed_root):
    rows = pl.LazyFrame(rows_of(indexed_root, ["uuid", *COUNTED]), infer_schema_length=None)
    asked = {"direction": {"understanding": 0.5, "generation": 0.5}, "alpha": 0.5, "max_epochs": 2}
    plans = [
        rebalance_leaves(count_leaves(rows), revision="r1", budget=budget, **asked) for budget in (100, 200)
    ]
    by_leaf = rows.collect().partition_by(COUNTED[:4], as_dict=True)
    for small, large in zip(plans[0].leaves, plans[1].leaves, strict=True):
        uuids = by_leaf[small.key]["uuid"].to_list()
        few, many = drawn(uuids, small.target), drawn(uuids, large.target)
        assert (few.sum(), many.sum()) == (small.target, large.target)
        assert (few <= many).all()
        assert many.max() <= 2


def test_planning_loads_no_polars_before_it_is_needed():
    heavy = ("polars", "datasets", "pyarrow")
    code = f"import sys, audio_flan.mixing; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
