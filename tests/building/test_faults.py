"""What cannot be taken is named and counted; rows in are rows out and rows quarantined."""

import json
import shutil
import subprocess
import sys
from collections import Counter

import pytest
from built import Built
from dirty_tree import CLIP_FAULTS, Expected

from audio_flan.building import BuildError, build
from audio_flan.building.finish import check_counts
from audio_flan.building.workspace import without_root
from audio_flan.records import Reason
from audio_flan.release import Entry
from audio_flan.shards import CorpusFacts, folder_name
from audio_flan.streaming import open_root


@pytest.fixture(scope="module", params=["indexed", "embedded"])
def built(request, dirty, tmp_path_factory):
    out = tmp_path_factory.mktemp("built") / "out"
    return Built(out, build(dirty.root, out, request.param, verify="decode"))


def entries(built: Built) -> list[dict]:
    return [
        json.loads(line)
        for path in sorted((built.root / "quarantine").iterdir())
        for line in path.read_text().splitlines()
    ]


def test_good_rows_are_taken(built, dirty):
    assert sorted(row["uuid"] for row in built.rows()) == sorted(dirty.good)


def test_every_fault_is_named_as_validate_names_it(built, dirty):
    found = [
        Expected(e["file"], e["line"], e["byte_offset"], e["reason"], e["audio_id"], e["uuid"])
        for e in entries(built)
    ]
    assert sorted(found, key=repr) == sorted(dirty.entries, key=repr)
    assert all(entry["message"] for entry in entries(built))
    assert str(dirty.root) not in json.dumps(entries(built))


def test_rows_in_are_rows_out_and_rows_quarantined(built, dirty):
    summary = built.summary
    assert summary.rows_in == dirty.records
    assert summary.rows == len(dirty.good)
    for corpus in summary.corpora:
        assert corpus.rows_in == corpus.rows + corpus.rows_quarantined
    assert summary.rows_in == summary.rows + summary.rows_quarantined
    assert summary.quarantined == Counter(entry["reason"] for entry in entries(built))
    by_corpus = {corpus.corpus: sum(corpus.quarantined.values()) for corpus in summary.corpora}
    for corpus, count in by_corpus.items():
        path = built.root / "quarantine" / f"{folder_name(corpus)}.jsonl"
        assert len(path.read_text().splitlines() if path.exists() else []) == count


def test_nothing_but_good_clips_is_stored(built, dirty):
    assert built.summary.clips == dirty.clips
    for path in built.root.rglob("*"):
        if path.is_file() and "quarantine" not in path.parts:
            assert not any(f"needs-{audio_id}".encode() in path.read_bytes() for audio_id in CLIP_FAULTS)


def test_headers_alone_find_all_but_what_only_decoding_shows(dirty, out):
    made = Built(out, build(dirty.root, out))
    missed = {"cut_flac", "odd_flac"} & {
        audio_id for row in made.rows() for audio_id in row["input_audio_ids"]
    }
    assert missed <= {"cut_flac"}
    assert made.summary.rows_in == dirty.records == made.summary.rows + made.summary.rows_quarantined


def test_jobs_make_no_difference_to_what_is_named(built, dirty, out):
    form = built.summary.form
    made = Built(out, build(dirty.root, out, form, verify="decode", jobs=2))
    assert entries(made) == entries(built)
    assert made.summary.corpora == built.summary.corpora


def test_rows_that_do_not_add_up_are_no_build():
    rest = {
        "clips": 0,
        "clip_bytes": 0,
        "clip_seconds": 0.0,
        "quarantined": {},
        "sampling_rates": {},
        "channels": {},
        "formats": {},
    }
    good = CorpusFacts(corpus="a", rows_in=3, rows=2, rows_quarantined=1, **rest)
    check_counts([good])
    with pytest.raises(BuildError, match="b: 3 rows were read, 6 written and 0 quarantined"):
        check_counts([good, CorpusFacts(corpus="b", rows_in=3, rows=6, rows_quarantined=0, **rest)])


@pytest.mark.parametrize(
    ("reason", "message", "expected"),
    [
        (Reason.UNREADABLE_FILE, "denied: '/tmp/x/audio/scp/a.scp'", "denied: 'scp/a.scp'"),
        (Reason.UNREADABLE_FILE, "/tmp/x/audio/a and /tmp/x/audio/b", "a and b"),
        (Reason.UNREADABLE_FILE, "/tmp/x/audio_files/a.wav", "/tmp/x/audio_files/a.wav"),
        (Reason.UNREADABLE_FILE, "/mnt/tmp/x/audio/a.wav", "/mnt/tmp/x/audio/a.wav"),
        (
            Reason.SCP_UNSAFE_PATH,
            "the path '/tmp/x/audio/a' is refused",
            "the path '/tmp/x/audio/a' is refused",
        ),
    ],
)
def test_only_paths_of_the_root_lose_it(reason, message, expected):
    entry = Entry("scp_files/a.scp", None, None, reason, message)
    assert without_root(entry, "/tmp/x/audio").message == expected


@pytest.mark.parametrize("clips", ["tar", "parquet"])
def test_a_corpus_without_a_usable_clip_is_whole_all_the_same(small_tree, out, clips):
    shutil.rmtree(small_tree.root / "audio_files/speech/02_Synth")
    summary = build(small_tree.root, out, clips=clips)
    assert [each.clips for each in summary.corpora if each.corpus == "02_Synth"] == [0]
    report = open_root(out).check(deep=True)
    assert list(report.entries) == []
    assert report.clips == summary.clips


def test_no_row_at_all_is_an_error(small_tree, out, tmp_path):
    elsewhere = small_tree.root.rename(tmp_path / "elsewhere")
    linked = tmp_path / "linked"
    linked.mkdir()
    for folder in ("metadata", "scp_files"):
        shutil.copytree(elsewhere / folder, linked / folder)
    (linked / "audio_files").symlink_to(elsewhere / "audio_files")
    command = [sys.executable, "-m", "audio_flan.cli", "build", str(linked), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "outside_root" in done.stdout
    assert done.stderr.endswith("error: no row of the release could be taken\n")
