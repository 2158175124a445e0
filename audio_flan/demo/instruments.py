"""Instruments as sums of partials: a row of `TIMBRES` is one, a row of `TECHNIQUES` a way to play it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audio_flan.demo.notes import Note, hertz
from audio_flan.demo.parts import Samples


@dataclass(frozen=True)
class Timbre:
    """How an instrument sounds.

    Attributes
    ----------
    ratios, gains
        Frequency of each partial over the fundamental, and its amplitude at the attack.
    decay
        Fall of the fundamental per second, in nepers; partials above it fall `spread` times faster each.
    attack_s, release_s
        Rise and fall of the tone.
    breath
        Level of the noise in the tone.
    sway
        Depth of its natural vibrato in semitones.
    """

    ratios: tuple[float, ...]
    gains: tuple[float, ...]
    decay: float = 0.0
    spread: float = 0.0
    attack_s: float = 0.01
    release_s: float = 0.03
    breath: float = 0.0
    sway: float = 0.0


@dataclass(frozen=True)
class Technique:
    """How a note is played.

    Attributes
    ----------
    length
        Share of the written length that sounds.
    vibrato
        Depth in semitones, at 6 Hz.
    tremolo
        Depth of the change in loudness, 0 to 1, at 9 Hz.
    slide
        Semitones below the note at which it starts.
    shake
        Semitones of the upper note of a trill, 10 changes a second.
    """

    length: float = 1.0
    vibrato: float = 0.0
    tremolo: float = 0.0
    slide: float = 0.0
    shake: float = 0.0


def _harmonic(
    count: int, rolloff: float, *, odd: bool = False
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    ratios = (
        tuple(float(k) for k in range(1, 2 * count, 2)) if odd else tuple(map(float, range(1, count + 1)))
    )
    return ratios, tuple(ratio**-rolloff for ratio in ratios)


TIMBRES = {
    "piano": Timbre(*_harmonic(10, 1.5), decay=2.2, spread=0.35, attack_s=0.004, release_s=0.06),
    "organ": Timbre((1.0, 2.0, 3.0, 4.0, 6.0, 8.0), (1.0, 0.8, 0.6, 0.5, 0.3, 0.2), attack_s=0.02),
    "flute": Timbre((1.0, 2.0, 3.0), (1.0, 0.25, 0.08), attack_s=0.06, breath=0.04, sway=0.15),
    "violin": Timbre(*_harmonic(14, 1.0), attack_s=0.07, release_s=0.06, breath=0.015, sway=0.25),
    "clarinet": Timbre(*_harmonic(7, 1.1, odd=True), attack_s=0.04, breath=0.01),
    "trumpet": Timbre(*_harmonic(12, 0.6), attack_s=0.03, sway=0.08),
    "guitar": Timbre(*_harmonic(12, 1.0), decay=3.0, spread=0.5, attack_s=0.002),
    "vibraphone": Timbre((1.0, 3.93, 9.54), (1.0, 0.3, 0.1), decay=1.6, spread=2.0, attack_s=0.002),
    "bass": Timbre(*_harmonic(6, 1.3), decay=1.8, spread=0.6, attack_s=0.005),
    "music box": Timbre((1.0, 2.76, 5.4), (1.0, 0.5, 0.25), decay=5.0, spread=0.8, attack_s=0.001),
}

TECHNIQUES = {
    "sustained": Technique(),
    "vibrato": Technique(vibrato=0.7),
    "tremolo": Technique(tremolo=0.8),
    "staccato": Technique(length=0.3),
    "glissando": Technique(slide=7.0),
    "trill": Technique(shake=2.0),
}


def pitch_curve(midi: float, frames: int, rate: int, technique: Technique, sway: float = 0.0) -> Samples:
    """Frequency in Hz at each sample of a note played so."""
    time = np.arange(frames) / rate
    semitones = technique.vibrato * np.sin(2 * np.pi * 6.0 * time)
    semitones += sway * np.sin(2 * np.pi * 5.0 * time) * np.clip(time / 0.4, 0.0, 1.0)
    semitones -= technique.slide * np.clip(1.0 - time / (0.6 * frames / rate), 0.0, 1.0)
    semitones += technique.shake * (np.floor(time * 10.0) % 2)
    return hertz(midi) * np.exp2(semitones / 12.0)


def loudness_curve(
    frames: int, rate: int, technique: Technique, attack_s: float, release_s: float
) -> Samples:
    """Amplitude at each sample: attack, tremolo, the share that sounds, release."""
    time = np.arange(frames) / rate
    sounding_s = frames / rate * technique.length
    rise = np.clip(time / attack_s, 0.0, 1.0)
    fall = np.clip((sounding_s - time) / release_s, 0.0, 1.0)
    return rise * fall * (1.0 - technique.tremolo * 0.5 * (1.0 - np.cos(2 * np.pi * 9.0 * time)))


def tone(
    instrument: str,
    midi: int,
    seconds: float,
    rate: int,
    rng: np.random.Generator,
    technique: str = "sustained",
) -> Samples:
    """One note; peak near 0.5, partials above the Nyquist frequency left out."""
    timbre, manner = TIMBRES[instrument], TECHNIQUES[technique]
    frames = round(seconds * rate)
    curve = pitch_curve(midi, frames, rate, manner, timbre.sway)
    phase = 2 * np.pi * np.cumsum(curve) / rate
    time = np.arange(frames) / rate
    total = timbre.breath * rng.standard_normal(frames)
    for index, (ratio, gain) in enumerate(zip(timbre.ratios, timbre.gains, strict=True)):
        if ratio * curve.max() < 0.48 * rate:
            fall = np.exp(-timbre.decay * (1.0 + timbre.spread * index) * time)
            total += gain * fall * np.sin(ratio * phase)
    level = 0.5 / sum(timbre.gains) ** 0.5
    total *= level * loudness_curve(frames, rate, manner, timbre.attack_s, timbre.release_s)
    return total


def played(
    instrument: str,
    notes: Sequence[Note],
    seconds: float,
    rate: int,
    rng: np.random.Generator,
    technique: str = "sustained",
) -> Samples:
    """Play a part: every note at its time, in a sound of so many seconds."""
    total = np.zeros(round(seconds * rate))
    for note in notes:
        sound = tone(instrument, note.midi, note.length_s, rate, rng, technique)
        start = round(note.start_s * rate)
        end = min(start + sound.size, total.size)
        total[start:end] += sound[: end - start]
    return total


def drum(kind: str, rate: int, rng: np.random.Generator) -> Samples:
    """One stroke of ``kick``, ``snare`` or ``hat``, 0.15 s long."""
    time = np.arange(round(0.15 * rate)) / rate
    if kind == "kick":
        return np.sin(2 * np.pi * (50.0 * time + 6.0 * (1.0 - np.exp(-time * 25.0)))) * np.exp(-time * 18.0)
    noise = rng.standard_normal(time.size)
    if kind == "snare":
        return 0.25 * (noise + np.sin(2 * np.pi * 190.0 * time)) * np.exp(-time * 25.0)
    return 0.15 * np.diff(noise, prepend=0.0) * np.exp(-time * 60.0)


def beaten(
    strokes: Sequence[tuple[str, float]], seconds: float, rate: int, rng: np.random.Generator
) -> Samples:
    """Play a drum part from (kind, time in seconds) strokes."""
    total = np.zeros(round(seconds * rate))
    for kind, at_s in strokes:
        start = round(at_s * rate)
        sound = drum(kind, rate, rng)[: total.size - start]
        total[start : start + sound.size] += sound
    return total
