"""The shared corpus in the built forms: the numbers that are known of it, and the rows of its release."""

import json
from collections import Counter

import pytest
from xxhash import xxh3_64_intdigest

import audio_flan
from audio_flan.streaming import open_root
from audio_flan.taxonomy import list_configs, resolve_config

SIDES = ("input", "output")


@pytest.fixture(scope="module", params=["indexed", "embedded"])
def built(request, shared_roots):
    return shared_roots[request.param]


@pytest.fixture(scope="module")
def expected(shared_corpus):
    return json.loads(shared_corpus.with_suffix(".expected.json").read_text())


def test_counts(built, expected):
    summary = open_root(built).summarise()
    assert summary.rows == expected["instances"]
    assert summary.clips == expected["unique_audio_ids_referenced"]
    assert summary.domain == expected["per_domain"]
    assert summary.direction == expected["per_ug"]
    assert {split.replace("validation", "dev"): n for split, n in summary.split.items()} == expected[
        "per_split"
    ]
    assert summary.quarantined == {}


@pytest.mark.slow
def test_rows_and_sound_are_those_of_the_release(built, shared_corpus):
    released = Counter(map(digest, audio_flan.stream(shared_corpus, "all", "all")))
    assert Counter(map(digest, audio_flan.stream(built, "all", "all"))) == released


def digest(row):
    sound = {
        f"{side}_audio": [xxh3_64_intdigest(a.encoded()) for a in row[f"{side}_audio"]] for side in SIDES
    }
    return xxh3_64_intdigest(json.dumps(row | sound, sort_keys=True).encode())


def test_every_config_and_split(built, shared_corpus):
    counts = Counter(
        (row["task"], row["split"])
        for row in audio_flan.stream(shared_corpus, "all", "all", columns=["task", "split"])
    )
    for config in list_configs():
        tasks = resolve_config(config).task_names
        for split in ("train", "validation", "test"):
            rows = sum(1 for _ in audio_flan.stream(built, config, split, columns=["uuid"]))
            assert rows == sum(counts[task, split] for task in tasks), (config, split)


@pytest.mark.slow
def test_nothing_is_wrong(built, expected):
    report = open_root(built).check(decode=True, deep=True)
    assert list(report.entries) == []
    assert report.rows == expected["instances"]
    assert report.clips == expected["unique_audio_ids_referenced"]
