"""The tables are those of the facts, and names resolve by their rules."""

import json
from collections import Counter
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

import audio_flan
from audio_flan.taxonomy import (
    Spelling,
    UnknownNameError,
    list_configs,
    normalise,
    resolve_config,
    resolve_domain,
    resolve_task,
    taxonomy,
)
from audio_flan.taxonomy.errors import nearest_names

FACTS = json.loads((files("audio_flan.taxonomy") / "taxonomy.json").read_text())
MINORS = {row["config"]: row for row in FACTS["minors"]}
ALIASES = [
    (row["domain"], alias, row["config"])
    for row in FACTS["minors"]
    for alias in (row["name"], *row["aliases"])
]
AMBIGUOUS = [
    (row["domain"], alias["spelling"], row["config"])
    for row in FACTS["minors"]
    for alias in row["ambiguous_aliases"]
]
CONFIG_ALIASES = [
    (alias, row["config"]) for row in FACTS["majors"] + FACTS["minors"] for alias in row["config_aliases"]
]


def test_there_are_3_domains_23_majors_80_minors_and_112_configs():
    table = taxonomy()
    assert set(table.domains.values()) == {"speech", "music", "audio"}
    assert len(table.tasks) == 80
    assert len({(task.domain, task.major) for task in table.tasks.values()}) == 23
    assert list_configs() == sorted(FACTS["all_config_names"])
    assert len(list_configs()) == 112


@pytest.mark.parametrize("group", FACTS["groups"], ids=lambda group: group["config"])
def test_a_group_holds_as_many_tasks_as_the_facts_say(group):
    tasks = resolve_config(group["config"]).tasks
    assert len(tasks) == group["n_minor"]
    assert len({task.major_config for task in tasks}) == group["n_major"]


@pytest.mark.parametrize("major", FACTS["majors"], ids=lambda major: major["config"])
def test_a_major_holds_its_minors(major):
    assert resolve_config(major["config"]).task_names == set(major["minor_configs"])


def test_tasks_is_a_frame_of_80_rows_in_the_order_of_table_1():
    frame = audio_flan.tasks()
    assert frame.columns == [
        "config", "domain", "major", "minor", "major_config", "direction", "output_direction",
        "input", "output", "definition",
    ]  # fmt: skip
    assert frame["config"].to_list() == list(MINORS)
    assert frame.null_count().sum_horizontal().item() == 0
    by_direction = Counter(frame["direction"].to_list())
    assert by_direction == {key: count["minors"] for key, count in FACTS["counts"]["by_direction"].items()}
    differing = frame.filter(frame["direction"] != frame["output_direction"])["config"].to_list()
    assert differing == [name for name, row in MINORS.items() if row["direction_exception"]]


def spellings(text: str) -> list[str]:
    return [text, text.upper(), text.lower(), text.replace(" ", "_"), f"  {text.replace(' ', ' - ')}! "]


@pytest.mark.parametrize(("domain", "alias", "config"), ALIASES)
def test_every_alias_resolves_within_its_domain_however_it_is_written(domain, alias, config):
    for spelling in spellings(alias):
        match = resolve_task(domain, spelling)
        assert match is not None
        assert (match.task.config, match.spelling) == (config, Spelling.ALIAS)


@pytest.mark.parametrize(("domain", "alias", "config"), AMBIGUOUS)
def test_a_doubtful_spelling_resolves_as_its_note_says_and_is_marked(domain, alias, config):
    for spelling in spellings(alias):
        match = resolve_task(domain, spelling)
        assert match is not None
        assert (match.task.config, match.spelling) == (config, Spelling.AMBIGUOUS)


def test_no_alias_names_two_tasks_of_a_domain():
    seen = {}
    for domain, alias, config in ALIASES + AMBIGUOUS:
        assert seen.setdefault((domain, normalise(alias)), config) == config


@pytest.mark.parametrize(
    ("domain", "spelling"),
    [
        ("speech", "Music Tagging"),
        ("music", "ASR"),
        ("audio", "Key Detection"),
        ("speech", ""),
        ("speech", "?"),
    ],
)
def test_a_task_of_another_domain_or_of_no_name_does_not_resolve(domain, spelling):
    assert resolve_task(domain, spelling) is None


def test_a_misprinted_heading_is_no_alias_of_the_task_beneath_it():
    assert (
        resolve_task("speech", "Vocoder Type Classification").task.config
        == "speech_vocoder_type_classification"
    )


@pytest.mark.parametrize(
    ("spelling", "domain"),
    [("speech", "speech"), ("Music", "music"), ("sound", "audio"), ("SOUND ", "audio"), ("x", None)],
)
def test_domains(spelling, domain):
    assert resolve_domain(spelling) == domain


@pytest.mark.parametrize(("alias", "config"), CONFIG_ALIASES)
def test_config_aliases(alias, config):
    assert resolve_config(alias).name == config
    assert resolve_config(f" {alias.upper().replace('_', '-')}").name == config


@pytest.mark.parametrize("name", ["speech_understanding", "music_understanding", "audio_understanding"])
def test_domain_first_group_names_are_refused_with_a_hint(name):
    right = "understanding_" + name.partition("_")[0]
    with pytest.raises(UnknownNameError, match=f"the group is called '{right}'") as caught:
        resolve_config(name)
    assert caught.value.nearest == (right,)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("speech_arr", "speech_asr"),
        ("asr", "speech_asr"),
        ("music_key_detecton", "music_key_detection"),
        ("understanding_sound", "understanding_music"),
        ("generation_voice", "generation_music"),
        ("speech_texttospeech", "speech_tts"),
    ],
)
def test_an_unknown_name_raises_with_the_nearest_three(wrong, right):
    with pytest.raises(UnknownNameError) as caught:
        resolve_config(wrong)
    assert right in caught.value.nearest
    assert len(caught.value.nearest) == len(set(caught.value.nearest)) == 3
    assert set(caught.value.nearest) <= set(list_configs())
    assert repr(wrong) in str(caught.value)
    assert repr(right) in str(caught.value)


def test_a_name_of_a_million_characters_is_answered_at_once():
    with pytest.raises(UnknownNameError) as caught:
        resolve_config("speech_" + "x" * 1_000_000)
    assert len(str(caught.value)) < 500


@given(st.text())
def test_normalising_twice_changes_nothing(text):
    assert normalise(normalise(text)) == normalise(text)
    assert normalise(f"\t{text} -- ") == normalise(text)


@given(st.text(max_size=30), st.lists(st.text(max_size=10), unique=True))
def test_nearest_names_are_candidates_without_repeats(name, candidates):
    found = nearest_names(name, candidates)
    assert len(found) == min(3, len(candidates))
    assert set(found) <= set(candidates)
    if name in candidates and name:
        assert found[0].casefold() == name.casefold() or f"_{name.casefold()}_" in f"_{found[0].casefold()}_"
