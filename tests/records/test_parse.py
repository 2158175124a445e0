"""Lenient in form, strict in meaning."""

import json
import time

import pytest
from dirty_tree import RECORD_FAULTS
from hypothesis import given
from hypothesis import strategies as st
from property_profiles import examples
from record_strategies import records
from trees import line, record, token

from audio_flan.records import Reason, RecordFault, Warn, parse_record

NOT_IN_THE_RECORD = ("wrong_folder", "unknown_audio_id", "line_too_long")


def kind(**changes):
    return record("")["task_type"] | changes


def one(**changes):
    (instance,) = parse_record(line("u", **changes)).instances
    return instance


def fault_of(text: bytes) -> RecordFault:
    with pytest.raises(RecordFault) as caught:
        parse_record(text)
    return caught.value


@pytest.mark.parametrize(
    "name", [n for n, fault in RECORD_FAULTS.items() if fault[0] not in NOT_IN_THE_RECORD]
)
def test_each_fault_has_its_reason_and_names_the_uuid(name):
    reason, text, uuid = RECORD_FAULTS[name]
    fault = fault_of(text)
    assert (str(fault.reason), fault.uuid) == (reason, uuid)
    assert 0 < len(fault.detail) <= 500


@pytest.mark.parametrize("field", ["uuid", "instruction", "input", "output", "domain"])
@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], ["text"], {}, {"a": "text"}])
def test_texts_must_be_strings(field, value):
    changes = {} if field == "uuid" else {field: value}
    assert fault_of(line(value if field == "uuid" else "u", **changes)).reason is Reason.WRONG_TYPE


@pytest.mark.parametrize("value", [None, 1, True, {}, [1], [None], [["train"]], ["train", 2]])
@pytest.mark.parametrize("field", ["split", "major", "minor", "U/G"])
def test_the_lenient_fields_are_strings_or_lists_of_strings(field, value):
    changes = {"split": value} if field == "split" else {"task_type": kind(**{field: value})}
    assert fault_of(line("u", **changes)).reason is Reason.WRONG_TYPE


@pytest.mark.parametrize(
    ("written", "split"),
    [
        ("train", "train"),
        (["dev"], "validation"),
        ("Validation", "validation"),
        ([" valid "], "validation"),
        ("TEST", "test"),
    ],
)
def test_splits(written, split):
    assert one(split=written).split == split


@pytest.mark.parametrize("wrap", [lambda text: text, lambda text: [text]])
def test_a_string_is_a_list_of_one(wrap):
    names = {"major": "Speech Recognition", "minor": "ASR", "U/G": "U"}
    instance = one(
        split=wrap("train"),
        source=wrap("studio"),
        task_type={k: wrap(v) for k, v in names.items()} | {"unseen": True},
    )
    assert instance.split == "train"
    assert instance.source == ["studio"]
    assert (instance.major, instance.minor, instance.task) == (
        "Speech Recognition", "Automatic Speech Recognition", "speech_asr",
    )  # fmt: skip
    assert instance.direction == "understanding"
    assert instance.unseen is True


def test_a_record_of_two_tasks_and_two_splits_is_four_instances():
    both = kind(minor=["ASR", "Phonetic Recognition"], **{"U/G": ["understanding"]})
    instances = parse_record(line("u", task_type=both, split=["train", "dev"])).instances
    assert [(i.task, i.split) for i in instances] == [
        ("speech_asr", "train"), ("speech_asr", "validation"),
        ("speech_phonetic_recognition", "train"), ("speech_phonetic_recognition", "validation"),
    ]  # fmt: skip


def test_a_task_or_split_named_twice_is_one_instance():
    twice = kind(minor=["ASR", "Automatic Speech Recognition"], **{"U/G": ["u", "understanding"]})
    assert len(parse_record(line("u", task_type=twice, split=["dev", "validation"])).instances) == 1


def test_directions_go_with_their_tasks():
    both = kind(minor=["Speech Denoising", "SNR Estimation"], **{"U/G": ["generation", "understanding"]})
    both["minor"] = ["Denoising", "Signal-to-noise Ratio Estimation"]
    found = {i.task: i.direction for i in parse_record(line("u", task_type=both)).instances}
    assert found == {"speech_denoising": "generation", "speech_snr_estimation": "understanding"}


def test_directions_that_fit_no_number_of_tasks_are_a_fault():
    assert fault_of(line("u", task_type=kind(**{"U/G": ["u", "g"]}))).reason is Reason.UNKNOWN_DIRECTION


def test_ids_are_listed_by_side_in_order_of_appearance():
    instance = one(
        instruction="like " + token("i"),
        input=f"{token('b')} and {token('a')}\n{token('b')}",
        output=token("o"),
    )
    assert instance.input_audio_ids == ["i", "b", "a", "b"]
    assert instance.output_audio_ids == ["o"]


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"task_type": kind(major="Sound Generation")}, Warn.MAJOR_DIFFERS),
        ({"input": "no sound"}, Warn.NO_AUDIO),
        (
            {"task_type": kind(minor="Pitch Estimation", major="Sequential MIR"), "domain": "music"},
            Warn.AMBIGUOUS_TASK_NAME,
        ),
    ],
)
def test_odd_records_are_kept_with_a_warning(changes, warning):
    parsed = parse_record(line("u", **changes))
    assert len(parsed.instances) == 1
    assert warning in [code for code, _ in parsed.warnings]


@pytest.mark.parametrize(
    ("usual", "with_a_key_twice"),
    [
        (b'"uuid":', b'"uuid":"v","uuid":'),
        (b'"uuid":', b'"uuid" : "v","uuid":'),
        (b'"unseen":', b'"unseen"\t:true,"unseen":'),
        (b'"instruction":', b'"instruction":"a:b:c","instruction":'),
        (b'"instruction":"', b'"output":"a","instruction":"\\u003a'),  # a colon that none stands for
        (b'"domain":', b'"domain":"x","domain":'),
    ],
)
def test_a_key_that_occurs_twice_is_found_however_it_is_written(usual, with_a_key_twice):
    text = json.dumps(record("u", instruction="at 10:30: listen"), separators=(",", ":")).encode()
    assert parse_record(text).instances[0].instruction == "at 10:30: listen"
    assert text.count(usual) == 1
    fault = fault_of(text.replace(usual, with_a_key_twice))
    assert fault.reason is Reason.DUPLICATE_KEY


def test_a_usual_record_has_no_warning():
    assert parse_record(line("u")).warnings == ()


@examples(150)
@given(records(), st.data())
def test_any_damage_to_a_line_is_a_record_or_a_fault(value, data):
    text = bytearray(json.dumps(value, ensure_ascii=False).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
        if not text:
            return
    try:
        assert parse_record(bytes(text)).instances
    except RecordFault as fault:
        assert fault.reason in Reason  # noqa: PT017


@examples(200)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_fault(data):
    fault_of(data)


def numbered(n: int) -> str:
    return ",".join(f'"{i}":0' for i in range(n))


HOSTILE = {
    "many keys, one twice": b"{" + numbered(90_000).encode() + b',"89999":1}',
    "many splits and tasks": line("u", split=["train"] * 60_000, task_type=kind(minor=["ASR"] * 60_000)),
    "many wrong majors": line("u", task_type=kind(major=[str(i) for i in range(90_000)])),
    "a long number": line("u").replace(b"null", b"9" * 1_000_000),
    "a long domain": line("u", domain="x" * 1_000_000),
    "a long source": line("u", source="x" * 1_000_000),
    "many sources": line("u", source=["x"] * 200_000),
    "deep objects": line("u").replace(b"null", b'{"a":' * 150_000 + b"1" + b"}" * 150_000),
    "wide and deep": line("u").replace(b"null", b"[" + b",".join([b"[[[]]]"] * 140_000) + b"]"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_lines_of_a_megabyte_take_no_two_seconds(name):
    start = time.process_time()
    try:
        parse_record(HOSTILE[name])
    except RecordFault as fault:
        assert len(str(fault)) < 600  # noqa: PT017
    assert time.process_time() - start < 2


def test_long_lines_are_not_kept_in_memory():
    import tracemalloc

    tracemalloc.start()
    try:
        for i in range(60):
            parse_record(
                line("u", source=f"{i}" + "x" * 500_000, task_type=kind(major=f"{i}" + "y" * 200_000))
            )
            with pytest.raises(RecordFault):
                parse_record(line("u", domain=f"{i}" + "z" * 500_000))
        assert tracemalloc.get_traced_memory()[0] < 20 << 20
    finally:
        tracemalloc.stop()
