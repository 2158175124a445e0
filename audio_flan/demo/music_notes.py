"""Music tasks on single notes, scales and techniques."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from audio_flan.demo.instruments import TECHNIQUES, played, tone
from audio_flan.demo.notes import PITCH_CLASSES, SCALES, Note, hertz, pitch_name, scale_pitches
from audio_flan.demo.parts import Clip, Instance, shelve

NOTES = "11_SynthNotes"
RATE = 22050


@dataclass(frozen=True, eq=False)
class Tone:
    """One note of one instrument, and its clip."""

    clip: Clip
    instrument: str
    midi: int
    technique: str


_PITCHED = ("piano", "flute", "violin", "clarinet", "trumpet", "guitar", "vibraphone")
_PLAYED = (("violin", 67), ("flute", 72))


def build(rng: np.random.Generator) -> Iterator[Instance]:
    """Yield the instances of every task of this module."""
    plain = [_plain(index, rng) for index in range(14)]
    yield from _single(plain)
    yield from _compared(plain)
    yield from _techniques(rng)
    yield from _scales(rng)


def _plain(index: int, rng: np.random.Generator) -> Tone:
    instrument, midi = _PITCHED[index % len(_PITCHED)], 52 + (index * 7) % 29
    samples = tone(instrument, midi, 0.9, RATE, rng)
    return Tone(shelve(NOTES, f"note_{index:02d}", samples, RATE), instrument, midi, "sustained")


def _single(tones: list[Tone]) -> Iterator[Instance]:
    for one in tones:
        facts = {"midi": one.midi, "hz": round(hertz(one.midi), 2)}
        yield Instance(NOTES, "Pitch Classification", [one.clip], pitch_name(one.midi), other=facts)
    for one in tones[:6]:
        yield Instance(NOTES, "Instrument Classification", [one.clip], one.instrument, other="synthesised")


def _compared(tones: list[Tone]) -> Iterator[Instance]:
    partners = [(one, tones[(index + 7) % 14]) for index, one in enumerate(tones[:5])]
    for first, second in [*partners, *list(pairwise(tones))[:7]]:
        same = first.instrument == second.instrument
        answer = (
            f"The same: {first.instrument}"
            if same
            else f"Different: the first is a {first.instrument}, the second a {second.instrument}"
        )
        yield Instance(NOTES, "Instrument Comparison", [first.clip, second.clip], answer)


def _techniques(rng: np.random.Generator) -> Iterator[Instance]:
    tones = []
    for instrument, midi in _PLAYED:
        for step, technique in enumerate(TECHNIQUES):
            samples = tone(instrument, midi + step, 1.0, RATE, rng, technique)
            name = f"{instrument}_{technique}"
            tones.append(Tone(shelve(NOTES, name, samples, RATE), instrument, midi + step, technique))
    for one in tones:
        facts = {"instrument": one.instrument}
        task = "Instrumental Technique Classification"
        yield Instance(NOTES, task, [one.clip], one.technique, other=facts)
    half = len(TECHNIQUES)
    pairs = [(tones[index], tones[index + half]) for index in range(half)] + list(pairwise(tones))[:half]
    for first, second in pairs:
        same = first.technique == second.technique
        answer = (
            f"same ({first.technique})" if same else f"different ({first.technique} / {second.technique})"
        )
        yield Instance(NOTES, "Instrumental Technique Comparison", [first.clip, second.clip], answer)


def _scales(rng: np.random.Generator) -> Iterator[Instance]:
    for index, scale in enumerate([*SCALES, *SCALES]):
        tonic = 60 + (5 * index) % 12
        pitches = scale_pitches(tonic, scale)
        notes = [Note(midi, 0.25 * step, 0.24) for step, midi in enumerate(pitches)]
        instrument = ("piano", "clarinet")[index // len(SCALES)]
        samples = played(instrument, notes, 0.25 * len(notes), RATE, rng)
        clip = shelve(NOTES, f"scale_{index:02d}", samples, RATE)
        facts = {"pitches": [pitch_name(midi) for midi in pitches]}
        yield Instance(
            NOTES, "Scale Recognition", [clip], f"{PITCH_CLASSES[tonic % 12]} {scale}", other=facts
        )
