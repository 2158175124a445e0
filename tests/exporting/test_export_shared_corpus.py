"""The subsets of real recordings: counts, nesting, bytes, and the way back."""

from collections import Counter

import pytest
from exported import LEAF, by_leaf, clip_bytes, json_lines, keys, records, rows, tree

import audio_flan
from audio_flan.exporting import export

BALANCED = {"direction": {"understanding": 0.5, "generation": 0.5}, "alpha": 0.5, "max_epochs": 2}


@pytest.fixture(scope="module")
def embedded(shared_corpus, corpus_plan, tmp_path_factory):
    out = tmp_path_factory.mktemp("embedded") / "out"
    summary = export(shared_corpus, out, plan=corpus_plan)
    assert (summary.rows, summary.quarantined) == (corpus_plan.rows, {})
    return out


def test_counts_equal_the_plan(embedded, corpus_plan):
    found = by_leaf(rows(embedded))
    assert found == {leaf.key: leaf.target for leaf in corpus_plan.leaves if leaf.target}
    directions = Counter(key[0] for key in found.elements())
    assert abs(directions["understanding"] - directions["generation"]) <= 1
    epochs = {leaf.key: leaf.target / leaf.available for leaf in corpus_plan.leaves}
    assert max(epochs.values()) <= 2


def test_every_row_is_one_of_the_split_and_as_often_as_leaves_allow(embedded, shared_corpus, corpus_plan):
    own = audio_flan.scan(shared_corpus, split="train").collect()
    there = keys(own.to_dicts())
    found = keys(rows(embedded))
    assert found.keys() <= there.keys()
    limit = {leaf.key: -(-leaf.target // leaf.available) for leaf in corpus_plan.leaves if leaf.available}
    most = {
        (row["uuid"], row["task"], row["split"], row["output"]): limit[tuple(row[level] for level in LEAF)]
        for row in own.iter_rows(named=True)
    }
    assert all(count <= most[key] * there[key] for key, count in found.items())


def test_audio_is_the_bytes_of_the_source(embedded, shared_corpus):
    clips = clip_bytes(shared_corpus)
    seen = 0
    for row in rows(embedded):
        for side in ("input", "output"):
            for audio_id, cell in zip(row[f"{side}_audio_ids"], row[f"{side}_audio"], strict=True):
                assert cell["bytes"] == clips[audio_id]
                seen += 1
    assert seen


def test_a_doubled_budget_holds_the_smaller_one(shared_corpus, tmp_path):
    smaller, larger = (
        keys(json_lines(_text(shared_corpus, tmp_path / str(budget), budget))) for budget in (1000, 2000)
    )
    assert (smaller.total(), larger.total()) == (1000, 2000)
    assert smaller <= larger


def _text(root, out, budget):
    export(root, out, plan=audio_flan.rebalance(root, budget=budget, **BALANCED), to="jsonl")
    return out / "train.jsonl"


@pytest.mark.slow
def test_a_second_run_with_other_jobs_gives_the_same_bytes(shared_corpus, corpus_plan, embedded, tmp_path):
    export(shared_corpus, tmp_path / "second", plan=corpus_plan, jobs=2)
    assert tree(tmp_path / "second") == tree(embedded)


def test_everything_back_is_the_records_as_they_were(shared_corpus, out):
    export(shared_corpus, out, to="release")
    assert records(out) == records(shared_corpus)
