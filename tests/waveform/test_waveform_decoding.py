"""Samples: bit-equal to soundfile where nothing is lost, segments equal to slices everywhere."""

import importlib.util
import io

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import example, given
from hypothesis import strategies as st
from property_profiles import examples
from waveform_clips import CORPUS, LOSSLESS, WRITTEN, by_ffmpeg, m4a, reference, sound, webm, written

from audio_flan.waveform import BytesSource, ClipError, ClipFault, LazyAudio, read_header
from audio_flan.waveform.decoders import flac, libsndfile, pyav
from audio_flan.waveform.decoders.ladder import DECODERS, decoder_for
from audio_flan.waveform.resample import resample, resampled_frames

LENGTHS = st.one_of(st.sampled_from([1, 2, 3, 4095, 4096, 4097, 12_288]), st.integers(1, 9000))
RATES = st.sampled_from([4000, 8000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000])


def audio_of(data, **options):
    return LazyAudio(BytesSource(data, "clip"), "clip", **options)


def assert_own(samples):
    assert samples.dtype == np.float32
    assert samples.flags.c_contiguous
    assert samples.flags.writeable


@examples(80)
@given(
    kind=st.sampled_from([kind for kind in LOSSLESS if kind[0] in ("WAV", "WAVEX", "RF64", "FLAC")]),
    frames=LENGTHS,
    channels=st.integers(1, 8),
    rate=RATES,
    seed=st.integers(0, 9),
)
def test_lossless_equals_soundfile(kind, frames, channels, rate, seed):
    data = written(*kind, frames, channels, rate, seed)
    samples = audio_of(data).decode()
    assert_own(samples)
    np.testing.assert_array_equal(samples, reference(data))


@pytest.mark.parametrize(("form", "subtype"), WRITTEN)
@pytest.mark.parametrize("channels", [1, 2])
def test_every_format_equals_soundfile(form, subtype, channels):
    data = written(form, subtype, 10_001, channels)
    samples = audio_of(data).decode()
    assert_own(samples)
    np.testing.assert_array_equal(samples, reference(data))


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("channels", [1, 3])
def test_wav_extremes(subtype, channels):
    """Full scale, beyond it, and what is no number."""
    values = np.array([-1.0, 1.0, 0.0, 0.999, -0.999, 1e-9, 3.0, -3.0, 1e300, np.inf, -np.inf, np.nan])
    values = values if subtype in ("FLOAT", "DOUBLE") else values[:6]
    buffer = io.BytesIO()
    with np.errstate(over="ignore"):
        soundfile.write(buffer, np.stack([values] * channels, 1), 8000, format="WAV", subtype=subtype)
    data = buffer.getvalue()
    np.testing.assert_array_equal(audio_of(data).decode(), reference(data))


@pytest.mark.parametrize("form", ["WAV", "WAVEX", "RF64", "AIFF", "OGG"])
@pytest.mark.parametrize("channels", [1, 2])
def test_no_frames(form, channels):
    buffer = io.BytesIO()
    soundfile.write(buffer, np.empty((0, channels)), 16_000, format=form)
    audio = audio_of(buffer.getvalue())
    assert audio.decode().shape == (channels, 0)
    assert audio.decode(0.0, 0.0, sampling_rate=8000, channels=1).shape == (1, 0)
    assert audio.seconds == 0
    assert audio["array"].shape == (0,)


def segments(frames, count=6, seed=1):
    rng = np.random.default_rng(seed)
    pairs = [tuple(sorted(rng.integers(0, frames + 1, 2))) for _ in range(count)]
    return [(0, frames), (0, 1), (frames - 1, frames), (frames, frames), *pairs]


FFMPEG_CLIPS = [
    pytest.param(m4a(), id="m4a"),
    pytest.param(m4a(rate=44_100, channels=2), id="m4a-stereo"),
    pytest.param(webm(), id="webm"),
    pytest.param(by_ffmpeg("ogg", "flac", 16_000, 20_000), id="ogg-flac"),
    pytest.param(by_ffmpeg("wv", "wavpack", 16_000, 20_000), id="wavpack"),
]


@pytest.mark.parametrize(("form", "subtype"), WRITTEN)
@pytest.mark.parametrize("channels", [1, 2])
def test_segments_are_slices(form, subtype, channels):
    check_segments(written(form, subtype, 40_000, channels))


@pytest.mark.parametrize("data", FFMPEG_CLIPS)
def test_segments_are_slices_by_ffmpeg(data):
    check_segments(data)


def check_segments(data):
    audio = audio_of(data)
    whole, rate = audio.decode(), audio.sampling_rate
    for start, stop in segments(whole.shape[1]):
        part = audio.decode(start / rate, stop / rate)
        assert_own(part)
        np.testing.assert_array_equal(part, whole[:, start:stop])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_flac_segments_by_both_decoders(subtype, channels):
    data = written("FLAC", subtype, 60_000, channels)
    header = read_header(data)
    whole = reference(data)
    for start, stop in segments(header.frames):
        if start < stop:
            np.testing.assert_array_equal(
                flac._decode_to_end(data, header, start, stop), whole[:, start:stop]
            )
        np.testing.assert_array_equal(libsndfile.decode(data, header, start, stop), whole[:, start:stop])


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside the repository")
def test_corpus_equals_soundfile():
    paths = sorted(p for p in (CORPUS / "audio_files").rglob("*.*") if p.is_file())
    for path in paths[::9]:
        data = path.read_bytes()
        audio = audio_of(data)
        whole = audio.decode()
        np.testing.assert_array_equal(whole, reference(data), err_msg=str(path))
        third = whole.shape[1] // 3
        part = audio.decode(third / audio.sampling_rate, 2 * third / audio.sampling_rate)
        np.testing.assert_array_equal(part, whole[:, third : 2 * third], err_msg=str(path))


def test_opus_and_vorbis_in_webm_stay_with_ffmpeg():
    assert decoder_for(read_header(webm())) is pyav.decode


@pytest.mark.torch
@pytest.mark.skipif(importlib.util.find_spec("torchcodec") is None, reason="torchcodec is not installed")
class TestTorchcodec:
    decode = staticmethod(DECODERS["torchcodec"])

    @pytest.fixture(autouse=True)
    def _usable(self):
        try:
            self.decode(written("WAV", "PCM_16"), read_header(written("WAV", "PCM_16")), 0, 1)
        except ClipError as error:
            if error.fault == ClipFault.UNSUPPORTED_AUDIO:
                pytest.skip(str(error))
            raise

    @pytest.mark.parametrize("form", ["WAV", "FLAC"])
    def test_equals_ours(self, form):
        data = written(form, "PCM_16", 5000, 2)
        samples = self.decode(data, read_header(data), 100, 900)
        assert_own(samples)
        np.testing.assert_array_equal(samples, reference(data)[:, 100:900])

    def test_truncated(self):
        data = written("FLAC", "PCM_16", 50_000)
        with pytest.raises(ClipError):
            self.decode(data[: len(data) // 2], read_header(data), 0, 50_000)


@examples(50)
@given(frames=st.integers(1, 5000), channels=st.integers(1, 3), rates=st.tuples(RATES, RATES))
@example(frames=720, channels=1, rates=(48_000, 44_100))  # 661.5 frames, of which soxr gives 661
@example(frames=1, channels=2, rates=(4000, 8000))  # refused by soxr as it lies, with NumPy before 2.4
@example(frames=1, channels=1, rates=(16_000, 8000))  # half a frame, of which soxr gives 1
def test_resampling_is_soxrs(frames, channels, rates):
    before, after = rates
    samples = np.ascontiguousarray(sound(frames, channels, before).T.astype(np.float32))
    changed = resample(samples, before, after)
    assert_own(changed)
    assert changed.shape == (channels, resampled_frames(frames, before, after))
    expected = samples.T if before == after else soxr.resample(samples.T.copy(), before, after, quality="HQ")
    np.testing.assert_array_equal(changed, expected.T)


def test_resampling_while_decoding():
    data = written("FLAC", "PCM_16", 16_000, 2)
    whole = reference(data)
    np.testing.assert_array_equal(
        audio_of(data).decode(sampling_rate=8000), soxr.resample(whole.T, 16_000, 8000).T
    )
    audio = audio_of(data, sampling_rate=8000, channels=1)
    mono = audio.decode()
    np.testing.assert_array_equal(mono[0], soxr.resample(whole.mean(axis=0), 16_000, 8000))
    assert (audio.sampling_rate, audio.channels, audio.frames) == (8000, 1, mono.shape[1])
