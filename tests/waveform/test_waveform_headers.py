"""Headers: what is read without decoding equals what soundfile reports."""

import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from property_profiles import examples
from waveform_clips import (
    CORPUS,
    WRITTEN,
    by_ffmpeg,
    chunk,
    flac_of_unknown_length,
    m4a,
    pcm_wav,
    reference,
    sound,
    webm,
    written,
)

from audio_flan.waveform import (
    AudioHeader,
    BytesSource,
    ClipError,
    ClipFault,
    FileSource,
    LazyAudio,
    read_header,
)
from audio_flan.waveform.containers import flac, ogg
from audio_flan.waveform.header import NeedsWholeClip

OUR_NAME = {"WAVEX": "WAV", "RF64": "WAV"}


def facts_by_soundfile(data):
    info = soundfile.info(io.BytesIO(data))
    return OUR_NAME.get(info.format, info.format), info.samplerate, info.channels, info.frames, info.subtype


def facts(header):
    return header.format, header.sampling_rate, header.channels, header.frames, header.subtype


@pytest.mark.parametrize(("form", "subtype"), WRITTEN)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("frames", [1, 4097])
def test_header_equals_soundfile(form, subtype, channels, frames):
    data = written(form, subtype, frames, channels)
    assert facts(read_header(data)) == facts_by_soundfile(data)


@examples(60)
@given(
    rate=st.sampled_from([8000, 16_000, 22_050, 44_100, 48_000]),
    frames=st.integers(1, 30_000),
    channels=st.integers(1, 2),
    subtype=st.sampled_from(["VORBIS", "OPUS", "MPEG_LAYER_III"]),
)
def test_lossy_length_is_exact(rate, frames, channels, subtype):
    form = "MP3" if subtype == "MPEG_LAYER_III" else "OGG"
    rate = rate if subtype != "OPUS" or rate in (8000, 16_000, 48_000) else 24_000
    data = written(form, subtype, frames, channels, rate)
    assert facts(read_header(data)) == facts_by_soundfile(data)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside the repository")
def test_every_clip_of_the_corpus():
    paths = sorted(p for p in (CORPUS / "audio_files").rglob("*.*") if p.is_file())
    assert paths
    for path in paths:
        data = path.read_bytes()
        expected = facts_by_soundfile(data)
        assert facts(read_header(data)) == expected, path
        assert facts(LazyAudio(FileSource(str(path)), path.stem).header) == expected, path
        if data[:4] == b"OggS":
            assert ogg.parse(data) is not None, path


@pytest.mark.parametrize(("form", "subtype"), [("WAV", "PCM_16"), ("WAVEX", "PCM_24"), ("RF64", "PCM_16")])
def test_wav_header_from_the_first_bytes(form, subtype):
    data = written(form, subtype, frames=50_000)
    head = data[: 2**16]
    assert read_header(head, len(data)) == read_header(data)
    with pytest.raises(ClipError) as error:
        read_header(head, len(data) - 1)
    assert error.value.fault == ClipFault.TRUNCATED_AUDIO


def test_flac_header_from_the_first_bytes():
    data = written("FLAC", "PCM_16", frames=50_000)
    assert read_header(data[:42], len(data)) == read_header(data)


@pytest.mark.parametrize(("form", "subtype"), [("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"), ("WAV", "ULAW")])
def test_other_formats_ask_for_the_whole_clip(form, subtype):
    data = written(form, subtype, frames=20_000)
    with pytest.raises(NeedsWholeClip):
        read_header(data[:1000], len(data))


@examples(60)
@given(
    before=st.lists(
        st.tuples(st.sampled_from([b"LIST", b"fact", b"bext", b"JUNK"]), st.binary(max_size=99)), max_size=3
    ),
    after=st.lists(
        st.tuples(st.sampled_from([b"LIST", b"id3 ", b"cue "]), st.binary(max_size=99)), max_size=3
    ),
    frames=st.integers(0, 50),
    channels=st.integers(1, 3),
)
def test_wav_with_other_chunks(before, after, frames, channels):
    samples = (sound(frames, channels) * 30_000).astype("<i2")
    plain = pcm_wav(samples)
    body = plain[12:36] + b"".join(chunk(*c) for c in before)
    body += chunk(b"data", samples.tobytes()) + b"".join(chunk(*c) for c in after)
    data = b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body
    audio = LazyAudio(BytesSource(data, "x.wav"), "x")
    assert (audio.frames, audio.channels) == (frames, channels)
    np.testing.assert_array_equal(audio.decode(), reference(plain))


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFF000])
def test_wav_of_unknown_size_reaches_to_the_end(size):
    plain = pcm_wav(sound(100) * 30_000)
    data = plain[:4] + struct.pack("<I", 0xFFFFFFFF) + plain[8:40] + struct.pack("<I", size) + plain[44:]
    audio = LazyAudio(BytesSource(data, "x.wav"), "x")
    np.testing.assert_array_equal(audio.decode(), reference(plain))


def test_wav_whose_recorder_was_stopped():
    plain = pcm_wav(sound(100) * 30_000)
    data = plain[:4] + struct.pack("<I", 8) + plain[8:40] + struct.pack("<I", 0) + plain[44:]
    np.testing.assert_array_equal(LazyAudio(BytesSource(data, "x"), "x").decode(), reference(plain))


def test_wav_followed_by_foreign_bytes():
    plain = pcm_wav(sound(100) * 30_000)
    audio = LazyAudio(BytesSource(plain + b"\x00\xffsomething else", "x"), "x")
    np.testing.assert_array_equal(audio.decode(), reference(plain))


@pytest.mark.parametrize("padding", [0, 1, 200])
@pytest.mark.parametrize(("form", "subtype"), [("FLAC", "PCM_16"), ("MP3", "MPEG_LAYER_III")])
def test_id3_tag_in_front(form, subtype, padding):
    data = written(form, subtype)
    tagged = b"ID3\x04\x00\x00" + bytes([0, 0, padding >> 7, padding & 127]) + bytes(padding) + data
    audio = LazyAudio(BytesSource(tagged, "x"), "x")
    assert facts(audio.header) == facts(read_header(data))
    np.testing.assert_array_equal(audio.decode(), reference(data))


def test_mp3_with_a_tag_behind():
    data = written("MP3", "MPEG_LAYER_III")
    tagged = data + b"TAG" + bytes(125)
    assert read_header(tagged) == read_header(data)


@pytest.mark.parametrize(("channels", "rate"), [(1, 16_000), (2, 16_000), (2, 44_100), (1, 32_000)])
def test_mp3_without_a_tag(channels, rate):
    """Libmpg123 guesses the length of such a clip from its bitrate; soundfile gives half of this one."""
    tagged = written("MP3", "MPEG_LAYER_III", 60_000, channels, rate)
    bare = tagged[tagged.find(tagged[:2], 4) :]
    audio = LazyAudio(BytesSource(bare, "x"), "x")
    whole, half, right = audio.decode(), reference(bare), reference(tagged)
    assert half.shape[1] < 50_000
    assert whole.shape == (channels, audio.frames)
    assert audio.frames >= 60_000
    # libmpg123 drops the decoder's delay of 529 frames where there is a tag, and LAME's 576 with its own.
    np.testing.assert_allclose(whole[:, : half.shape[1] - 529], half[:, 529:], atol=1e-6)
    np.testing.assert_allclose(whole[:, 576 : 576 + 59_000], right[:, :59_000], atol=1e-6)
    np.testing.assert_array_equal(audio.decode(0.5, 0.7), whole[:, round(0.5 * rate) : round(0.7 * rate)])


def test_mp3_behind_junk():
    data = written("MP3", "MPEG_LAYER_III", 20_000)
    audio = LazyAudio(BytesSource(bytes(700) + data, "x"), "x")
    np.testing.assert_array_equal(audio.decode(), reference(data))


@pytest.mark.parametrize("rate", [4000, 11_025, 16_000, 37_800, 96_000, 655_350])
def test_flac_rates_in_every_code(rate):
    data = written("FLAC", "PCM_16", 5000, 1, rate)
    assert read_header(data).sampling_rate == rate
    changed = bytearray(data)
    changed[18] ^= 1
    with pytest.raises(ClipError):
        read_header(bytes(changed))


@pytest.mark.parametrize("md5", [True, False])
@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
@pytest.mark.parametrize("channels", [1, 2])
def test_flac_of_unknown_length(md5, subtype, channels):
    data = written("FLAC", subtype, 30_001, channels)
    audio = LazyAudio(BytesSource(flac_of_unknown_length(data, md5), "x"), "x")
    assert audio.frames == 30_001
    np.testing.assert_array_equal(audio.decode(), reference(data))
    np.testing.assert_array_equal(audio.decode(0.1, 0.2), reference(data)[:, 1600:3200])


def test_flac_without_any_frame():
    data = flac_of_unknown_length(written("FLAC", "PCM_16", 100, 2))
    data = data[: flac.first_frame(data, 0)]
    audio = LazyAudio(BytesSource(data, "x"), "x")
    assert audio.frames == 0
    assert audio.decode().shape == (2, 0)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (m4a(), ("M4A", 16_000, 1)),
        (m4a(rate=44_100, channels=2), ("M4A", 44_100, 2)),
        (webm(), ("WEBM", 48_000, 1)),
        (by_ffmpeg("ogg", "flac", 16_000, 20_000), ("OGG", 16_000, 1)),
        (by_ffmpeg("wv", "wavpack", 16_000, 20_000), ("WAVPACK", 16_000, 1)),
    ],
    ids=["m4a", "m4a-stereo", "webm", "ogg-flac", "wavpack"],
)
def test_ffmpeg_formats(data, expected):
    header = read_header(data)
    assert (header.format, header.sampling_rate, header.channels) == expected
    assert header.frames == LazyAudio(BytesSource(data, "x"), "x").decode().shape[1]


def test_seconds():
    assert AudioHeader("WAV", 8000, 1, 4000, "PCM_16").seconds == 0.5
