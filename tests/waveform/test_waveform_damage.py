"""Damage: whatever is not a whole and sound clip is an error that names the id, never a short array."""

import io
import pickle
import struct
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from property_profiles import examples
from waveform_clips import WRITTEN, by_ffmpeg, chunk, flac_of_unknown_length, m4a, reference, webm, written

from audio_flan.waveform import AudioError, BytesSource, ClipFault, FileSource, LazyAudio
from audio_flan.waveform.containers import ogg

CLIPS = {f"{form}-{subtype}": written(form, subtype, 12_000) for form, subtype in WRITTEN} | {
    "m4a": m4a(),
    "m4a-faststart": m4a(faststart=True),
    "webm": webm(),
    "ogg-flac": by_ffmpeg("ogg", "flac", 16_000, 20_000),
    "wavpack": by_ffmpeg("wv", "wavpack", 16_000, 20_000),
}


def decode(data):
    return LazyAudio(BytesSource(data, "some/clip"), "07_X_1").decode()


def decoded_or_none(data):
    try:
        return decode(data)
    except AudioError:
        return None


def fault_of(data):
    with pytest.raises(AudioError) as caught:
        decode(data)
    error = caught.value
    assert error.audio_id == "07_X_1"
    assert error.location == "some/clip"
    assert "'07_X_1' (some/clip)" in str(error)
    assert "0x" not in str(error), "an address in memory is no location"
    return error.fault


@pytest.mark.parametrize("name", CLIPS)
def test_truncated_anywhere(name):
    data = CLIPS[name]
    rng = np.random.default_rng(0)
    cuts = {1, 3, 11, 13, 27, 43, 45, 100, len(data) // 2, len(data) - 1, *rng.integers(4, len(data), 20)}
    whole = decode(data)
    for cut in cuts:
        # What follows the samples (a pad byte, a tag) may be missed without harm.
        if cut > len(data) - 4 and (samples := decoded_or_none(data[:cut])) is not None:
            np.testing.assert_array_equal(samples, whole)
        elif cut <= len(data) - 4:
            fault = fault_of(data[:cut])
            assert fault in (ClipFault.TRUNCATED_AUDIO, ClipFault.DAMAGED_AUDIO) or cut < 20


@pytest.mark.parametrize(
    "name", ["WAV-PCM_16", "FLAC-PCM_16", "OGG-VORBIS", "OGG-OPUS", "MP3-MPEG_LAYER_III"]
)
def test_half_a_clip_is_called_truncated(name):
    data = CLIPS[name]
    assert fault_of(data[: len(data) // 2]) == ClipFault.TRUNCATED_AUDIO


def test_half_a_flac_says_how_much_there_is():
    data = written("FLAC", "PCM_16", 160_000)
    with pytest.raises(AudioError, match=r"truncated: \d+ of 160000 frames"):
        decode(data[: len(data) // 2])


FLAC = written("FLAC", "PCM_16", 30_000, 2)
FLAC_24 = written("FLAC", "PCM_24", 30_000)
CHECKED = [FLAC, FLAC_24, CLIPS["OGG-VORBIS"], CLIPS["OGG-OPUS"], CLIPS["ogg-flac"]]
CHECKED_SAMPLES = [decode(data) for data in CHECKED]


@examples(100)
@given(which=st.integers(0, len(CHECKED) - 1), place=st.integers(0, 2**30), bit=st.integers(0, 7))
def test_flipped_bit_is_found_or_harmless(which, place, bit):
    """FLAC frames and Ogg pages carry checksums: a flip is an error, or it hit a comment or a hint."""
    changed = bytearray(CHECKED[which])
    changed[place % len(changed)] ^= 1 << bit
    samples = decoded_or_none(bytes(changed))
    if samples is not None:
        np.testing.assert_array_equal(samples, CHECKED_SAMPLES[which])


@examples(100)
@given(
    place=st.integers(100, len(FLAC) - 1),
    bit=st.integers(0, 7),
    start=st.integers(0, 29_999),
    length=st.integers(1, 30_000),
)
def test_flipped_bit_in_a_flac_segment(place, bit, start, length):
    """dr_flac goes on behind a damaged frame: the segment must be an error or right, never moved in time."""
    changed = bytearray(FLAC)
    changed[place] ^= 1 << bit
    stop = min(start + length, 30_000)
    audio = LazyAudio(BytesSource(bytes(changed), "x"), "x")
    try:
        samples = audio.decode(start / 16_000, stop / 16_000)
    except AudioError:
        return
    np.testing.assert_array_equal(samples, CHECKED_SAMPLES[0][:, start:stop])


EDITABLE = CLIPS | {"FLAC of unknown length": flac_of_unknown_length(FLAC)}


@examples(150)
@given(
    name=st.sampled_from(sorted(EDITABLE)),
    edits=st.lists(st.tuples(st.integers(0, 300), st.binary(min_size=0, max_size=5)), min_size=1, max_size=4),
)
def test_no_edit_of_a_header_escapes_our_error(name, edits):
    """Whatever a header says, the result is a whole array or an AudioError; nothing else comes through."""
    data = EDITABLE[name]
    for place, replacement in edits:
        data = data[:place] + replacement + data[place + max(len(replacement), 1) :]
    audio = LazyAudio(BytesSource(data, "x"), "x")
    try:
        samples = audio.decode()
    except AudioError:
        return
    assert samples.shape == (audio.channels, audio.frames)


def test_ogg_that_claims_to_be_endless():
    """A false length with a right checksum must not become an allocation."""
    data = bytearray(written("OGG", "VORBIS", 200_000))
    last = data.rindex(b"OggS")
    data[last + 6 : last + 14] = (2**61).to_bytes(8, "little")
    mirrored = memoryview(bytes(data).translate(ogg._MIRROR))
    crc = ogg._checksum(mirrored, last, len(data))
    data[last + 22 : last + 26] = crc.to_bytes(4, "big").translate(ogg._MIRROR)
    with pytest.raises(AudioError, match="frames in"):
        decode(bytes(data))


def test_flac_flip_in_the_middle_is_called_damaged():
    changed = bytearray(FLAC)
    changed[len(FLAC) // 2] ^= 1
    assert fault_of(bytes(changed)) == ClipFault.DAMAGED_AUDIO


@pytest.mark.parametrize("difference", [-5000, -1, 1, 5000])
def test_flac_header_with_another_length(difference):
    changed = FLAC[:22] + (30_000 + difference).to_bytes(4, "big") + FLAC[26:]
    fault_of(changed)


@pytest.mark.parametrize("md5", [True, False])
def test_flac_of_unknown_length_damaged(md5):
    data = flac_of_unknown_length(FLAC, md5)
    changed = bytearray(data)
    changed[len(data) // 2] ^= 1
    fault_of(bytes(changed))
    fault_of(data[:-1])
    fault_of(data[: len(data) // 2])


def test_flac_overwritten_inside():
    fault_of(FLAC[:20_000] + bytes(500) + FLAC[20_500:])


@pytest.mark.parametrize("place", [4, 8, 12, 22, 24, 30, 32, 40, 41, 42])
@pytest.mark.parametrize("bit", range(8))
def test_wav_header_flips(place, bit):
    """A WAV's samples have no checksum, its header has redundancy: a flip must not change rate or length."""
    data = written("WAV", "PCM_16", 1000, 2)
    changed = bytearray(data)
    changed[place] ^= 1 << bit
    try:
        audio = LazyAudio(BytesSource(bytes(changed), "x"), "x")
        samples = audio.decode()
    except AudioError:
        return
    assert audio.sampling_rate == 16_000
    np.testing.assert_array_equal(samples, reference(data))


def test_ogg_page_lost():
    data = written("OGG", "VORBIS", 200_000)
    pages = [i for i in range(len(data)) if data.startswith(b"OggS", i)]
    assert len(pages) > 4
    assert fault_of(data[: pages[3]] + data[pages[4] :]) == ClipFault.DAMAGED_AUDIO
    assert fault_of(data[: pages[-1]]) == ClipFault.TRUNCATED_AUDIO


def test_mp3_frame_structure():
    data = written("MP3", "MPEG_LAYER_III", 60_000)
    middle = data.index(data[:2], len(data) // 2)
    assert fault_of(data[:middle] + b"\0" + data[middle + 1 :]) == ClipFault.DAMAGED_AUDIO
    assert fault_of(data[:middle] + b"some text" + data[middle:]) == ClipFault.DAMAGED_AUDIO
    assert fault_of(data[:middle]) == ClipFault.TRUNCATED_AUDIO, "a frame boundary, but the tag counts frames"


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", ClipFault.EMPTY_AUDIO),
        (b"x", ClipFault.NOT_AUDIO),
        (b"This is a text.\n" * 20, ClipFault.NOT_AUDIO),
        (b"<!DOCTYPE html><html><body>404</body></html>", ClipFault.NOT_AUDIO),
        (b'{"error": "not found"}', ClipFault.NOT_AUDIO),
        (bytes(5000), ClipFault.NOT_AUDIO),
        (np.random.default_rng(0).bytes(5000), ClipFault.NOT_AUDIO),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", ClipFault.NOT_AUDIO),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), ClipFault.NOT_AUDIO),
        (b"RIFF\x24\0\0\0AVI " + bytes(100), ClipFault.DAMAGED_AUDIO),
        (b"RIFF\x24\0\0\0WAVE", ClipFault.TRUNCATED_AUDIO),
        (b"fLaC", ClipFault.TRUNCATED_AUDIO),
        (b"fLaC" + bytes(100), ClipFault.DAMAGED_AUDIO),
        (b"OggS", ClipFault.TRUNCATED_AUDIO),
        (b"OggS" + bytes(100), ClipFault.DAMAGED_AUDIO),
        (b"ID3\x04\0\0\0\0\x7f\x7f", ClipFault.TRUNCATED_AUDIO),
        (b"RIFF\x24\0\0\0WAVE" + chunk(b"data", b"1234"), ClipFault.DAMAGED_AUDIO),
        (b"RIFF\x24\0\0\0WAVE" + chunk(b"fmt ", b"1234"), ClipFault.DAMAGED_AUDIO),
        (
            b"RIFF\x24\0\0\0WAVE" + chunk(b"fmt ", struct.pack("<HHIIHH", 1, 0, 0, 0, 0, 16)),
            ClipFault.DAMAGED_AUDIO,
        ),
    ],
)
def test_what_is_no_clip(data, fault):
    assert fault_of(data) == fault


def test_missing_file(tmp_path):
    path = str(tmp_path / "gone.wav")
    for attempt in (lambda a: a.decode(), lambda a: a.seconds, lambda a: a.encoded(), lambda a: a["array"]):
        with pytest.raises(AudioError) as caught:
            attempt(LazyAudio(FileSource(path), "07_X_1"))
        assert (caught.value.fault, caught.value.location) == (ClipFault.MISSING_AUDIO, path)
    assert "07_X_1" in repr(LazyAudio(FileSource(path), "07_X_1"))


def test_directory_is_unreadable(tmp_path):
    with pytest.raises(AudioError) as caught:
        LazyAudio(FileSource(str(tmp_path)), "x").decode()
    assert caught.value.fault == ClipFault.UNREADABLE_AUDIO


def test_file_that_shrinks_after_its_header_was_read(tmp_path):
    path = tmp_path / "x.wav"
    path.write_bytes(CLIPS["WAV-PCM_16"])
    audio = LazyAudio(FileSource(str(path)), "x")
    assert audio.frames == 12_000
    audio = pickle.loads(pickle.dumps(audio))  # leaves the bytes behind
    path.write_bytes(written("WAV", "PCM_16", 11_000))
    with pytest.raises(AudioError, match=r"11000 frames.*12000 frames"):
        audio.decode()


def test_mpg123_is_silent_about_clips_we_refuse(tmp_path):
    """The frame walk refuses a broken MP3 before libmpg123 could print about it."""
    data = written("MP3", "MPEG_LAYER_III", 60_000)
    (tmp_path / "x.mp3").write_bytes(data[: len(data) // 2])
    code = (
        "from audio_flan.waveform import *\n"
        f"try: LazyAudio(FileSource({str(tmp_path / 'x.mp3')!r}), 'x').decode()\n"
        "except AudioError: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("refused\n", "")


def test_soundfile_would_give_a_short_array():
    """The reason for declared sizes: a cut WAV is a shorter one to libsndfile."""
    data = CLIPS["WAV-PCM_16"]
    assert len(soundfile.read(io.BytesIO(data[: len(data) // 2]))[0]) < 12_000
