"""The recipes do what their units say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from property_profiles import examples

from audio_flan.demo import degrade, notes
from audio_flan.demo.encode import encode, without_peak_time
from audio_flan.demo.instruments import TIMBRES, tone
from audio_flan.demo.parts import Clip, shelve
from audio_flan.demo.vocoders import VOCODERS, from_spectra, spectra

RATE = 16000
RNG = np.random.default_rng(5)


def sine(hz: float, seconds: float = 1.0) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


@given(st.floats(-20, 40), st.integers(0, 2**32 - 1))
@examples(30)
def test_noise_is_mixed_at_its_level(level, seed):
    rng = np.random.default_rng(seed)
    clean, noisy = degrade.with_noise(sine(440), rng.standard_normal(5000), level)
    assert degrade.snr_db(clean, noisy - clean) == pytest.approx(level, abs=1e-6)
    assert np.abs(noisy).max() <= 0.9 + 1e-9


@given(st.floats(-12, 12), st.integers(100, 4000), st.integers(100, 4000))
@examples(30)
def test_mixture_is_the_sum_of_its_sources(ratio, first, second):
    mixture, one, two = degrade.overlaid(RNG.standard_normal(first), RNG.standard_normal(second), ratio)
    assert np.allclose(mixture, one + two)
    assert degrade.snr_db(one[:first], two[:second]) == pytest.approx(ratio, abs=1e-6)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=5))
@examples(30)
def test_pieces_lie_where_their_spans_say(gaps):
    pieces = [(str(index), np.full(800 + index, 0.5)) for index in range(len(gaps) - 1)]
    samples, spans = degrade.placed(pieces, gaps, RATE)
    marked = np.zeros(samples.size)
    for span, (label, piece) in zip(spans, pieces, strict=True):
        assert span.label == label
        assert (span.end_s - span.start_s) * RATE == pytest.approx(piece.size)
        marked[round(span.start_s * RATE) : round(span.end_s * RATE)] = 0.5
    assert np.array_equal(marked, samples)


def test_band_limit_keeps_the_band():
    both = sine(200) + sine(1000) + sine(5000)
    kept = degrade.band_limited(both, RATE, 400, 3000)
    assert np.allclose(kept, sine(1000), atol=1e-6)


def test_reverberation_starts_with_the_direct_sound():
    impulse = np.zeros(2000)
    impulse[0] = 0.5
    response = degrade.room_response(np.random.default_rng(0), RATE, 0.1)
    clean, wet = degrade.reverberated(impulse, response)
    assert np.allclose(wet[: response.size], response * clean[0])


def test_room_falls_by_60_db_in_its_time():
    response = degrade.room_response(np.random.default_rng(0), RATE, 0.5)
    early, late = response[200:1000], response[-800:]
    assert degrade.snr_db(early, late) == pytest.approx(60 * (0.475 - 0.0375) / 0.5, abs=3)


@pytest.mark.parametrize(("slope", "expected"), [(0.0, 0.0), (-3.0, -3.0), (-6.0, -6.0)])
def test_noise_has_its_colour(slope, expected):
    noise = degrade.noise_colour(np.random.default_rng(1), 2**16, slope)
    power = np.abs(np.fft.rfft(noise)) ** 2
    octave = 10 * np.log10(power[8000:16000].mean() / power[4000:8000].mean())
    assert octave == pytest.approx(expected, abs=0.3)
    assert np.mean(noise**2) == pytest.approx(1.0)


@pytest.mark.parametrize("instrument", TIMBRES)
def test_instruments_are_in_tune(instrument):
    sound = tone(instrument, 69, 1.0, 22050, np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size), 2**18))
    near = slice(round(400 * 2**18 / 22050), round(480 * 2**18 / 22050))
    peak = (near.start + np.argmax(spectrum[near])) * 22050 / 2**18
    assert 1200 * np.log2(peak / 440) == pytest.approx(0, abs=10)


def test_short_time_spectra_give_the_sound_back():
    sound = sine(330) * np.hanning(RATE)
    assert np.allclose(from_spectra(spectra(sound, RATE), sound.size, RATE), sound, atol=1e-6)


@pytest.mark.parametrize("name", VOCODERS)
def test_vocoders_keep_length_and_change_samples(name):
    sound = sine(220) * (1 + sine(3))
    copy = VOCODERS[name](sound, RATE, np.random.default_rng(0))
    assert copy.shape == sound.shape
    assert np.isfinite(copy).all()
    assert not np.allclose(copy, sound, atol=1e-3)


def test_chords_and_scales():
    assert notes.chord_name(notes.triad(48, "major", "vi")) == "A:min"
    assert notes.chord_name(notes.triad(57, "minor", "VI")) == "F:maj"
    assert notes.pitch_name(69) == "A4"
    assert notes.hertz(69) == 440.0
    assert notes.scale_pitches(60, "major pentatonic") == [60, 62, 64, 67, 69, 72]


@given(st.integers(36, 60), st.sampled_from([("major", "IV"), ("major", "ii"), ("minor", "v")]))
def test_chord_quality_follows_the_numeral(tonic, which):
    mode, numeral = which
    quality = "maj" if numeral.isupper() else "min"
    assert notes.chord_name(notes.triad(tonic, mode, numeral)).endswith(quality)


def test_float_wav_carries_no_time():
    data = encode(Clip("x", "y", sine(440), RATE, "wavfloat"))
    stamp = data.find(b"PEAK") + 12
    assert data[stamp : stamp + 4] == bytes(4)
    assert without_peak_time(b"RIFF") == b"RIFF"


@given(st.text("abc0123", min_size=1), st.sampled_from([8000, 16000, 44100]))
@examples(30)
def test_shelved_clips_keep_their_length_and_never_gain_rate(name, rate):
    sound = RNG.standard_normal(rate // 4)
    clip = shelve("01_Any", name, sound, rate)
    exact = shelve("01_Any", name, sound, rate, exact=True)
    assert clip.rate <= rate
    assert clip.seconds == pytest.approx(0.25, abs=1e-3)
    assert exact.samples is sound
    assert exact.encoding not in ("ogg", "mp3")
