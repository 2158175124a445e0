"""Every kind of fault is named with its file, line and offset: nothing more, nothing less."""

import json
import subprocess
import sys
from collections import Counter

import pytest
from dirty_tree import CLIP_FAULTS, DirtyTree, Expected, make_dirty_tree

import audio_flan
from audio_flan.records import Reason, Warn
from audio_flan.release import Quarantine, open_release
from audio_flan.release.validate import validate

# A file that cannot be read, and sound that no decoder knows, need a disk and libraries that fail; the others
# are of built roots.
_ELSEWHERE = {
    Reason.UNREADABLE_FILE,
    Reason.UNSUPPORTED_AUDIO,
    Reason.MISSING_FILE,
    Reason.CHANGED_FILE,
    Reason.UNKNOWN_FILE,
    Reason.BAD_CELL,
    Reason.WRONG_COUNT,
    Reason.AUDIO_IN_OUTPUT,
    Reason.RESERVED_TAG,
}


@pytest.fixture(scope="module")
def dirty(tmp_path_factory) -> DirtyTree:
    return make_dirty_tree(tmp_path_factory.mktemp("dirty") / "root")


@pytest.fixture(scope="module")
def report(dirty):
    return validate(open_release(dirty.root))


def plain(found) -> list[Expected]:
    return sorted(
        (Expected(e.file, e.line, e.byte_offset, str(e.reason), e.audio_id, e.uuid) for e in found), key=repr
    )


def test_the_tree_has_every_reason(dirty):
    assert {entry.reason for entry in dirty.entries} == set(Reason) - _ELSEWHERE


def test_the_tree_has_every_warning_but_that_of_doubtful_names(dirty):
    assert {entry.reason for entry in dirty.warnings} == set(Warn) - {Warn.AMBIGUOUS_TASK_NAME}


@pytest.mark.parametrize("reason", sorted(set(Reason) - _ELSEWHERE))
def test_each_reason_is_given_where_it_belongs_and_nowhere_else(dirty, report, reason):
    assert plain(e for e in report.entries if e.reason == reason) == plain(
        e for e in dirty.entries if e.reason == reason
    )


def test_validate_finds_exactly_the_faults(dirty, report):
    assert plain(report.entries) == plain(dirty.entries)
    assert plain(report.warnings) == plain(dirty.warnings)
    assert report.entries.by_reason == Counter(entry.reason for entry in dirty.entries)
    assert report.rows == len(dirty.good)
    assert report.clips == dirty.clips
    assert all(entry.message and len(entry.message) <= 500 for entry in report.entries)


def test_rows_in_are_rows_out_and_rows_quarantined(dirty, report):
    lines = [e for e in report.entries if e.file.startswith("metadata/") and e.line is not None]
    assert dirty.records == report.rows + len(lines)


def test_decoding_finds_no_more_in_this_tree(dirty):
    assert plain(validate(open_release(dirty.root), decode=True).entries) == plain(dirty.entries)


def test_offsets_are_those_of_the_lines(dirty, report):
    for entry in report.entries:
        if entry.line is not None:
            data = (dirty.root / entry.file).read_bytes()
            assert data[: entry.byte_offset].count(b"\n") == entry.line - 1
            assert entry.byte_offset == 0 or data[entry.byte_offset - 1] == 10
            assert data[entry.byte_offset] != 10


def test_the_command_line_says_the_same_as_json(dirty, report):
    found = run_validate(dirty.root, "--json")
    assert found.returncode == 1
    told = json.loads(found.stdout)
    expected = json.loads(json.dumps(report.as_json()))
    for key in ("entries", "warnings"):
        told[key].sort(key=repr)
        expected[key].sort(key=repr)
    assert told == expected
    assert set(told["entries"][0]) == {
        "file", "line", "byte_offset", "reason", "message", "audio_id", "uuid",
    }  # fmt: skip
    assert told["quarantined"] == sum(told["by_reason"].values()) == len(told["entries"])
    assert found.stderr == ""


def test_the_command_line_lists_what_is_wrong(dirty):
    found = run_validate(dirty.root)
    assert found.returncode == 1
    assert f"{len(dirty.good)} good rows, {dirty.clips} good clips" in found.stdout
    assert "--json lists them all" in found.stdout
    assert "bad_audio_token" in found.stdout


def run_validate(root, *options):
    command = [sys.executable, "-m", "audio_flan.cli", "validate", str(root), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_skip_gives_exactly_the_good_rows_and_counts_the_others(dirty):
    stream = audio_flan.stream(dirty.root, "all", "all", on_error="skip")
    for _ in range(2):  # the second pass knows the files already, and must not say less
        rows = list(stream)
        assert [row["uuid"] for row in rows] == dirty.good
        assert_named_in_full(stream.quarantine, dirty)
        lines = [entry for entry in stream.quarantine if entry.line is not None]
        assert dirty.records == len(rows) + len(lines)


def test_a_stream_of_a_new_process_says_no_less(dirty):
    list(audio_flan.stream(dirty.root, "all", "all", on_error="skip"))
    stream = audio_flan.stream(dirty.root, "speech_asr", "all", on_error="skip")
    assert [row["uuid"] for row in stream] == dirty.good
    assert_named_in_full(stream.quarantine, dirty)


def assert_named_in_full(quarantine: Quarantine, dirty: DirtyTree) -> None:
    """A stream names faults of metadata files, and of the clips that its rows need."""
    reasons = {entry.uuid: str(entry.reason) for entry in quarantine if entry.uuid in dirty.bad_clip_rows}
    assert reasons == dirty.bad_clip_rows
    of_files = [
        e for e in dirty.entries if e.file.endswith((".jsonl", ".gz")) and e.reason != "misplaced_file"
    ]
    expected = [e for e in of_files if e.uuid not in dirty.bad_clip_rows]
    assert plain(e for e in quarantine if e.uuid not in dirty.bad_clip_rows) == plain(expected)


def test_null_puts_none_in_the_place_of_each_bad_clip(dirty):
    stream = audio_flan.stream(dirty.root, "all", "all", on_error="null")
    rows = {row["uuid"]: row for row in stream}
    assert set(rows) == {*dirty.good, *dirty.bad_clip_rows}
    for audio_id in CLIP_FAULTS:
        row = rows[f"needs-{audio_id}"]
        assert [audio and audio.id for audio in row["input_audio"]] == ["good_0", None]
        assert row["input_seconds"] == [0.05, None]
        assert row["input_audio_ids"] == ["good_0", audio_id]
    assert_named_in_full(stream.quarantine, dirty)


def test_raise_stops_at_the_first_bad_clip_and_names_it(dirty):
    with pytest.raises(audio_flan.AudioError) as caught:
        list(audio_flan.stream(dirty.root, "all", "all"))
    assert caught.value.audio_id == "99_Nobody"
    assert caught.value.fault == Reason.UNKNOWN_AUDIO_ID
    assert "99_Nobody" in str(caught.value)


def test_raise_does_not_stop_at_bad_records(dirty):
    columns = ["uuid", "input_audio_ids"]
    stream = audio_flan.stream(dirty.root, "all", "all", columns=columns)  # no clip is touched
    assert {row["uuid"] for row in stream} == {*dirty.good, *dirty.bad_clip_rows}
    assert Reason.INVALID_JSON in stream.quarantine.by_reason
