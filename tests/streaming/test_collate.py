"""Rows into one batch: flat, padded, as a list; what differs is an error, not a guess."""

import io
import subprocess
import sys

import numpy as np
import pytest
import soundfile

import audio_flan
from audio_flan.records.schema import COLUMNS
from audio_flan.taxonomy import UnknownNameError
from audio_flan.waveform import BytesSource, LazyAudio

RATE = 16_000


def clip(name, frames, channels=1, rate=RATE, subtype="PCM_16"):
    rng = np.random.default_rng(frames)
    samples = rng.integers(-32768, 32768, (frames, channels), np.int16)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", subtype=subtype)
    return LazyAudio(BytesSource(buffer.getvalue(), f"{name}.wav"), name)


@pytest.fixture
def rows():
    """Three rows with one, no and two clips."""
    inputs = [[clip("a", 300)], [], [clip("b", 200), clip("c", 700)]]
    return [
        {"uuid": str(number), "input_audio": clips, "output_audio": [clip("d", 50 + number)]}
        for number, clips in enumerate(inputs)
    ]


def arrays(batch, column="input_audio"):
    return [np.asarray(each) for each in batch[column]]


def test_flat(rows):
    expected = [sound.decode()[0] for row in rows for sound in row["input_audio"]]
    batch = audio_flan.collate(rows)
    assert batch["uuid"] == ["0", "1", "2"]
    assert batch["input_audio"].numpy().tolist() == np.concatenate(expected).tolist()
    assert batch["input_audio_lengths"].tolist() == [300, 200, 700]
    assert batch["input_audio_offsets"].tolist() == [0, 300, 500, 1200]
    assert batch["input_audio_sampling_rates"].tolist() == [RATE] * 3
    assert batch["input_audio_rows"].tolist() == [0, 2, 2]
    assert [sound.id for (sound,) in batch["output_audio"]] == ["d", "d", "d"]  # untouched


def test_padded_and_list_are_the_same_sound(rows):
    flat = audio_flan.collate(rows, tensors="numpy")
    parts = np.split(flat["input_audio"], flat["input_audio_offsets"][1:-1])
    padded = audio_flan.collate(rows, layout="padded", tensors="numpy")
    listed = audio_flan.collate(rows, layout="list", tensors="numpy")
    assert padded["input_audio"].shape == padded["input_audio_mask"].shape == (3, 700)
    for part, line, mask, alone in zip(
        parts, padded["input_audio"], padded["input_audio_mask"], listed["input_audio"], strict=True
    ):
        np.testing.assert_array_equal(line[mask], part)
        assert not line[~mask].any()
        np.testing.assert_array_equal(alone, part)
    assert padded["input_audio_lengths"].tolist() == listed["input_audio_lengths"].tolist() == [300, 200, 700]


@pytest.mark.parametrize("layout", ["flat", "padded", "list"])
def test_both_columns_and_batches_without_sound(rows, layout):
    batch = audio_flan.collate(rows, ["input_audio", "output_audio"], layout)
    assert batch["output_audio_lengths"].tolist() == [50, 51, 52]
    silent = audio_flan.collate(rows[1:2], layout=layout)
    assert len(silent["input_audio"]) == len(silent["input_audio_lengths"]) == 0


def test_clips_that_are_left_out(rows):
    rows[2]["input_audio"][0] = None
    batch = audio_flan.collate(rows)
    assert batch["input_audio_lengths"].tolist() == [300, 700]
    assert batch["input_audio_rows"].tolist() == [0, 2]


def test_integers_are_those_of_the_file(rows):
    batch = audio_flan.collate(rows, dtype="int16", tensors="numpy", layout="list")
    sounds = [sound for row in rows for sound in row["input_audio"]]
    for found, sound in zip(batch["input_audio"], sounds, strict=True):
        assert found.dtype == np.int16
        np.testing.assert_array_equal(found, soundfile.read(io.BytesIO(sound.encoded()), dtype="int16")[0])


def test_integers_do_not_wrap():
    loud = clip("loud", 100, subtype="FLOAT")
    samples = np.array([1.0, 1.5, -1.5, 0.5, -1.0], np.float32)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format="WAV", subtype="FLOAT")
    loud = LazyAudio(BytesSource(buffer.getvalue(), "loud.wav"), "loud")
    batch = audio_flan.collate([{"input_audio": [loud]}], dtype="int16")
    assert batch["input_audio"].tolist() == [32767, 32767, -32768, 16384, -32768]


def test_channels_are_a_choice():
    rows = [{"input_audio": [clip("mono", 100)]}, {"input_audio": [clip("stereo", 200, channels=2)]}]
    with pytest.raises(ValueError, match=r"'stereo' has 2 channels\n\nHint: pass channels=1 .* channels=2"):
        audio_flan.collate(rows)
    averaged = audio_flan.collate(rows, channels=1, tensors="numpy")
    assert averaged["input_audio"].shape == (300,)
    np.testing.assert_array_equal(
        averaged["input_audio"][100:], rows[1]["input_audio"][0].decode().mean(axis=0)
    )
    assert audio_flan.collate(rows, channels=2)["input_audio"].shape == (2, 300)
    padded = audio_flan.collate(rows, channels=2, layout="padded", tensors="numpy")
    assert padded["input_audio"].shape == (2, 2, 200)
    np.testing.assert_array_equal(padded["input_audio"][1], rows[1]["input_audio"][0].decode())


def test_rates_stay_unless_one_is_asked_for():
    rows = [{"input_audio": [clip("a", 1600)]}, {"input_audio": [clip("b", 800, rate=8000)]}]
    assert audio_flan.collate(rows)["input_audio_sampling_rates"].tolist() == [16_000, 8000]
    batch = audio_flan.collate(rows, sampling_rate=RATE)
    assert batch["input_audio_sampling_rates"].tolist() == [RATE, RATE]
    assert batch["input_audio_lengths"].tolist() == [1600, 1600]


def test_what_was_decoded_ahead_is_not_decoded_again(indexed_root):
    rows = list(
        audio_flan.stream(indexed_root, "speech_asr", decode_threads=1, sampling_rate=8000, channels=1)
    )
    clips = [sound for row in rows for sound in row["input_audio"]]
    held = sum(sound.held_bytes for sound in clips)
    batch = audio_flan.collate(rows, sampling_rate=8000, channels=1)
    assert sum(sound.held_bytes for sound in clips) == held - batch["input_audio"].nbytes
    expected = [sound.decode()[0] for sound in clips]
    assert batch["input_audio"].tolist() == np.concatenate(expected).tolist()


@pytest.mark.torch
def test_rows_of_a_loader_come_as_tensors(indexed_root):
    from torch.utils.data import DataLoader

    stream = audio_flan.stream(indexed_root, "speech_asr")
    batch = next(iter(DataLoader(stream, batch_size=3, collate_fn=audio_flan.collate)))
    assert set(batch) > set(COLUMNS)
    assert batch["input_audio"].shape == (batch["input_audio_lengths"].sum(),)


def test_wrong_usage(rows):
    with pytest.raises(ValueError, match="layout must be one of flat, padded, list, got 'flatt'"):
        audio_flan.collate(rows, layout="flatt")
    with pytest.raises(ValueError, match="no rows"):
        audio_flan.collate([])
    with pytest.raises(UnknownNameError, match="'input_audio'"):
        audio_flan.collate(rows, "input_audo")
    with pytest.raises(ValueError, match="columns="):
        audio_flan.collate([{"uuid": "1"}])


def test_numbers_are_whole_and_of_python_or_numpy(rows):
    options = {"layout": "list", "tensors": "numpy"}
    batch = audio_flan.collate(rows, sampling_rate=np.int64(8000), channels=np.int32(2), **options)
    expected = audio_flan.collate(rows, sampling_rate=8000, channels=2, **options)
    for one, other in zip(batch["input_audio"], expected["input_audio"], strict=True):
        np.testing.assert_array_equal(one, other)
    for name in ("sampling_rate", "channels"):
        for wrong in (16_000.0, "1", 0, -1, True):
            # Before any clip is decoded, and so where there is none as well.
            with pytest.raises(ValueError, match=f"^{name} must be a positive whole number or None, got"):
                audio_flan.collate([{"input_audio": []}], tensors="numpy", **{name: wrong})


def test_any_iterable_of_rows_is_taken(rows):
    batch = audio_flan.collate(iter(rows), tensors="numpy")
    assert batch["input_audio"].tolist() == audio_flan.collate(rows, tensors="numpy")["input_audio"].tolist()
    with pytest.raises(ValueError, match="no rows"):
        audio_flan.collate(iter([]))


def test_without_torch(indexed_root):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import audio_flan\n"
        f"rows = list(audio_flan.stream({str(indexed_root)!r}, 'speech_asr'))[:2]\n"
        "print(audio_flan.collate(rows, tensors='numpy')['input_audio'].dtype)\n"
        "try:\n    audio_flan.collate(rows)\n"
        "except ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("float32\ntorch is not installed")
    assert "tensors='numpy'" in done.stdout
