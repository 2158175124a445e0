"""The engine over the indexed and the embedded form: the rows of the release, clip by clip."""

import json
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

import audio_flan
from audio_flan.records.schema import COLUMNS
from audio_flan.shards import ManifestError, read_manifest
from audio_flan.shards.parquet_reader import ParquetError, ParquetReader
from audio_flan.taxonomy import list_configs

SIDES = ("input", "output")


def facts(row):
    """Everything a row says, its sound as the bytes that were encoded."""
    sound = {f"{side}_audio": [audio.encoded().hex() for audio in row[f"{side}_audio"]] for side in SIDES}
    return json.dumps(row | sound, sort_keys=True)


def order_free(rows):
    return sorted(facts(row) for row in rows)


@pytest.fixture(scope="session")
def released(demo_root):
    return order_free(audio_flan.stream(demo_root, "all", "all"))


def test_rows_texts_values_and_sound_are_those_of_the_release(built_root, released):
    assert order_free(audio_flan.stream(built_root, "all", "all")) == released


def test_a_row_has_every_column_in_the_order_of_the_design(built_root):
    row = next(iter(audio_flan.stream(built_root, "speech_asr")))
    assert tuple(row) == COLUMNS
    audio = row["input_audio"][0]
    assert audio.id == row["input_audio_ids"][0]
    assert audio.seconds == row["input_seconds"][0]
    assert audio["array"].dtype == np.float32


@pytest.mark.parametrize("config", list_configs())
def test_every_config_has_as_many_rows_as_in_the_release(demo_root, built_root, config):
    for split in ("train", "validation", "test"):
        stream = audio_flan.stream(built_root, config, split, columns=["uuid"])
        expected = sum(1 for _ in audio_flan.stream(demo_root, config, split, columns=["uuid"]))
        assert len(stream) == sum(1 for _ in stream) == expected


def test_only_the_columns_that_are_asked_for(built_root):
    row = next(iter(audio_flan.stream(built_root, "speech_asr", columns=["output", "task"])))
    assert list(row) == ["output", "task"]
    row = next(iter(audio_flan.stream(built_root, "speech_asr", columns=["input_seconds"])))
    assert list(row) == ["input_seconds"]


@pytest.mark.parametrize(
    ("columns", "on_error", "cells"),
    [
        (["input_audio"], "raise", ["input_audio"]),
        (["uuid", "output_audio", "input_seconds"], "raise", ["output_audio"]),
        (["input_audio", "output_audio"], "raise", ["input_audio", "output_audio"]),
        (["input_seconds"], "raise", []),
        (["input_seconds"], "skip", ["input_audio", "output_audio"]),
        (["uuid"], "skip", []),
    ],
)
def test_only_the_sound_that_is_asked_for_is_read(built_root, monkeypatch, columns, on_error, cells):
    asked_for = []

    def read_group(reader, group, columns, read=ParquetReader.read_group, **options):
        asked_for.extend(columns)
        return read(reader, group, columns, **options)

    monkeypatch.setattr(ParquetReader, "read_group", read_group)
    rows = audio_flan.stream(built_root, "speech_enhancement", columns=columns, on_error=on_error)
    assert {tuple(row) for row in rows} == {tuple(name for name in COLUMNS if name in columns)}
    assert [name for name in ("input_audio", "output_audio") if name in asked_for] == cells


def test_a_pickled_stream_goes_on_where_it_was(built_root):
    stream = audio_flan.stream(built_root, "speech", "all")
    rows = iter(stream)
    seen = [next(rows)["uuid"] for _ in range(50)]
    again = pickle.loads(pickle.dumps(stream))
    again.load_state_dict(stream.state_dict())
    everything = [row["uuid"] for row in audio_flan.stream(built_root, "speech", "all")]
    assert seen + [row["uuid"] for row in again] == everything


def test_a_resumed_stream_reads_only_the_row_groups_that_are_left(embedded_root, monkeypatch):
    stream = audio_flan.stream(embedded_root, "music_text_to_music", "train")
    rows = iter(stream)
    next(rows)
    state = stream.state_dict()
    last = audio_flan.stream(embedded_root, "music_text_to_music", "train")
    last.load_state_dict(state | {"position": len(last) - 1})
    assert len(list(last)) == 1


def test_a_state_of_one_form_is_not_taken_for_that_of_another(demo_root, indexed_root):
    state = audio_flan.stream(demo_root, "speech_asr").state_dict()
    with pytest.raises(ValueError, match="this is the state of"):
        audio_flan.stream(indexed_root, "speech_asr").load_state_dict(state)


def break_clip(root, audio_id):
    """Flip a byte in the middle of a clip, wherever it lies."""
    for path in root.glob("audio/*/*.tar"):
        data = bytearray(path.read_bytes())
        row = next(r for r in audio_flan.stream(root, "speech_asr") if r["input_audio_ids"] == [audio_id])
        clip = row["input_audio"][0].encoded()
        place = data.find(clip)
        if place >= 0:
            data[place + len(clip) // 2] ^= 0xFF
            path.write_bytes(data)
            return
    raise AssertionError(audio_id)


@pytest.mark.parametrize("on_error", ["raise", "skip", "null"])
def test_a_clip_whose_bytes_have_changed_is_named(indexed_root, tmp_path, on_error):
    root = shutil.copytree(indexed_root, tmp_path / "root")
    total = len(audio_flan.stream(root, "speech_asr"))
    bad_id = next(iter(audio_flan.stream(root, "speech_asr")))["input_audio_ids"][0]
    break_clip(root, bad_id)
    stream = audio_flan.stream(root, "speech_asr", on_error=on_error)
    if on_error == "raise":
        with pytest.raises(audio_flan.AudioError, match=bad_id):
            [audio.decode() for row in stream for audio in row["input_audio"]]
        return
    rows = list(stream)
    entries = [entry for entry in stream.quarantine if entry.audio_id == bad_id]
    assert entries
    assert entries[0].file.startswith("data/speech/understanding/")
    if on_error == "null":
        assert len(rows) == total
        assert any(row["input_audio"] == [None] == row["input_seconds"] for row in rows)
    else:
        assert len(rows) == total - len(entries)


def test_a_damaged_row_file_is_named(built_root, tmp_path):
    root = shutil.copytree(built_root, tmp_path / "root")
    file = next(root.glob("data/speech/*/*/speech_asr/train-*"))
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 0xFF
    file.write_bytes(data)
    with pytest.raises((ParquetError, audio_flan.AudioError), match="speech_asr/train-"):
        list(audio_flan.stream(root, "speech_asr"))
    file.write_bytes(bytes(data[: len(data) // 2]))
    with pytest.raises((ParquetError, OSError), match="speech_asr/train-"):
        list(audio_flan.stream(root, "speech_asr"))


def test_a_manifest_of_another_version_is_refused(indexed_root, tmp_path):
    root = shutil.copytree(indexed_root, tmp_path / "root")
    (root / "audio_flan.json").write_text('{"layout": 99}')
    with pytest.raises(ManifestError, match="layout 99"):
        audio_flan.stream(root, "speech_asr")


def test_a_build_that_was_not_finished_is_no_data(indexed_root, tmp_path):
    root = shutil.copytree(indexed_root, tmp_path / "root")
    (root / "audio_flan.json").unlink()
    with pytest.raises(ValueError, match="no Audio-FLAN release"):
        audio_flan.stream(root, "speech_asr")


def test_rows_of_several_row_groups_come_in_order(embedded_root):
    manifest = read_manifest(embedded_root)
    file = max(manifest.row_files("all", ("train",)), key=lambda file: file.nbytes)
    table = pq.read_table(embedded_root / file.path, columns=["uuid", "task"])
    task = table["task"][0].as_py()
    streamed = [row["uuid"] for row in audio_flan.stream(embedded_root, task, columns=["uuid"])]
    expected = [
        uuid
        for each in manifest.row_files(task, ("train",))
        for uuid in pq.read_table(embedded_root / each.path, columns=["uuid"])["uuid"].to_pylist()
    ]
    assert streamed == expected


def test_a_link_that_leads_out_of_the_root_is_not_followed(indexed_root, tmp_path):
    root = shutil.copytree(indexed_root, tmp_path / "root")
    shard = next(root.glob("audio/*/*.tar"))
    outside = shard.rename(tmp_path / "outside.tar")
    shard.symlink_to(outside)
    with pytest.raises(audio_flan.AudioError, match="leads out of the root"):
        [audio.decode() for row in audio_flan.stream(root, "all") for audio in row["input_audio"]]


@pytest.mark.parametrize("wishes", ["", "shuffle=True", "columns=['uuid', 'input_audio']", "on_error='skip'"])
def test_the_first_row_waits_for_no_import_that_it_does_not_need(built_root, wishes):
    code = (
        "import sys, audio_flan\n"
        f"row = next(iter(audio_flan.stream({str(built_root)!r}, 'speech_asr', {wishes})))\n"
        "row['input_audio'][0].decode()\n"
        "print(*{'pandas', 'torch', 'datasets', 'av', 'rich', 'polars', 'scipy'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
