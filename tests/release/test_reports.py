"""Quarantine lists: complete in their counts, bounded in what they keep."""

import pytest
from trees import line, metadata_path, record, write

from audio_flan.release import Entry, Quarantine, open_release
from audio_flan.release.summary import summarise
from audio_flan.release.validate import validate

PATH = metadata_path("speech", "understanding", "train_dev", "01_Read", "more.jsonl")


def entry(n: int, reason: str = "invalid_json") -> Entry:
    return Entry("a.jsonl", n, 10 * n, reason, f"message {n}")


def test_a_full_quarantine_goes_on_counting():
    quarantine = Quarantine(limit=2)
    quarantine.extend(entry(n) for n in range(5))
    assert [e.line for e in quarantine] == [0, 1]
    assert (len(quarantine), quarantine.dropped, quarantine.by_reason) == (5, 3, {"invalid_json": 5})
    assert str(quarantine) == "5 quarantined (5 invalid_json)"


def test_merging_keeps_what_there_is_room_for_and_counts_all():
    quarantine, other = Quarantine(limit=3), Quarantine(limit=2)
    quarantine.extend(entry(n) for n in range(2))
    other.extend(entry(n, "not_an_object") for n in range(4))
    quarantine.merge(other)
    assert [e.reason for e in quarantine] == ["invalid_json", "invalid_json", "not_an_object"]
    assert quarantine.by_reason == {"invalid_json": 2, "not_an_object": 4}


def test_an_empty_quarantine_is_false():
    assert not Quarantine()


def test_a_message_of_hostile_length_is_cut():
    quarantine = Quarantine()
    quarantine.add(entry(1)._replace(message="x" * 1_000_000))
    assert len(quarantine.entries[0].message) == 500


def test_doubtful_names_are_counted(small_tree):
    path = metadata_path("music", "understanding", "test", "30_Keys", "doubt.jsonl")
    kind = {"major": "Sequential MIR", "minor": "Pitch Estimation", "U/G": "u"}
    rows = [line(f"doubt-{i}", domain="music", split="test", task_type=kind) for i in range(3)]
    write(small_tree.root, path, b"\n".join(rows))
    report = validate(open_release(small_tree.root))
    assert not report.entries
    assert report.warnings.by_reason["ambiguous_task_name"] == 3
    assert [e.uuid for e in report.warnings if e.reason == "ambiguous_task_name"] == [
        "doubt-0",
        "doubt-1",
        "doubt-2",
    ]


def test_a_uuid_that_occurs_twice_is_a_warning_and_both_rows_are_kept(small_tree):
    write(small_tree.root, PATH, line("asr-0") + b"\n" + line("asr-0") + b"\n" + line("new"))
    report = validate(open_release(small_tree.root))
    assert not report.entries
    assert report.rows == len(small_tree.rows) + 3
    first = metadata_path("speech", "understanding", "train_dev", "01_Read", "asr.jsonl")
    assert [(e.file, e.line, str(e.reason), e.uuid) for e in report.warnings] == [
        (PATH, 1, "duplicate_uuid", "asr-0"),
        (PATH, 2, "duplicate_uuid", "asr-0"),
    ]
    assert all(f"{first}:1" in e.message for e in report.warnings)


def test_a_record_of_two_tasks_is_no_duplicate_of_itself(small_tree):
    kind = record("")["task_type"] | {"minor": ["ASR", "Phonetic Recognition"]}
    write(small_tree.root, PATH, line("both", task_type=kind, split=["train", "dev"]))
    report = validate(open_release(small_tree.root))
    assert (list(report.warnings), report.rows) == ([], len(small_tree.rows) + 4)


def test_an_id_with_two_paths_is_an_entry_and_the_first_path_is_used(small_tree):
    scp = "scp_files/speech/02_Synth.scp"  # after 01_Read.scp
    text = (small_tree.root / scp).read_bytes()
    write(small_tree.root, scp, text + b"01_Read_1 audio_files/speech/01_Read/wav/01_Read_2.flac\n")
    release = open_release(small_tree.root)
    report = validate(release)
    assert [(e.file, e.line, e.byte_offset, str(e.reason), e.audio_id) for e in report.entries] == [
        (scp, 5, len(text), "scp_conflict", "01_Read_1")
    ]
    assert release.clips.file_of("01_Read_1").endswith("01_Read_1.flac")
    assert report.rows == len(small_tree.rows)


def test_a_borrowed_id_with_the_same_path_is_fine_however_it_is_written(small_tree):
    scp = "scp_files/speech/02_Synth.scp"
    same = b"01_Read_1\t./audio_files//speech/01_Read/wav/01_Read_1.flac\r\n" * 3
    write(small_tree.root, scp, (small_tree.root / scp).read_bytes() + same)
    assert not validate(open_release(small_tree.root)).entries


def test_ids_of_any_length_and_with_one_hash_are_told_apart(small_tree, monkeypatch):
    import audio_flan.release.clip_table as module

    monkeypatch.setattr(module, "xxh3_64_intdigest", lambda data: len(data) % 3)
    clips = open_release(small_tree.root).clips
    assert len(clips) == len(small_tree.waves)
    assert all(audio_id in clips for audio_id in small_tree.waves)
    assert {line.audio_id for line in clips} == set(small_tree.waves)
    assert "01_Read_9" not in clips
    assert not clips.faults


@pytest.mark.parametrize("length", [2000, 60_000])
def test_a_long_id_is_listed_but_never_asked_for(small_tree, length):
    write(small_tree.root, "scp_files/speech/long.scp", b"x" * length + b" audio_files/a.wav")
    report = validate(open_release(small_tree.root))
    assert report.entries.by_reason == {"missing_audio": 1}


def test_a_summary_counts_what_is_quarantined(small_tree):
    write(small_tree.root, PATH, b"{\n" + line("u", input="<|SOA|>"))
    write(small_tree.root, "metadata/stray.jsonl", b"")
    write(small_tree.root, "scp_files/speech/bad.scp", b"alone")
    summary = summarise(open_release(small_tree.root))
    assert summary.quarantined == {
        "invalid_json": 1, "bad_audio_token": 1, "misplaced_file": 1, "scp_bad_line": 1,
    }  # fmt: skip
    assert summary.rows == len(small_tree.rows)
    assert summary.corpus == {"50_Rain": 2, "30_Keys": 2, "02_Synth": 3, "01_Read": 3}
    assert summary.clips == len(small_tree.waves)
    assert summary.audio_bytes == sum(
        f.stat().st_size for f in (small_tree.root / "audio_files").rglob("*") if f.is_file()
    )
