"""Everyday sounds imitated by synthesis: a row of `EVENTS` is a sound, a row of `SCENES` a place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from audio_flan.demo.degrade import band_limited, faded, noise_colour
from audio_flan.demo.parts import Samples, normalised

RATE = 44100

Recipe = Callable[[np.random.Generator, float], Samples]
"""(rng, seconds) to samples at `RATE`."""


@dataclass(frozen=True)
class Event:
    """A kind of sound.

    Attributes
    ----------
    make
        Its recipe.
    sentence
        What a listener would say of it.
    family
        ``animal``, ``human``, ``machine``, ``home`` or ``nature``.
    seconds
        Usual length.
    """

    make: Recipe
    sentence: str
    family: str
    seconds: float = 1.0


def _time(seconds: float) -> Samples:
    return np.arange(round(seconds * RATE)) / RATE


def _sweep(frequency: Samples, harmonics: int = 1) -> Samples:
    phase = 2 * np.pi * np.cumsum(frequency) / RATE
    return np.asarray(sum(np.sin(k * phase) / k for k in range(1, harmonics + 1)))


def _repeated(stroke: Samples, every_s: float, seconds: float) -> Samples:
    total = np.zeros(round(seconds * RATE))
    for start in range(0, total.size, round(every_s * RATE)):
        piece = stroke[: total.size - start]
        total[start : start + piece.size] += piece
    return total


def _noise_burst(
    rng: np.random.Generator, seconds: float, low_hz: float, high_hz: float, fall: float
) -> Samples:
    time = _time(seconds)
    return band_limited(rng.standard_normal(time.size), RATE, low_hz, high_hz) * np.exp(-fall * time)


def _dog(rng: np.random.Generator, seconds: float) -> Samples:
    time = _time(0.28)
    shape = np.sin(np.pi * np.minimum(time / 0.25, 1.0)) ** 0.7
    voice = _sweep(float(rng.uniform(380, 520)) * (1.0 + 0.5 * np.exp(-8 * time)), 9)
    return _repeated((voice + 0.5 * rng.standard_normal(time.size)) * shape, 0.45, seconds)


def _bird(rng: np.random.Generator, seconds: float) -> Samples:
    time = _time(0.12)
    base = float(rng.uniform(2800, 3600))
    chirp = _sweep(base + 1500 * np.sin(np.pi * time / 0.12)) * np.sin(np.pi * time / 0.12)
    return _repeated(chirp, 0.21, seconds)


def _cat(rng: np.random.Generator, seconds: float) -> Samples:
    time = _time(seconds) / seconds
    base = float(rng.uniform(480, 620))
    return _sweep(base * (1.0 + 0.35 * np.sin(np.pi * time)), 7) * np.sin(np.pi * time) ** 0.6


def _siren(rng: np.random.Generator, seconds: float) -> Samples:
    time = _time(seconds)
    return _sweep(float(rng.uniform(850, 1000)) + 350 * np.sin(2 * np.pi * 1.3 * time), 3)


def _alarm(rng: np.random.Generator, seconds: float) -> Samples:
    time = _time(0.12)
    return _repeated(np.sin(2 * np.pi * float(rng.uniform(1900, 2300)) * time), 0.24, seconds)


def _telephone(rng: np.random.Generator, seconds: float) -> Samples:
    time = _time(0.45)
    pulses = 0.5 + 0.5 * np.sign(np.sin(2 * np.pi * 20 * time))
    base = float(rng.uniform(420, 460))
    bell = pulses * (np.sin(2 * np.pi * base * time) + np.sin(2 * np.pi * 1.1 * base * time))
    return _repeated(bell, 0.7, seconds)


def _clock(rng: np.random.Generator, seconds: float) -> Samples:
    return _repeated(_noise_burst(rng, 0.03, 2500, 6500, 220), 0.25, seconds)


def _knock(rng: np.random.Generator, seconds: float) -> Samples:
    time = _time(0.12)
    wood = np.sin(2 * np.pi * float(rng.uniform(150, 210)) * time) * np.exp(-45 * time)
    return _repeated(wood + _noise_burst(rng, 0.12, 300, 1500, 90), 0.3, seconds)


def _engine(rng: np.random.Generator, seconds: float) -> Samples:
    time = _time(seconds)
    rumble = _sweep(float(rng.uniform(42, 60)) + 3 * np.sin(2 * np.pi * 0.7 * time), 14)
    return rumble + 0.3 * noise_colour(rng, time.size, -6.0)


def _horn(rng: np.random.Generator, seconds: float) -> Samples:
    flat = np.ones(round(seconds * RATE)) * float(rng.uniform(330, 380))
    return _sweep(flat, 8) + _sweep(1.26 * flat, 8)


def _rain(rng: np.random.Generator, seconds: float) -> Samples:
    drops = (rng.random(round(seconds * RATE)) < 0.01) * rng.standard_normal(round(seconds * RATE))
    return noise_colour(rng, drops.size, -1.0) * 0.5 + 4 * band_limited(drops, RATE, 1500, 8000)


def _wind(rng: np.random.Generator, seconds: float) -> Samples:
    time = _time(seconds)
    gusts = 0.6 + 0.4 * np.sin(2 * np.pi * 0.8 * time + float(rng.uniform(0, 6)))
    return band_limited(noise_colour(rng, time.size, -4.0), RATE, 60, 900) * gusts


def _waves(rng: np.random.Generator, seconds: float) -> Samples:
    time = _time(seconds)
    swell = 0.2 + np.sin(np.pi * ((time / 1.2) % 1.0)) ** 2
    return band_limited(noise_colour(rng, time.size, -2.0), RATE, 100, 6000) * swell


def _thunder(rng: np.random.Generator, seconds: float) -> Samples:
    return _noise_burst(rng, seconds, 20, 250, 1.5) * (1.0 + noise_colour(rng, round(seconds * RATE), -9.0))


def _footsteps(rng: np.random.Generator, seconds: float) -> Samples:
    return _repeated(_noise_burst(rng, 0.1, 80, 900, 50), 0.48, seconds)


def _applause(rng: np.random.Generator, seconds: float) -> Samples:
    claps = (rng.random(round(seconds * RATE)) < 0.004) * rng.uniform(0.4, 1.0, round(seconds * RATE))
    clap = _noise_burst(rng, 0.02, 700, 4000, 200)
    return np.convolve(claps, clap)[: claps.size]


EVENTS = {
    "dog barking": Event(_dog, "A dog is barking.", "animal"),
    "bird chirping": Event(_bird, "A bird is chirping.", "animal"),
    "cat meowing": Event(_cat, "A cat is meowing.", "animal", 0.8),
    "siren": Event(_siren, "A siren is wailing.", "machine", 1.4),
    "alarm beeping": Event(_alarm, "An alarm is beeping.", "machine"),
    "telephone ringing": Event(_telephone, "A telephone is ringing.", "home", 1.3),
    "clock ticking": Event(_clock, "A clock is ticking.", "home", 1.2),
    "door knock": Event(_knock, "Someone is knocking on a door.", "human", 0.9),
    "engine running": Event(_engine, "An engine is running.", "machine", 1.2),
    "car horn": Event(_horn, "A car horn is honking.", "machine", 0.7),
    "rain": Event(_rain, "Rain is falling.", "nature", 1.2),
    "wind": Event(_wind, "The wind is blowing.", "nature", 1.2),
    "sea waves": Event(_waves, "Waves are breaking on a shore.", "nature", 1.6),
    "thunder": Event(_thunder, "Thunder is rumbling.", "nature", 1.3),
    "footsteps": Event(_footsteps, "Someone is walking.", "human", 1.3),
    "applause": Event(_applause, "People are clapping.", "human", 1.2),
}

SCENES = {
    "city street": ("engine running", ("car horn", "siren")),
    "forest": ("wind", ("bird chirping",)),
    "beach": ("sea waves", ("wind",)),
    "office": ("clock ticking", ("telephone ringing", "footsteps")),
    "stormy field": ("rain", ("thunder", "wind")),
    "concert hall": ("applause", ("footsteps",)),
}
"""Place: the sound that lasts, and those that come and go."""


def sound(label: str, rng: np.random.Generator, seconds: float | None = None) -> Samples:
    """One event of a kind at `RATE`, peak 0.7, faded at both ends."""
    event = EVENTS[label]
    return normalised(faded(event.make(rng, seconds or event.seconds), RATE))


def scene(place: str, rng: np.random.Generator, seconds: float = 2.2) -> Samples:
    """Make a stretch of a place in stereo: its lasting sound in the middle, passing ones to a side."""
    lasting, passing = SCENES[place]
    total = np.repeat(0.6 * sound(lasting, rng, seconds)[:, None], 2, axis=1)
    for label in passing:
        piece = 0.5 * sound(label, rng, min(EVENTS[label].seconds, seconds / 2))
        start = int(rng.integers(0, len(total) - piece.size))
        side = float(rng.uniform(0.2, 0.8))
        total[start : start + piece.size] += np.outer(piece, (1.0 - side, side))
    return normalised(total)
