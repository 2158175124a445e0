"""Attributes by the map of tasks, and counts beside those of the paper."""

import json

import pytest

import audio_flan
from audio_flan.analysis.statistics.attributes import AttributeMapError, attribute_statistics, load_attributes
from audio_flan.analysis.statistics.paper import compare_with_paper, known_inconsistencies, reference
from audio_flan.shards import RowCount
from audio_flan.taxonomy import UnknownNameError, resolve_config, taxonomy


def count(task, rows, corpus="01_Read"):
    direction = taxonomy().tasks[task].direction
    return RowCount(task, "train", corpus, direction, rows, 0.0, 0, 0, rows)


def test_the_shipped_map_is_of_all_tasks_and_names_attributes_of_its_vocabulary():
    mapping = load_attributes(True)
    assert set(mapping.tasks) == set(taxonomy().tasks)
    for task, attributes in mapping.tasks.items():
        for each in attributes:
            assert (taxonomy().tasks[task].domain, each.attribute) in mapping.facts


def test_shares_are_of_occurrences_and_an_instance_counts_once_for_each_attribute():
    counts = [count("speech_asr", 6), count("speech_s2tt", 3), count("speech_asr", 1, "02_Synth")]
    shares = attribute_statistics(counts, load_attributes(True)).shares
    content, language = ((s.attribute, s.occurrences, s.share_percent, s.paper_share_percent) for s in shares)
    assert content == ("content", 10, pytest.approx(1000 / 13), 35.5)
    assert language == ("language", 3, pytest.approx(300 / 13), 32.1)


def test_an_attribute_of_some_sources_counts_for_these_alone():
    for corpus, wanted in (("44_CompMusic", {"ethnomusicology"}), ("45_MTG", set())):
        counts = [count("music_text_guided_music_continuation", 5, corpus)]
        found = attribute_statistics(counts, load_attributes(True))
        assert {share.attribute for share in found.shares} >= wanted
        assert ("ethnomusicology" in {share.attribute for share in found.shares}) == bool(wanted)


def test_shares_within_a_group_and_of_the_group():
    tasks = {"audio_vad": ["music"], "audio_caption": ["object", "scene"]}
    found = attribute_statistics([count("audio_vad", 1), count("audio_caption", 3)], load_attributes(tasks))
    music, group = next(s for s in found.shares if s.attribute == "music"), found.groups[0]
    assert (music.group, music.share_within_group_percent, music.share_percent) == (
        "others", 25.0, pytest.approx(100 / 7),
    )  # fmt: skip
    assert music.paper_share_within_group_percent == 28.3
    assert (group.attribute, group.occurrences, group.paper_share_percent) == ("others", 4, 24.1)


def test_tasks_without_an_attribute_are_said():
    found = attribute_statistics(
        [count("speech_asr", 2), count("audio_vad", 5)], load_attributes({"speech_asr": ["a"]})
    )
    assert found.rows_without == {"audio": 5}


def test_a_map_of_the_user(indexed_root, tmp_path):
    path = tmp_path / "map.json"
    path.write_text(json.dumps({"speech_asr": ["words", "words"]}))
    for source in (path, str(path), {"speech_asr": ["words"]}):
        found = audio_flan.stats(indexed_root, attributes=source)
        (share,) = found.attributes.shares
        assert (share.attribute, share.occurrences) == ("words", found.by("task")["speech_asr"])
    full = {
        "tasks": [{"config": "speech_asr", "attributes": [{"attribute": "x", "only_sources": ["nobody"]}]}]
    }
    assert audio_flan.stats(indexed_root, attributes=full).attributes.shares == ()


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"speech_asr": "content"}', '{"tasks": 1}', '{"tasks": [{"config": 1}]}', "\xff"]
)
def test_a_broken_map_is_refused(tmp_path, text):
    path = tmp_path / "map.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(AttributeMapError, match="map"):
        load_attributes(path)


def test_a_map_of_an_unknown_task_names_the_nearest():
    with pytest.raises(UnknownNameError, match="speech_asr"):
        load_attributes({"speech_asrr": ["content"]})


def printed_counts():
    """The paper's own counts, each in one task of its major."""
    return [count(resolve_config(m.config).tasks[0].config, m.instances) for m in reference().majors]


def test_the_paper_agrees_with_itself_but_where_it_is_known_not_to():
    found = compare_with_paper(printed_counts())
    assert len(found) == 1 + 3 + 2 + 6 + 23
    assert {each.name for each in found if not each.agrees} == {"understanding_audio"}
    assert next(each.where for each in known_inconsistencies()).startswith("Table 2, audio")


@pytest.mark.parametrize(
    ("off", "agrees"), [(0, True), (5000, True), (-5000, True), (5001, False), (-5001, False)]
)
def test_half_the_last_digit_is_what_rounding_explains(off, agrees):
    counts = [*printed_counts(), count("speech_asr", off)]
    (found,) = (each for each in compare_with_paper(counts) if each.name == "speech_recognition")
    assert (found.printed, found.printed_rows, found.tolerance) == ("12.05M", 12_050_000, 5000)
    assert (found.difference, found.agrees) == (off, agrees)


def test_directions_are_those_of_the_majors():
    found = {each.name: each.rows for each in compare_with_paper([count("speech_speaker_extraction", 7)])}
    direction = taxonomy().tasks["speech_speaker_extraction"].direction
    assert found[direction] == found["speech"] == found["all"] == 7
