"""Copy synthesis: take a sound apart into short-time spectra and put it together again, with some loss.

Every vocoder is a pure function of (samples, rate, rng). They work on 32 ms frames with an 8 ms hop.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from audio_flan.demo.parts import Samples

_FRAME_S, _OVERLAP = 0.032, 4

_Spectra = npt.NDArray[np.complex128]


def _sizes(rate: int) -> tuple[int, int]:
    hop = round(_FRAME_S * rate / _OVERLAP)
    return hop * _OVERLAP, hop


def spectra(samples: Samples, rate: int) -> _Spectra:
    """Short-time spectra, shape (frames, bins), with a Hann window."""
    size, hop = _sizes(rate)
    padded = np.pad(samples, (size, size))
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    result: _Spectra = np.fft.rfft(windows * np.hanning(size), axis=1)
    return result


def from_spectra(values: _Spectra, frames: int, rate: int) -> Samples:
    """Overlap and add short-time spectra to a sound of so many frames."""
    size, hop = _sizes(rate)
    pieces = np.fft.irfft(values, size, axis=1) * np.hanning(size)
    total = np.zeros((len(pieces) - 1) * hop + size)
    weight = np.zeros_like(total)
    for index, piece in enumerate(pieces):
        total[index * hop : index * hop + size] += piece
        weight[index * hop : index * hop + size] += np.hanning(size) ** 2
    joined = total / np.maximum(weight, 0.1)
    return np.resize(joined[size:], frames)


def griffin_lim(samples: Samples, rate: int, rng: np.random.Generator, rounds: int = 8) -> Samples:
    """Keep the magnitudes, forget the phases, and find some that fit in a few rounds."""
    magnitude = np.abs(spectra(samples, rate))
    result = from_spectra(magnitude * np.exp(2j * np.pi * rng.random(magnitude.shape)), samples.size, rate)
    for _ in range(rounds):
        guess = spectra(result, rate)
        result = from_spectra(magnitude * np.exp(1j * np.angle(guess)), samples.size, rate)
    return result


def noise_channels(samples: Samples, rate: int, rng: np.random.Generator, channels: int = 24) -> Samples:
    """Excite the energy of a few frequency channels with noise: a whisper of the original."""
    envelope = np.abs(spectra(samples, rate))
    edges = np.unique(np.geomspace(1, envelope.shape[1], channels + 1).astype(int))
    edges[0] = 0
    counts = np.diff(np.append(edges[:-1], envelope.shape[1]))
    levels = np.sqrt(np.add.reduceat(envelope**2, edges[:-1], axis=1) / counts)
    carrier = spectra(rng.standard_normal(samples.size), rate)
    return from_spectra(carrier * np.repeat(levels, counts, axis=1), samples.size, rate)


def zero_phase(samples: Samples, rate: int, _rng: np.random.Generator) -> Samples:
    """Set every phase to zero: a monotone robot voice at the frame rate of 125 Hz."""
    return from_spectra(np.abs(spectra(samples, rate)).astype(np.complex128), samples.size, rate)


def linear_prediction(samples: Samples, rate: int, rng: np.random.Generator, order: int = 14) -> Samples:
    """Excite an all-pole envelope of each frame with pulses at 110 Hz and a little noise."""
    size, _ = _sizes(rate)
    envelope = _all_pole_envelopes(spectra(samples, rate), order, size)
    pulses = 0.05 * rng.standard_normal(samples.size)
    pulses[:: round(rate / 110)] += 1.0
    return from_spectra(spectra(pulses, rate) * envelope, samples.size, rate)


def _all_pole_envelopes(values: _Spectra, order: int, size: int) -> Samples:
    correlation = np.fft.irfft(np.abs(values) ** 2, axis=1)[:, : order + 1]
    lags = np.abs(np.subtract.outer(np.arange(order), np.arange(order)))
    matrices = correlation[:, lags] + np.eye(order) * (1e-3 * correlation[:, :1, None] + 1e-9)
    weights = np.linalg.solve(matrices, correlation[:, 1:, None])[..., 0]
    error = np.maximum(correlation[:, 0] - np.sum(weights * correlation[:, 1:], axis=1), 0.0)
    filters = np.fft.rfft(np.concatenate([np.ones((len(weights), 1)), -weights], axis=1), size, axis=1)
    envelopes: Samples = np.sqrt(error)[:, None] / np.abs(filters)
    return envelopes


Vocoder = Callable[[Samples, int, np.random.Generator], Samples]

VOCODERS: dict[str, Vocoder] = {
    "Griffin-Lim": griffin_lim,
    "LPC vocoder": linear_prediction,
    "noise channel vocoder": noise_channels,
    "zero-phase vocoder": zero_phase,
}
