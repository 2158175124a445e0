"""`validate` of built roots: nothing is wrong with a good one, and every kind of damage is named."""

import shutil

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import audio_flan
from audio_flan.records import Reason
from audio_flan.shards import id_table_file, index_file, read_manifest, write_manifest
from audio_flan.shards.hashing import hash_footer
from audio_flan.shards.id_table import IdTableWriter
from audio_flan.shards.index import read_index
from audio_flan.streaming import open_root


def check(root, **options):
    return open_root(root).check(**options)


def list_as(root, listed, /, **facts):
    """Let the manifest say other things of a file."""
    manifest = read_manifest(root)
    change = {
        file.path: msgspec.structs.replace(file, **facts) for file in manifest.files if file.path == listed
    }
    files = tuple(change.get(file.path, file) for file in manifest.files)
    write_manifest(root, msgspec.structs.replace(manifest, files=files))


@pytest.fixture
def root(indexed_root, tmp_path):
    """A copy of an indexed root that a test may break."""
    return shutil.copytree(indexed_root, tmp_path / "root")


@pytest.fixture
def embedded_copy(embedded_root, tmp_path):
    return shutil.copytree(embedded_root, tmp_path / "embedded")


@pytest.mark.parametrize("thorough", [False, True])
def test_nothing_is_wrong_with_a_finished_build(built_root, thorough):
    report = check(built_root, decode=thorough, deep=thorough)
    manifest = read_manifest(built_root)
    assert list(report.entries) == []
    assert report.rows == sum(count.rows for count in manifest.counts)
    assert report.clips == sum(corpus.clips for corpus in manifest.corpora)
    assert report.form == manifest.form


def only(report):
    (entry,) = report.entries
    return entry


def test_a_missing_and_a_changed_file(root):
    files = [file.path for file in read_manifest(root).files if file.path.startswith("quarantine/")]
    assert not files
    index = next(root.glob("index/*.parquet"))
    index.write_bytes(index.read_bytes() + b" ")
    reasons = check(root).entries.by_reason
    assert reasons[Reason.CHANGED_FILE] == 1
    assert set(reasons) == {Reason.CHANGED_FILE, Reason.BAD_CELL}
    index.unlink()
    assert check(root).entries.by_reason[Reason.MISSING_FILE] == 1


def test_a_table_of_ids_that_says_other_things_than_the_index(root):
    first, *_ = (corpus.corpus for corpus in read_manifest(root).corpora if corpus.clips)
    path = id_table_file(first)
    clips = list(read_index(root / index_file(first)))
    with (root / path).open("wb") as file:
        writer = IdTableWriter(file, first)
        for clip in clips[:-1]:
            writer.add(clip)
        writer.finish()
    list_as(root, path, nbytes=(root / path).stat().st_size)
    entry = only(check(root))
    assert (entry.reason, entry.file) == (Reason.CHANGED_FILE, path)
    assert f"say different things of {clips[-1].id!r}" in entry.message
    data = (root / path).read_bytes()
    (root / path).write_bytes(bytes([data[0] ^ 1]) + data[1:])
    assert (only(check(root)).reason, only(check(root)).file) == (Reason.UNREADABLE_FILE, path)
    list_as(root, path, path=path + "x")
    (root / path).rename(root / (path + "x"))
    assert (only(check(root)).reason, only(check(root)).file) == (Reason.MISSING_FILE, path)


def test_a_changed_byte_of_a_tar_header_shows_in_the_hash_of_the_file(root):
    shard = next(root.glob("audio/*/*.tar"))
    data = bytearray(shard.read_bytes())
    data[0] ^= 1
    shard.write_bytes(data)
    assert not check(root).entries
    entry = only(check(root, deep=True))
    assert (entry.reason, entry.file) == (Reason.CHANGED_FILE, shard.relative_to(root).as_posix())


def test_a_changed_clip_has_an_entry_and_so_has_every_row_that_needs_it(root):
    row = next(iter(audio_flan.stream(root, "speech_asr")))
    audio_id = row["input_audio_ids"][0]
    clip = row["input_audio"][0].encoded()
    for shard in root.glob("audio/*/*.tar"):
        data = shard.read_bytes()
        if clip in data:
            shard.write_bytes(data.replace(clip, clip[:-1] + bytes([clip[-1] ^ 1])))
    report = check(root)
    assert report.entries.by_reason[Reason.DAMAGED_AUDIO] == 1
    assert report.entries.by_reason[Reason.UNUSABLE_AUDIO] >= 1
    assert {entry.audio_id for entry in report.entries} == {audio_id}


def rewrite(root, pattern, change):
    """Write a row file anew, its rows changed, under sizes that the manifest takes for right."""
    path = next(root.glob(pattern))
    table = pq.read_table(path)
    rows = change(table.to_pylist())
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path)
    relative = path.relative_to(root).as_posix()
    list_as(root, relative, nbytes=path.stat().st_size, footer=hash_footer(path))
    return relative


ASR = "data/speech/understanding/*/speech_asr/train-*"


def test_a_lost_row_is_counted(root):
    rewrite(root, ASR, lambda rows: rows[1:])
    entry = only(check(root))
    assert (entry.reason, entry.file) == (Reason.WRONG_COUNT, "audio_flan.json")
    assert "speech_asr, train" in entry.message


def test_a_cell_that_points_elsewhere(root):
    def change(rows):
        cell = rows[0]["input_audio"][0]
        cell["path"] = cell["path"].replace("offset=", "offset=1")
        rows[1]["input_audio"], rows[2]["input_audio"] = rows[2]["input_audio"], rows[1]["input_audio"]
        rows[3]["input_audio"][0]["path"] = "/etc/passwd"
        rows[4]["input_audio"] = []
        return rows

    file = rewrite(root, ASR, change)
    entries = list(check(root).entries)
    assert [entry.reason for entry in entries] == [Reason.BAD_CELL] * 5
    assert [entry.line for entry in entries] == [1, 2, 3, 4, 5]
    assert {entry.file for entry in entries} == {file}


def test_a_row_of_another_task_and_a_repeated_uuid(root):
    def change(rows):
        rows[0]["task"] = "music_key_detection"
        rows[1]["uuid"] = rows[2]["uuid"]
        return rows

    rewrite(root, ASR, change)
    report = check(root)
    assert report.entries.by_reason[Reason.WRONG_FOLDER] == 1
    assert report.entries.by_reason[Reason.WRONG_COUNT] == 2
    assert report.warnings.by_reason == {"duplicate_uuid": 1}


def test_an_embedded_clip_that_is_cut_or_no_audio(embedded_copy):
    def change(rows):
        first, second = rows[0]["input_audio"][0], rows[1]["input_audio"][0]
        first["bytes"], second["bytes"] = b"not audio at all", b""
        return rows

    rewrite(embedded_copy, ASR, change)
    reasons = [entry.reason for entry in check(embedded_copy).entries]
    assert reasons == [Reason.NOT_AUDIO, Reason.EMPTY_AUDIO]


def test_a_row_file_that_is_damaged_is_one_entry(embedded_copy):
    path = next(embedded_copy.glob(ASR))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    reasons = check(embedded_copy).entries.by_reason
    assert reasons[Reason.UNREADABLE_FILE] + reasons[Reason.DAMAGED_AUDIO] >= 1


def test_an_interrupted_rebase_is_named(root):
    (root / ".rebase").write_text("hf://datasets/a/b")
    entry = only(check(root))
    assert (entry.reason, entry.file) == (Reason.CHANGED_FILE, ".rebase")


def test_a_row_file_that_the_manifest_does_not_know_is_named(root):
    known = next(root.glob(ASR))
    stray = known.with_name("train-00001-of-00002.parquet")
    shutil.copyfile(known, stray)
    entry = only(check(root))
    assert (entry.reason, entry.file) == (Reason.UNKNOWN_FILE, stray.relative_to(root).as_posix())


def test_a_damaged_file_does_not_keep_the_rest_from_being_reported(root):
    def change(rows):
        rows[1]["uuid"] = rows[2]["uuid"]
        return rows

    rewrite(root, ASR, change)
    damaged = next(root.glob("data/music/*/*/music_key_detection/train-*"))
    data = bytearray(damaged.read_bytes())
    data[len(data) // 4] ^= 0xFF
    damaged.write_bytes(data)
    report = check(root)
    assert report.entries.by_reason[Reason.UNREADABLE_FILE] == 1
    assert report.warnings.by_reason == {"duplicate_uuid": 1}


@pytest.mark.parametrize(
    "path",
    ["nonsense", "audioflan:///audio/c/c\0.tar/x.flac?offset=0&size=1&xxh3=0123456789abcdef",
     f"audioflan:///audio/c/c.tar/x.flac?offset={'9' * 5000}&size=1&xxh3=0123456789abcdef"],
    ids=["no cell", "NUL", "a number of 5,000 digits"],
)  # fmt: skip
def test_a_hostile_cell_is_an_entry_and_ends_no_stream(root, path):
    def change(rows):
        rows[0]["input_audio"][0]["path"] = path
        return rows

    rewrite(root, ASR, change)
    assert only(check(root)).reason == Reason.BAD_CELL
    rows = len(audio_flan.stream(root, "speech_asr"))
    stream = audio_flan.stream(root, "speech_asr", on_error="skip")
    assert len(list(stream)) == rows - 1
    assert len(stream.quarantine.entries) == 1
    with pytest.raises(audio_flan.AudioError):
        list(audio_flan.stream(root, "speech_asr"))
