"""The bare engine: rows, order, columns, resume, faults."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import audio_flan
from audio_flan.records.schema import COLUMNS
from audio_flan.release import ReleaseError
from audio_flan.taxonomy import UnknownNameError, list_configs, resolve_config


def uuids(rows):
    return [(row["uuid"], row["task"], row["split"]) for row in rows]


def test_a_row_has_every_column_in_the_order_of_the_design(demo_root):
    row = next(iter(audio_flan.stream(demo_root, "speech_asr")))
    assert tuple(row) == COLUMNS
    assert row["task"] == "speech_asr"
    assert row["split"] == "train"
    assert len(row["input_audio"]) == len(row["input_audio_ids"]) == len(row["input_seconds"]) == 1


def test_the_sound_of_a_row_is_the_file_that_its_id_names(demo_root):
    for row in audio_flan.stream(demo_root, "all", "all"):
        for side in ("input", "output"):
            for audio, audio_id, seconds in zip(
                row[f"{side}_audio"], row[f"{side}_audio_ids"], row[f"{side}_seconds"], strict=True
            ):
                assert audio.id == audio_id
                assert f"<|SOA|>{audio_id}<|EOA|>" in row[side] + row["instruction"]
                info = soundfile.info(audio.location)
                assert seconds == info.frames / info.samplerate
                assert audio.sampling_rate == info.samplerate


def test_samples_are_those_of_soundfile(demo_root):
    for row in audio_flan.stream(demo_root, "music", "test"):
        for audio in row["input_audio"]:
            expected, rate = soundfile.read(audio.location, dtype="float32", always_2d=True)
            assert rate == audio.sampling_rate
            if audio.format in ("WAV", "FLAC"):
                np.testing.assert_array_equal(audio.decode(), expected.T)
            assert audio["array"].shape == (len(expected),)


@pytest.mark.parametrize("config", list_configs())
def test_every_config_is_the_union_of_its_tasks(demo_root, config):
    tasks = resolve_config(config).task_names
    everything = [row for row in all_rows(demo_root) if row["task"] in tasks]
    found = audio_flan.stream(demo_root, config, "all", columns=["uuid", "task", "split"])
    assert uuids(found) == uuids(everything)
    assert len(found) == len(everything) >= 8


_rows = {}


def all_rows(root):
    if root not in _rows:
        _rows[root] = list(audio_flan.stream(root, "all", "all", columns=["uuid", "task", "split"]))
    return _rows[root]


def test_splits_can_be_joined_and_dev_is_validation(demo_root):
    train = uuids(audio_flan.stream(demo_root, "speech_tts", "train"))
    dev = uuids(audio_flan.stream(demo_root, "speech_tts", "dev"))
    assert {split for _, _, split in dev} == {"validation"}
    assert sorted(uuids(audio_flan.stream(demo_root, "speech_tts", "train+validation"))) == sorted(
        train + dev
    )


def test_columns_are_kept_in_order_and_no_clip_is_touched_without_audio(demo_copy):
    for file in demo_copy.glob("audio_files/**/*.*"):
        file.unlink()
    rows = list(audio_flan.stream(demo_copy, "speech_asr", columns=["output", "uuid"]))
    assert rows
    assert all(tuple(row) == ("uuid", "output") for row in rows)
    with pytest.raises(audio_flan.AudioError, match="missing"):
        next(iter(audio_flan.stream(demo_copy, "speech_asr", columns=["input_seconds"])))


@pytest.mark.parametrize("side", ["input", "output"])
def test_only_clips_of_the_columns_asked_for_are_touched(demo_copy, side):
    whole = list(audio_flan.stream(demo_copy, "speech_enhancement"))
    heard = {clip.id for row in whole for clip in row[f"{side}_audio"]}
    other = "output" if side == "input" else "input"
    unheard = [clip for row in whole for clip in row[f"{other}_audio"] if clip.id not in heard]
    for clip in {clip.id: clip for clip in unheard}.values():
        Path(clip.location).unlink()
    for column in (f"{side}_audio", f"{side}_seconds"):
        rows = list(audio_flan.stream(demo_copy, "speech_enhancement", columns=["uuid", column]))
        assert [row["uuid"] for row in rows] == [row["uuid"] for row in whole]
    rows = audio_flan.stream(demo_copy, "speech_enhancement", columns=[f"{side}_audio"], on_error="skip")
    assert len(list(rows)) < len(whole)
    with pytest.raises(audio_flan.AudioError, match="missing"):
        list(audio_flan.stream(demo_copy, "speech_enhancement", columns=[f"{other}_seconds"]))


def test_unknown_names_are_errors_with_the_nearest(demo_root):
    with pytest.raises(UnknownNameError, match="'speech_asr'"):
        audio_flan.stream(demo_root, "speech_ars")
    with pytest.raises(UnknownNameError, match="'understanding_speech'"):
        audio_flan.stream(demo_root, "speech_understanding")
    with pytest.raises(UnknownNameError, match="'validation'"):
        audio_flan.stream(demo_root, "speech_asr", "vaildation")
    with pytest.raises(UnknownNameError, match="'output'"):
        audio_flan.stream(demo_root, "speech_asr", columns=["ouput"])
    with pytest.raises(ValueError, match="on_error"):
        audio_flan.stream(demo_root, "speech_asr", on_error="ignore")


def test_a_root_that_is_no_release_is_one_clear_error(tmp_path):
    with pytest.raises(ReleaseError, match="no Audio-FLAN release"):
        audio_flan.stream(tmp_path)
    with pytest.raises(ReleaseError, match="there is no folder"):
        audio_flan.stream(tmp_path / "nowhere")


@pytest.mark.parametrize("stop", [0, 1, 7, 39, 40, 41, 150])
def test_resume_goes_on_with_the_very_next_row(demo_root, stop):
    whole = uuids(audio_flan.stream(demo_root, "speech", "all"))
    first = audio_flan.stream(demo_root, "speech", "all")
    rows = iter(first)
    seen = uuids(next(rows) for _ in range(stop))
    state = pickle.loads(pickle.dumps(first.state_dict()))
    second = audio_flan.stream(demo_root, "speech", "all")
    second.load_state_dict(state)
    assert seen + uuids(second) == whole
    assert uuids(second) == whole  # the pass after a resumed one is whole again


def test_resume_counts_rows_that_were_left_out(demo_copy):
    break_clips(demo_copy, "speech", every=3)
    stream = audio_flan.stream(demo_copy, "speech", "all", on_error="skip")
    whole = uuids(stream)
    rows = iter(stream)
    seen = uuids(next(rows) for _ in range(20))
    second = audio_flan.stream(demo_copy, "speech", "all", on_error="skip")
    second.load_state_dict(stream.state_dict())
    assert seen + uuids(second) == whole


def test_the_catalogue_spares_files_that_hold_none_of_a_task(demo_copy):
    stream = audio_flan.stream(demo_copy, "speech_asr", "train")
    rows = uuids(stream)
    again = audio_flan.stream(demo_copy, "speech_asr", "train")
    assert again.files == stream.files  # positions count on it, whatever has been read meanwhile
    spared = [
        file
        for file in again.files
        if again.source.release.nothing_in(file, again.wish.config, again.wish.splits)
    ]
    assert 0 < len(spared) < len(again.files)
    for file in spared:
        (demo_copy / file.path).unlink()
    assert uuids(again) == rows
    assert not again.quarantine


def test_a_changed_file_is_read_anew(demo_copy):
    before = len(audio_flan.stream(demo_copy, "speech_asr", "train"))
    task, split = '"Automatic Speech Recognition"', '"train"'
    path, row = next(
        (path, line)
        for path in (demo_copy / "metadata/speech/understanding/train_dev").rglob("*.jsonl")
        for line in path.read_text().splitlines()
        if task in line and split in line
    )
    with path.open("a") as handle:
        handle.write(row + "\n")
    assert len(audio_flan.stream(demo_copy, "speech_asr", "train")) == before + 1


def decode_all(rows):
    for row in rows:
        for audio in row["input_audio"] + row["output_audio"]:
            audio.decode()


def break_clips(root, domain, every):
    """Cut every n-th clip of a domain in half."""
    for path in sorted((root / "audio_files" / domain).rglob("*.*"))[::every]:
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])


def test_broken_clips_are_named_and_obey_on_error(demo_copy):
    good = uuids(audio_flan.stream(demo_copy, "speech", "all"))
    break_clips(demo_copy, "speech", every=4)
    skipping = audio_flan.stream(demo_copy, "speech", "all", on_error="skip")
    skipped = uuids(skipping)
    assert 0 < len(skipped) < len(good)
    named = {entry.uuid for entry in skipping.quarantine}
    assert named == {key[0] for key in good} - {key[0] for key in skipped}
    assert all(entry.audio_id and entry.line and entry.file for entry in skipping.quarantine)
    nulling = list(audio_flan.stream(demo_copy, "speech", "all", on_error="null"))
    assert uuids(nulling) == good
    holes = {row["uuid"] for row in nulling if None in row["input_audio"] + row["output_audio"]}
    assert holes == named
    with pytest.raises(audio_flan.AudioError) as error:
        decode_all(audio_flan.stream(demo_copy, "speech", "all"))
    assert error.value.audio_id in str(error.value)


def test_what_was_quarantined_is_said_aloud(demo_copy, caplog):
    file = next((demo_copy / "metadata/music").rglob("*.jsonl"))
    with file.open("a") as handle:
        handle.write("{not json}\n")
    stream = audio_flan.stream(demo_copy, "music", "all")
    rows = list(stream)
    assert rows
    assert stream.quarantine.by_reason == {"invalid_json": 1}
    assert "1 invalid_json" in caplog.text


def test_the_engine_needs_neither_torch_nor_datasets_nor_av(demo_root):
    code = (
        "import sys\n"
        "for name in ('torch', 'datasets', 'av', 'torchcodec', 'pyarrow', 'pandas'):\n"
        "    sys.modules[name] = None\n"
        "import audio_flan\n"
        f"row = next(iter(audio_flan.stream({str(demo_root)!r}, 'speech_asr')))\n"
        "print(row['input_audio'][0]['array'].dtype)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "float32"
