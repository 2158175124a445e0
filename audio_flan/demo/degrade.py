"""Pure recipes that make a pair from a clean sound: noise, rooms, clipping, band limits, gaps, mixtures.

Levels are in dB, frequencies in Hz, times in seconds; samples have a full scale of +-1.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audio_flan.demo.parts import PEAK, Samples


@dataclass(frozen=True)
class Span:
    """A stretch of time, half-open: `start_s` <= t < `end_s`."""

    start_s: float
    end_s: float
    label: str = ""


def power_db(samples: Samples) -> float:
    """Mean power in dB relative to a full-scale square wave."""
    return float(10.0 * np.log10(np.mean(np.square(samples)) + 1e-20))


def snr_db(signal: Samples, noise: Samples) -> float:
    """Power of the signal over the power of the noise, in dB."""
    return power_db(signal) - power_db(noise)


def noise_colour(rng: np.random.Generator, frames: int, slope_db: float = 0.0) -> Samples:
    """Gaussian noise whose spectrum changes by `slope_db` per octave (0 white, -3 pink, -6 brown); rms 1."""
    spectrum = np.fft.rfft(rng.standard_normal(frames))
    bins = np.maximum(np.arange(spectrum.size), 1.0)
    shaped = np.fft.irfft(spectrum * bins ** (slope_db / 6.0206), frames)
    noise: Samples = shaped / np.sqrt(np.mean(np.square(shaped)))
    return noise


def fitted(samples: Samples, frames: int) -> Samples:
    """Repeat or cut to a number of frames."""
    return np.resize(samples, frames)


def within_scale(*signals: Samples, peak: float = PEAK) -> tuple[Samples, ...]:
    """Scale signals by one common factor, so that none exceeds the peak and their relation stays."""
    top = max(float(np.abs(signal).max(initial=0.0)) for signal in signals)
    return tuple(signal * min(1.0, peak / max(top, 1e-12)) for signal in signals)


def with_noise(clean: Samples, noise: Samples, level_db: float) -> tuple[Samples, Samples]:
    """Add noise at a signal-to-noise ratio of `level_db`; returns (clean, noisy) on one scale."""
    noise = fitted(noise, clean.size)
    gain = 10.0 ** ((snr_db(clean, noise) - level_db) / 20.0)
    scaled_clean, noisy = within_scale(clean, clean + gain * noise)
    return scaled_clean, noisy


def room_response(rng: np.random.Generator, rate: int, rt60_s: float) -> Samples:
    """Impulse response of a simple room: a direct sound and noise that falls by 60 dB in `rt60_s`."""
    time = np.arange(round(rt60_s * rate)) / rate
    tail = rng.standard_normal(time.size) * 10.0 ** (-3.0 * time / rt60_s) * 0.12
    tail[: round(0.004 * rate)] = 0.0
    tail[0] = 1.0
    return tail


def reverberated(clean: Samples, response: Samples) -> tuple[Samples, Samples]:
    """Convolve with a room response, cut to the clean length; returns (clean, wet) on one scale."""
    size = clean.size + response.size - 1
    wet = np.fft.irfft(np.fft.rfft(clean, size) * np.fft.rfft(response, size), size)[: clean.size]
    scaled_clean, scaled_wet = within_scale(clean, wet)
    return scaled_clean, scaled_wet


def clipped(samples: Samples, threshold: float) -> Samples:
    """Cut every peak off at `threshold` times the highest one."""
    limit = threshold * float(np.abs(samples).max())
    return np.clip(samples, -limit, limit)


def band_limited(samples: Samples, rate: int, low_hz: float, high_hz: float) -> Samples:
    """Keep the band between two frequencies, with raised-cosine edges a tenth of each frequency wide."""
    frequency = np.fft.rfftfreq(len(samples), 1.0 / rate)
    rise = np.clip((frequency - 0.9 * low_hz) / max(0.1 * low_hz, 1e-9), 0.0, 1.0)
    fall = np.clip((high_hz - frequency) / (0.1 * high_hz), 0.0, 1.0)
    gain = np.sin(rise * np.pi / 2) ** 2 * np.sin(fall * np.pi / 2) ** 2
    return np.fft.irfft(np.fft.rfft(samples) * gain, len(samples))


def with_gap(samples: Samples, rate: int, start_s: float, end_s: float) -> Samples:
    """Silence the stretch from `start_s` to `end_s`."""
    result = samples.copy()
    result[round(start_s * rate) : round(end_s * rate)] = 0.0
    return result


def split_at(samples: Samples, rate: int, at_s: float) -> tuple[Samples, Samples]:
    """Cut in two at a time."""
    frame = round(at_s * rate)
    return samples[:frame], samples[frame:]


def faded(samples: Samples, rate: int, fade_s: float = 0.01) -> Samples:
    """Fade in and out over `fade_s`, so that a cut makes no click."""
    frames = min(round(fade_s * rate), len(samples) // 2)
    ramp = np.linspace(0.0, 1.0, frames)
    result = samples.copy()
    result[:frames] *= ramp
    result[len(result) - frames :] *= ramp[::-1]
    return result


def overlaid(first: Samples, second: Samples, ratio_db: float = 0.0) -> tuple[Samples, Samples, Samples]:
    """Sum two sounds, the first `ratio_db` above the second in power.

    Returns
    -------
    mixture, first, second
        On one scale and of the length of the longer: the mixture is exactly the sum of the other two.
    """
    frames = max(first.size, second.size)
    gain = 10.0 ** ((snr_db(first, second) - ratio_db) / 20.0)
    one = np.pad(first, (0, frames - first.size))
    two = np.pad(second * gain, (0, frames - second.size))
    mixture, one, two = within_scale(one + two, one, two)
    return mixture, one, two


def placed(
    pieces: Sequence[tuple[str, Samples]], gaps_s: Sequence[float], rate: int
) -> tuple[Samples, tuple[Span, ...]]:
    """Lay pieces one after another, each after its gap, and a last gap at the end.

    Parameters
    ----------
    pieces
        (label, samples) in order.
    gaps_s
        Silence before each piece, in seconds, and one more after the last.
    rate
        Sampling rate in Hz.

    Returns
    -------
    samples, spans
        The joined sound, and where each piece lies in it.
    """
    parts = []
    spans = []
    frame = 0
    for (label, samples), gap in zip(pieces, gaps_s, strict=False):
        silence = np.zeros(round(gap * rate))
        start = frame + silence.size
        frame = start + samples.size
        spans.append(Span(start / rate, frame / rate, label))
        parts += [silence, samples]
    return np.concatenate([*parts, np.zeros(round(gaps_s[-1] * rate))]), tuple(spans)
