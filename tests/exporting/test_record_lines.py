"""From rows back to records: each row as often as it is drawn, and whole records wherever that can be."""

import json
from collections import Counter
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_strategies import records
from trees import line

from audio_flan.exporting.buckets import corpus_folder
from audio_flan.exporting.order import shuffled
from audio_flan.exporting.record_lines import join_records, lines_of, metadata_file
from audio_flan.exporting.spill import Item
from audio_flan.records import RecordFault, parse_record

BOTH = {"major": ["Speech Recognition"], "minor": ["Automatic Speech Recognition", "Phonetic Recognition"],
        "U/G": ["understanding"], "unseen": False}  # fmt: skip


def rows_of(text: bytes) -> list[dict]:
    return [msgspec.structs.asdict(each) | {"corpus": "a"} for each in parse_record(text).instances]


def items_of(text: bytes, draws: list[int]) -> list[Item]:
    found = [lines_of(row) for row in rows_of(text)]
    return [
        Item(each.line, n, each.own, each.places, each.single) for each, n in zip(found, draws, strict=True)
    ]


def drawn_again(counts: Counter[bytes]) -> Counter[tuple[str, ...]]:
    return Counter(
        (each.uuid, each.task, each.split, each.direction)
        for text, count in counts.items()
        for each in parse_record(text).instances * count
    )


@given(records(), st.data())
def test_rows_come_back_as_often_as_they_are_drawn(record, data):
    text = json.dumps(record, ensure_ascii=False).encode()
    rows = rows_of(text)
    draws = data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)))
    counts = join_records(items_of(text, draws))
    expected = Counter()
    for row, count in zip(rows, draws, strict=True):
        expected[row["uuid"], row["task"], row["split"], row["direction"]] += count
    assert drawn_again(counts) == +expected


@given(records(), st.integers(1, 3))
def test_a_record_that_is_drawn_whole_is_the_record_as_it_was(record, times):
    text = json.dumps(record, ensure_ascii=False).encode()
    rows = rows_of(text)
    groups = {lines_of(row).group for row in rows}
    counts = join_records(items_of(text, [times] * len(rows)))
    if len(groups) == 1 and lines_of(rows[0]).places == len(rows):
        assert {json.dumps(json.loads(found), sort_keys=True): n for found, n in counts.items()} == {
            json.dumps(record, sort_keys=True): times
        }


def test_a_record_of_two_tasks_is_one_record_or_two():
    text = line("a", task_type=BOTH)
    whole = join_records(items_of(text, [1, 1]))
    assert [json.loads(found) for found in whole] == [json.loads(text)]
    mixed = join_records(items_of(text, [1, 3]))
    assert sorted((json.loads(found)["task_type"]["minor"], count) for found, count in mixed.items()) == [
        (["Automatic Speech Recognition", "Phonetic Recognition"], 1),
        (["Phonetic Recognition"], 2),
    ]


def test_a_record_of_train_and_test_has_no_one_place():
    found = [lines_of(row) for row in rows_of(line("a", split=["train", "test"]))]
    assert [each.group[2] for each in found] == ["train_dev", "test"]
    assert [json.loads(each.line)["split"] for each in found] == [["train"], ["test"]]


@pytest.mark.parametrize(
    "changes", [{"task": "music_key_detection"}, {"input_audio_ids": ["other"]}, {"uuid": ""}]
)
def test_rows_that_contradict_themselves_are_refused(changes):
    with pytest.raises(RecordFault):
        lines_of(rows_of(line("a"))[0] | changes)


@pytest.mark.parametrize(
    "corpus", ["..", ".", "", "a/b", "../../x", "a\\b", "a\nb", " a", ".tmp-x", "x" * 300]
)
def test_no_corpus_is_a_path(corpus):
    path = metadata_file(("speech", "understanding", "test", corpus_folder(corpus)), 0)
    assert len(path.split("/")) == 7
    assert not {"..", "."} & set(path.split("/"))
    assert corpus_folder("09_LJSpeech v1.1") == "09_LJSpeech v1.1"


@given(st.dictionaries(st.binary(max_size=8), st.integers(1, 3), max_size=20), st.integers(0, 3))
def test_order_is_of_the_lines_and_the_seed_alone(draws, seed):
    found = list(shuffled(draws, seed))
    assert Counter(text for text, _ in found) == draws
    assert found == list(shuffled(dict(reversed(draws.items())), seed))


def test_repeats_lie_apart():
    found = [text for text, _ in shuffled({b"%d" % i: 2 for i in range(1000)}, 0)]
    assert sum(a == b for a, b in pairwise(found)) < 10
