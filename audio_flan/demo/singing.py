"""A sung-like voice: harmonics weighted by the formants of vowels, with a hummed onset for m, n and l."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audio_flan.demo.instruments import TECHNIQUES, loudness_curve, pitch_curve
from audio_flan.demo.notes import Note
from audio_flan.demo.parts import Samples

RATE = 16000

# First three formants in Hz, of a voice of middle size.
_FORMANTS = {
    "a": (730.0, 1200.0, 2500.0),
    "e": (480.0, 1900.0, 2550.0),
    "i": (300.0, 2250.0, 2950.0),
    "o": (470.0, 850.0, 2450.0),
    "u": (320.0, 750.0, 2300.0),
    "m": (250.0, 1050.0, 2100.0),
    "n": (250.0, 1450.0, 2300.0),
    "l": (360.0, 1150.0, 2700.0),
}
_BANDWIDTHS_HZ = (90.0, 120.0, 180.0)
_ONSET_S = 0.07


@dataclass(frozen=True)
class Singer:
    """A voice preset.

    Attributes
    ----------
    size
        Factor on every formant; small voices have high ones.
    vibrato
        Depth of the natural vibrato in semitones.
    breath
        Level of the noise in the voice.
    octave
        Octaves above (or below) the written melody.
    """

    name: str
    description: str
    size: float
    vibrato: float
    breath: float
    octave: int


SINGERS = (
    Singer("Sola", "a soprano", 1.18, 0.35, 0.01, 0),
    Singer("Tomas", "a tenor", 1.0, 0.2, 0.02, -1),
    Singer("Bruno", "a bass", 0.86, 0.1, 0.01, -2),
)

VOCAL_TECHNIQUES = {
    "straight tone": "sustained",
    "vibrato": "vibrato",
    "glissando": "glissando",
    "trill": "trill",
    "staccato": "staccato",
    "vocal tremolo": "tremolo",
}


def _gain(frequency: Samples, sound: str, size: float) -> Samples:
    peaks = zip(_FORMANTS[sound], _BANDWIDTHS_HZ, (1.0, 0.6, 0.3), strict=True)
    shape = sum(level / (1.0 + ((frequency - size * hz) / width) ** 2) for hz, width, level in peaks)
    return np.asarray(shape + 0.02)


def syllable(
    text: str,
    midi: float,
    seconds: float,
    singer: Singer,
    rng: np.random.Generator,
    technique: str = "sustained",
    natural_vibrato: float = 1.0,
) -> Samples:
    """Sing one syllable (an optional m, n or l, and a vowel) on one pitch; sampling rate `RATE`."""
    frames = round(seconds * RATE)
    manner = TECHNIQUES[technique]
    curve = pitch_curve(midi, frames, RATE, manner, natural_vibrato * singer.vibrato)
    phase = 2 * np.pi * np.cumsum(curve) / RATE
    vowel_share = np.clip(np.arange(frames) / RATE / _ONSET_S - 0.5, 0.0, 1.0)
    total = np.zeros(frames)
    for harmonic in range(1, int(0.45 * RATE / curve.max()) + 1):
        frequency = harmonic * curve
        onset, vowel = (_gain(frequency, sound, singer.size) for sound in (text[0], text[-1]))
        envelope = (1.0 - vowel_share) * 0.5 * onset + vowel_share * vowel
        total += envelope / harmonic**0.5 * np.sin(harmonic * phase)
    total += singer.breath * rng.standard_normal(frames)
    return 0.3 * total * loudness_curve(frames, RATE, manner, 0.03, 0.05)


def sung(
    syllables: Sequence[str], notes: Sequence[Note], singer: Singer, rng: np.random.Generator
) -> Samples:
    """Sing a line, one syllable to a note, in the singer's octave."""
    pieces = [
        syllable(text, note.midi + 12 * singer.octave, note.length_s, singer, rng)
        for text, note in zip(syllables, notes, strict=True)
    ]
    return np.concatenate(pieces)
