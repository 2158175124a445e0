"""The reason codes are a closed list, and the reference explains each."""

import re
from pathlib import Path

import pytest

from audio_flan.records import Reason, RecordFault, Warn
from audio_flan.waveform import ClipFault

REFERENCE = Path(__file__).resolve().parents[2] / "docs/reference/reasons.md"
# | `code` | meaning | example | what to do |, with | in cells written as \|
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", text)[1:-1]]
    for text in REFERENCE.read_text().splitlines()
    if re.match(r"\| `\w+` \|", text)
]


def test_every_code_is_explained_once_and_no_other_is():
    codes = [cells[0].strip("`") for cells in ROWS if len(cells) == 4]
    assert sorted(codes) == sorted([*Reason, *Warn])


@pytest.mark.parametrize("cells", [cells for cells in ROWS if len(cells) == 4], ids=lambda cells: cells[0])
def test_each_explanation_says_what_it_means_and_what_to_do(cells):
    _, meaning, _, remedy = cells
    assert len(meaning) > 15
    assert len(remedy) > 5


def test_the_fields_of_an_entry_are_those_of_the_reference():
    from audio_flan.release import Entry

    fields = [cells[0].strip("`") for cells in ROWS if len(cells) == 2]
    assert fields == list(Entry("f", 1, 0, "r", "m").as_json())


@pytest.mark.parametrize("fault", ClipFault)
def test_what_can_be_wrong_with_a_clip_is_a_reason(fault):
    assert Reason(fault.value) == fault


def test_codes_are_words_and_reasons_are_no_warnings():
    assert all(re.fullmatch(r"[a-z0-9_]+", code) for code in [*Reason, *Warn])
    assert not set(Reason) & set(Warn)


def test_a_fault_says_its_reason_and_cuts_what_is_too_long():
    fault = RecordFault(Reason.WRONG_TYPE, "x" * 10_000, uuid="u")
    assert str(fault).startswith("wrong_type: x")
    assert len(fault.detail) == 500


def test_the_limits_are_those_of_the_reference():
    from audio_flan.records.json_text import MAX_DEPTH
    from audio_flan.release.clip_table import MAX_SCP_LINE_BYTES
    from audio_flan.release.lines import MAX_GZIP_GROWTH, MAX_LINE_BYTES
    from audio_flan.release.report import REPORT_LIMIT
    from audio_flan.streaming.engine import QUARANTINE_LIMIT

    text = REFERENCE.read_text()
    assert (MAX_LINE_BYTES, MAX_SCP_LINE_BYTES) == (1 << 20, 64 << 10)
    assert MAX_GZIP_GROWTH == ((1 << 20, 400), (16 << 20, 200))
    assert f"over {MAX_DEPTH} levels" in text
    assert f"up to {REPORT_LIMIT:,} entries" in text
    assert f"a stream lists {QUARANTINE_LIMIT:,}" in text
