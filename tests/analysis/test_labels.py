"""Labels are found where they are, agree with what is known of the clips, and are never guessed."""

import json
import re
from math import log2

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_flan.analysis.labels.answers import answer_by_question, read_answer
from audio_flan.analysis.labels.label_sets import tables
from audio_flan.analysis.labels.statistics import MAX_ANSWER_BYTES, label_statistics, label_tasks
from audio_flan.analysis.table import open_table
from audio_flan.demo.corpus import instances
from audio_flan.demo.writer import records_of
from audio_flan.taxonomy import taxonomy

COLUMNS = ("task", "instruction", "output", "output_audio_ids")


def table(*rows):
    """A frame of (task, output) and, where they matter, instruction and ids of output audio."""
    full = [(task, output, *rest, *("", [])[len(rest) :]) for task, output, *rest in rows]
    schema = {
        "task": pl.String,
        "output": pl.String,
        "instruction": pl.String,
        "output_audio_ids": pl.List(pl.String),
    }
    return pl.LazyFrame(full, schema=schema, orient="row")


def labels_of(row):
    """The labels of one row, through the same functions as the statistics."""
    label_set = tables().tasks[row["task"]]
    read = read_answer(row["output"], label_set)
    if read.found == "question":
        read = answer_by_question(read.labels[0], row["instruction"], label_set)
    return read.labels


@pytest.mark.parametrize(
    ("label_set", "output", "label"),
    [
        ("gender", "The gender is female.", "female"),
        ("gender", "Gender: F", "female"),
        ("gender", "female", "female"),
        ("gender", "A male voice.", "male"),
        ("gender", '{"gender": "male"}', "male"),
        ("gender", "It's a man, not a woman.", "male"),
        ("gender", "\u6027\u522b\uff1a\u5973", "female"),
        ("gender", "Die Person, die spricht, ist eine Frau.", "female"),
        ("same_or_different", "Yes, it is the same speaker", "same"),
        ("same_or_different", "They are not the same.", "different"),
        ("same_or_different", "It isn\u2019t the same voice", "different"),
        ("same_or_different", "not spoken by the same person", "different"),
        ("same_or_different", "No, they are different", "different"),
        ("same_or_different", "There is no difference.", "same"),
        ("same_or_different", "Same speaker: no", "different"),
        ("same_or_different", "same_speaker: true", "same"),
        ("same_or_different", "ce n'est pas la m\u00eame voix", "different"),
        ("same_or_different", "\u4e0d\u662f\u540c\u4e00\u4e2a\u4eba", "different"),
        ("real_or_fake", "The speech is bona fide", "real"),
        ("real_or_fake", "It has not been manipulated.", "real"),
        ("real_or_fake", "Is it fake? Yes", "fake"),
        ("comparison", "Both have the same tempo.", "same"),
        ("comparison", "Both are in C minor.", "same"),
        ("comparison", "The first is in C minor, the second is in A minor.", "different"),
        ("comparison", "The first is faster than the second", "first"),
        ("comparison", "The second is faster, unlike the first.", "second"),
        ("comparison", "They do not share the same key.", "different"),
        ("comparison", "audio 2", "second"),
        ("comparison", "different: bassoon and violin", "different"),
        ("language", "Language in the given speech is English.", "english"),
        ("language", "The language spoken here is Mandarin Chinese", "chinese"),
        ("language", "The speaker is speaking fluent German", "german"),
        ("language", "Language: zh", "chinese"),
        ("language", "\u8bed\u8a00\u662f\u82f1\u8bed", "english"),
        ("language", "The language is Klingon", "klingon"),
        ("emotion", "The speaker sounds very angry.", "angry"),
        ("emotion", "Emotion: happiness", "happy"),
        ("emotion", "wistful", "wistful"),
        ("age", "Age group: adult (26-45)", "adult (26-45)"),
        ("age", "The age group is senior (65 or over).", "senior (65 or over)"),
        ("accent", "American (USA/neutral)", "american (usa/neutral)"),
        ("intent", "action: activate\nobject: lights", "action: activate, object: lights"),
        ("vocoder", "It was made with the LPC vocoder method.", "lpc"),
        ("scene", "This was recorded in a park.", "park"),
        ("device", "Recorded with an Android phone", "android phone"),
        ("genre", "It is a drum and bass track.", "drum and bass"),
        ("event", "This is the sound of rain.", "rain"),
        ("key", "It is in Bb major.", "A# major"),
        ("key", "Key: A:min", "A minor"),
        ("key", "F#m", "F# minor"),
        ("key", "The scale is D# major pentatonic", "D# major pentatonic"),
        ("key", "This is the ionian scale.", "ionian"),
        ("pitch", "The note is F#5.", "F#5"),
        ("pitch", "MIDI 58", "A#3"),
        ("pitch", "Bb3 (MIDI 58)", "A#3"),
    ],
)
def test_an_answer_in_any_wording_gives_its_label(label_set, output, label):
    assert read_answer(output, label_set).labels == (label,)


@pytest.mark.parametrize(
    ("label_set", "output", "found"),
    [
        ("gender", "male or female", "ambiguous"),
        ("gender", "a man and a woman", "ambiguous"),
        ("gender", "It is not a woman", "none"),
        ("gender", "Is the speaker female? No.", "none"),
        ("gender", "unknown", "none"),
        ("gender", "", "none"),
        ("gender", "yes", "none"),
        ("same_or_different", "same, or perhaps different", "ambiguous"),
        ("language", "English with German words", "ambiguous"),
        ("language", "I cannot tell", "none"),
        ("emotion", "The speaker is not happy", "none"),
        ("age", "20 or 30", "ambiguous"),
        ("comparison", "Compared with the first, the second is faster.", "ambiguous"),
        ("scene", "A dog barks. Then a car passes by and somebody shouts something.", "none"),
        ("key", "C major or A minor", "ambiguous"),
        ("key", "It is in a minor key", "none"),
        ("pitch", "440 Hz", "none"),
        ("pitch", "MIDI 300", "none"),
        ("instrument", "A piano and a violin are playing.", "none"),
    ],
)
def test_what_names_two_labels_or_none_is_not_guessed(label_set, output, found):
    assert read_answer(output, label_set) == ((), found)


def test_a_list_of_labels_counts_each():
    read = read_answer("The instruments are piano, bass and drums", "instrument")
    assert read == (("piano", "bass", "drums"), "lead_in")
    assert read_answer("drum & bass, pop and rock", "genre").labels == ("drum and bass", "pop", "rock")


@pytest.mark.parametrize(
    ("answer", "instruction", "label_set", "labels"),
    [
        ("yes", "Is it the same speaker?", "same_or_different", ("same",)),
        ("yes", "Are these different speakers?", "same_or_different", ("different",)),
        ("no", "Are these different speakers?", "same_or_different", ("same",)),
        ("no", "Verify the second voice.", "same_or_different", ("different",)),
        ("yes", "Same speaker or different ones?", "same_or_different", ()),
        ("no", "Is the clip genuine?", "real_or_fake", ("fake",)),
        ("yes", "Was the clip manipulated?", "real_or_fake", ("fake",)),
        ("yes", "Check the clip.", "real_or_fake", ()),
        ("yes", "Real or fake?", "real_or_fake", ()),
    ],
)
def test_the_instruction_says_what_a_bare_yes_means(answer, instruction, label_set, labels):
    assert answer_by_question(answer, instruction, label_set).labels == labels


def test_every_task_of_the_table_is_one_whose_output_is_text():
    tasks = taxonomy().tasks
    assert {task: tasks[task].output_direction for task in label_tasks()} == dict.fromkeys(
        label_tasks(), "understanding"
    )
    assert set(tables().tasks.values()) == set(tables().sets)


@pytest.fixture(scope="module")
def corpus_rows(shared_corpus, tmp_path_factory):
    frame = open_table(shared_corpus, cache_dir=tmp_path_factory.mktemp("cache")).frame()
    return frame.select(*COLUMNS, "other", "input_audio_ids").collect()


def test_the_corpus_is_covered_and_nothing_in_it_is_ambiguous(corpus_rows):
    found = label_statistics(corpus_rows.lazy())
    assert set(found) == set(label_tasks())
    assert {task: one.coverage for task, one in found.items()} == dict.fromkeys(found, 1.0)
    assert sum(one.rows for one in found.values()) == len(
        corpus_rows.filter(pl.col("task").is_in(label_tasks()))
    )
    assert found["speech_gender_recognition"].labels == {"male": 545, "female": 59}
    assert found["speech_speaker_verification"].labels == {"same": 260, "different": 181}
    assert found["music_key_comparison"].majority_share == 53 / 57


NOTE_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def _speaker(audio_id):
    found = re.search(r"jackson|nicolas|yweweler|george", audio_id)
    return found[0] if found else None


def _true_label(task, ids, other):
    """What the ids of the clips and the column `other` say of the label; None where they say nothing."""
    first = ids[0]
    speakers = [_speaker(one) for one in ids]
    if task == "speech_gender_recognition":
        return "male" if "FSDD" in first else "female" if "LJ" in first else None
    if task == "speech_speaker_id":
        return speakers[0]
    if task == "speech_speaker_verification" and all("01_FSDD" in one for one in ids):
        return "same" if speakers[0] == speakers[1] else "different"
    if task == "speech_spoken_paragraph_recognition":
        digits = [re.search(r"str\d+", one)[0] for one in ids]
        return "same" if digits[0] == digits[1] else "different"
    if task in ("speech_deepfake_detection", "audio_deepfake_audio_detection"):
        return "real" if first.endswith("_orig") else "fake"
    if task == "speech_vocoder_type_classification":
        return {"GriffinLim": "griffin-lim", "WORLD": "world", "LPC": "lpc"}[first.rsplit("_", 1)[1]]
    if task == "speech_emotion_recognition":
        return first.rsplit("_", 1)[1]
    if task == "speech_device_recognition" and "Dagstuhl" in first:
        kinds = {"DYN": "dynamic", "HSM": "headset", "LRX": "larynx"}
        return f"{kinds[first.rsplit('_', 1)[1]]} microphone"
    if task == "speech_language_id" and "01_FSDD" in first:
        return "english"
    if task == "music_vocal_technique_classification":
        return first.split("_")[-2]
    if task == "music_tempo_comparison":
        return "first" if other["bpm"][0] > other["bpm"][1] else "second"
    if task == "music_key_comparison" and other:
        return "same" if other["keys"][0] == other["keys"][1] else "different"
    if task == "music_pitch_classification" and other and "midi" in other:
        return f"{NOTE_NAMES[other['midi'] % 12]}{other['midi'] // 12 - 1}"
    return None


def test_labels_agree_with_what_is_known_of_the_clips_of_the_corpus(corpus_rows):
    checked = dict.fromkeys(label_tasks(), 0)
    rows = corpus_rows.filter(pl.col("task").is_in(label_tasks()))
    for row in rows.iter_rows(named=True):
        other = json.loads(row["other"]) if row["other"] else None
        truth = _true_label(row["task"], row["input_audio_ids"], other)
        if truth:
            assert labels_of(row) == (truth,), row
            checked[row["task"]] += 1
    assert sum(n > 0 for n in checked.values()) >= 14
    assert sum(checked.values()) > 2000


@pytest.fixture(scope="module")
def demo_rows():
    """Records of the demo corpus with the bare answers that they were made of."""
    configs = {task.minor: task.config for task in taxonomy().tasks.values()}
    return [
        {
            "task": configs[instance.task],
            "instruction": record["instruction"],
            "output": record["output"],
            "output_audio_ids": [],
            "truth": instance.output,
        }
        for instance, record in records_of(list(instances(0)), 0)
        if configs[instance.task] in label_tasks()
    ]


SAME = re.compile(r"yes$|same\b|the same:|both ", re.IGNORECASE)
MADE_OTHERWISE = {"bona fide": "real", "original": "real", "spoof": "fake"}


def _made_of(task, truth):
    """The labels that a bare answer of the demo corpus stands for."""
    kind = tables().tasks[task]
    if kind in ("same_or_different", "comparison"):
        named = re.match(r"The (first|second) is faster", truth)
        return {named[1] if named else "same" if SAME.match(truth) else "different"}
    if kind in ("key", "pitch"):
        return {truth}
    if kind == "vocoder":
        return {truth.lower().removesuffix(" vocoder")}
    return set(MADE_OTHERWISE.get(truth, truth.lower()).split(", "))


def test_labels_are_those_that_the_demo_corpus_was_made_of(demo_rows):
    assert {row["task"] for row in demo_rows} == set(label_tasks())
    for row in demo_rows:
        assert set(labels_of(row)) == _made_of(row["task"], row["truth"]), row
    found = label_statistics(pl.LazyFrame(demo_rows).drop("truth"))
    assert {task: one.coverage for task, one in found.items()} == dict.fromkeys(found, 1.0)


def test_bias_and_imbalance_show():
    task = "speech_speaker_verification"
    rows = [(task, "Yes", "Is it the same voice?")] * 6 + [
        (task, "The answer is no", "Is it the same voice?")
    ]
    found = label_statistics(table(*rows, (task, "different"), (task, "same or different"), (task, "")))[task]
    assert found.rows == 10
    assert (found.covered, found.coverage, found.ambiguous) == (8, 0.8, 1)
    assert list(found.labels.items()) == [("same", 6), ("different", 2)]
    assert found.found == {"bare": 1, "question": 7}
    assert (found.majority_label, found.majority_share, found.distinct) == ("same", 0.75, 2)
    assert found.entropy_bits == pytest.approx(-0.75 * log2(0.75) - 0.25 * log2(0.25))
    assert found.normalised_entropy == found.entropy_bits


def test_one_label_has_no_entropy_and_no_label_is_no_majority():
    found = label_statistics(table(("speech_gender_recognition", "male"), ("speech_age_recognition", "")))
    one, none = found["speech_gender_recognition"], found["speech_age_recognition"]
    assert (one.entropy_bits, one.normalised_entropy, one.majority_share) == (0.0, 0.0, 1.0)
    assert (none.coverage, none.distinct, none.majority_label, none.majority_share) == (0.0, 0, None, 0.0)


def test_labels_of_lists_are_shares_of_labels_and_the_majority_is_of_rows():
    task = "music_instrument_classification"
    found = label_statistics(table((task, "piano, drums"), (task, "piano"), (task, "piano, piano")))[task]
    assert found.multiple
    assert found.labels == {"piano": 3, "drums": 1}
    assert found.majority_share == 1.0
    assert found.entropy_bits == pytest.approx(-0.75 * log2(0.75) - 0.25 * log2(0.25))


def test_audio_and_long_texts_are_no_answers():
    task = "speech_gender_recognition"
    token = "<|SOA|>female_1<|EOA|>"
    rows = table((task, token, "", ["female_1"]), (task, "female " * MAX_ANSWER_BYTES), (task, "female"))
    assert label_statistics(rows)[task].covered == 1


def test_rows_of_other_tasks_are_not_counted_and_no_rows_are_no_statistics():
    assert label_statistics(table(("speech_asr", "female"))) == {}
    assert label_statistics(table()) == {}


OUTPUTS = ("female", "Gender: F", "male", "The gender is male.", "male or female", "", "yes", "no idea", "m")


@given(st.lists(st.sampled_from(OUTPUTS), min_size=1, max_size=30), st.randoms())
def test_the_order_of_rows_makes_no_difference_and_shares_add_up(outputs, random):
    task = "speech_gender_recognition"
    found = label_statistics(table(*((task, one) for one in outputs)))
    mixed = list(outputs)
    random.shuffle(mixed)
    assert label_statistics(table(*((task, one) for one in mixed))) == found
    one = found[task]
    assert sum(one.labels.values()) == one.covered == sum(one.found.values())
    assert one.covered + one.ambiguous <= one.rows == len(outputs)
    assert 0.0 <= one.normalised_entropy <= 1.0 + 1e-12


@given(st.text(max_size=60), st.sampled_from(sorted(tables().sets)))
def test_any_text_is_read(text, label_set):
    read = read_answer(text, label_set)
    assert bool(read.labels) == (read.found not in ("ambiguous", "none"))
    assert tables().sets[label_set].multiple or len(read.labels) <= 1
