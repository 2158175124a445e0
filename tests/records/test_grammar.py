"""Audio tokens: found where they are, and refused where they are broken."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from property_profiles import examples
from record_strategies import audio_ids, marked_texts

from audio_flan.records import Reason, RecordFault, audio_token, find_audio_ids


@examples(500)
@given(marked_texts())
def test_the_ids_found_are_the_ids_planted(pair):
    text, planted = pair
    assert find_audio_ids(text) == planted


@given(st.text(max_size=60))
def test_any_text_gives_ids_or_a_fault(text):
    try:
        ids = find_audio_ids(text)
    except RecordFault as fault:
        assert fault.reason is Reason.BAD_AUDIO_TOKEN  # noqa: PT017
    else:
        assert all(audio_id == audio_id.strip() != "" for audio_id in ids)


@given(
    st.lists(st.sampled_from(["<|SOA|>", "<|EOA|>", "<|soa|>", "|", "<", "a", "OA", "\n", " "]), max_size=8)
)
def test_a_marker_is_part_of_a_token_or_a_fault(parts):
    text = "".join(parts)
    try:
        ids = find_audio_ids(text)
    except RecordFault:
        return
    assert text.count("<|SOA|>") == text.count("<|EOA|>") == len(ids)
    assert "<|soa|>" not in text or len(ids) > 0


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("audio: <|SOA|>Sound_Audio<|EOA|>.", ["Sound_Audio"]),
        ("<|SOA|>a<|EOA|><|SOA|>b<|EOA|>", ["a", "b"]),
        ("1. \n audio prompt:<|SOA|>13_LibriTTS-R_260_123288_000009_000000<|EOA|>\n2. text",
         ["13_LibriTTS-R_260_123288_000009_000000"]),
        ("<|SOA|>  with blanks inside \t<|EOA|>", ["with blanks inside"]),
        ("<|SOA|>no-break\u00a0and\u3000wide<|EOA|>", ["no-break\u00a0and\u3000wide"]),
        ("<|SOA|>a|b<c>d|><|<|EOA|>", ["a|b<c>d|><|"]),
        ("<|SOA|>LOAD_SOAP_OA<|EOA|> boats float", ["LOAD_SOAP_OA"]),
        ("<|SOA|>\u200d\ue000\U0001f3b5<|EOA|>", ["\u200d\ue000\U0001f3b5"]),
        ("<|SOA|>../../etc/passwd<|EOA|>", ["../../etc/passwd"]),
        ("SOAP and a ROAD to GOA; a SOA is a service", []),
        ("if a < b | c > d", []),
        ("", []),
    ],
)  # fmt: skip
def test_tokens_with_text_around_them(text, ids):
    assert find_audio_ids(text) == ids


@pytest.mark.parametrize(
    "text",
    [
        "<|SOA|>not closed",
        "not opened<|EOA|>",
        "<|SOA|><|EOA|>",
        "<|SOA|>   <|EOA|>",
        "<|SOA|>a<|SOA|>b<|EOA|>",
        "<|SOA|>a<|EOA|>b<|EOA|>",
        "<|EOA|>a<|SOA|>",
        "<|SOA|>over\nlines<|EOA|>",
        "<|SOA|>over\rlines<|EOA|>",
        "<|SOA|>bell\x07<|EOA|>",
        "<|SOA|>nul\0<|EOA|>",
        "<|SOA|>tab\there<|EOA|>",
        "<|SOA|>line\u2028separator<|EOA|>",
        "|SOA|>audio<|EOA|",
        "|SOA|>13_LibriTTS-R_260<|EOA|>",
        "<SOA>a<EOA>",
        "<|soa|>a<|eoa|>",
        "<\uff5cSOA\uff5c>a<\uff5cEOA\uff5c>",
        "< | SOA | >a< | EOA | >",
        "<|SOA>a<EOA|>",
        "</SOA>",
        "<|SOA|>" + "x" * 1025 + "<|EOA|>",
        "good <|SOA|>a<|EOA|> and then <|SOA|>",
    ],
)
def test_broken_tokens_are_refused(text):
    with pytest.raises(RecordFault) as caught:
        find_audio_ids(text)
    assert caught.value.reason is Reason.BAD_AUDIO_TOKEN
    assert len(str(caught.value)) < 600


def test_text_left_and_right_of_a_token_is_not_read_as_one():
    assert find_audio_ids("|" + audio_token("x") + "SOA") == ["x"]


@given(audio_ids)
def test_a_token_made_is_the_token_found(audio_id):
    assert find_audio_ids(audio_token(audio_id)) == [audio_id.strip()]


@pytest.mark.parametrize(
    "text",
    ["<" + " " * 1_000_000 + "OA", "<|SOA|>" * 100_000, "<|SOA|>" + "x" * 1_000_000, "OA" + "| " * 400_000,
     "<|SOA|>" + "<|" * 400_000, "SOA" + " " * 1_000_000],
)  # fmt: skip
def test_hostile_text_of_a_megabyte_takes_no_second(text):
    start = time.process_time()
    with contextlib.suppress(RecordFault):  # some of it has no marker at all
        find_audio_ids(text)
    assert time.process_time() - start < 1
