"""Speech tasks built from simulated pairs: noise, rooms, clipping, narrow bands, recording devices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from audio_flan.demo import degrade
from audio_flan.demo.parts import Clip, Instance, Samples, resampled, shelve
from audio_flan.demo.takes import Bank, babble, quiet

ROOMS = "04_SimulatedRooms"
RATE = 16000
LEVELS_DB = (0.0, 5.0, 10.0, 15.0, 20.0, 2.5, 7.5, 12.5, 17.5, 3.0)


@dataclass(frozen=True)
class Device:
    """A simulated recording chain: its band in Hz, how hard it clips (1.0 is not at all), its noise in dB."""

    low_hz: float
    high_hz: float
    threshold: float = 1.0
    snr_db: float = 60.0


DEVICES = {
    "studio microphone": Device(40, 7900),
    "landline telephone": Device(300, 3400, snr_db=35),
    "walkie-talkie": Device(500, 2500, threshold=0.2, snr_db=18),
    "laptop microphone": Device(180, 6000, snr_db=22),
}


def build(bank: Bank, rng: np.random.Generator) -> Iterator[Instance]:
    """Yield the instances of every task of this module."""
    yield from _enhancement(bank, rng)
    yield from _devices(bank, rng)


def _enhancement(bank: Bank, rng: np.random.Generator) -> Iterator[Instance]:
    crowd = babble(bank, RATE, 2.0)
    for index, level in enumerate(LEVELS_DB):
        dry = quiet(bank.readings[2 * index], bank.rate, RATE)
        clean = shelve(ROOMS, f"{index:03d}_clean", dry, RATE, exact=True)
        kind, noise = _noise(index, crowd, rng)
        yield from _noisy(clean, degrade.with_noise(dry, noise, level)[1], {"snr_db": level, "noise": kind})
        rt60 = 0.3 + 0.05 * index
        _, wet = degrade.reverberated(dry, degrade.room_response(rng, RATE, rt60))
        yield _repair("Dereverberation", clean, "wet", wet, {"rt60_s": round(rt60, 2)})
        threshold = (0.15, 0.25, 0.35)[index % 3]
        yield _repair(
            "Declipping", clean, "clipped", degrade.clipped(dry, threshold), {"threshold": threshold}
        )
        yield _narrow(clean, index)


def _noise(index: int, crowd: Samples, rng: np.random.Generator) -> tuple[str, Samples]:
    slopes = {"white noise": 0.0, "pink noise": -3.0, "brown noise": -6.0}
    kind = (*slopes, "babble")[index % 4]
    return kind, degrade.noise_colour(rng, 2 * RATE, slopes[kind]) if kind in slopes else crowd


def _noisy(clean: Clip, noisy: Samples, facts: dict[str, object]) -> Iterator[Instance]:
    clip = shelve(ROOMS, clean.name.replace("clean", "noisy"), noisy, RATE, exact=True)
    yield Instance(ROOMS, "Denoising", [clip], clean, other=facts)
    yield Instance(ROOMS, "Signal-to-noise Ratio Estimation", [clip], f"{facts['snr_db']:g} dB", other=facts)


def _repair(
    task: str,
    clean: Clip,
    suffix: str,
    damaged: Samples,
    facts: dict[str, object],
    slots: dict[str, str] | None = None,
) -> Instance:
    clip = shelve(ROOMS, clean.name.replace("clean", suffix), damaged, RATE, exact=True)
    return Instance(ROOMS, task, [(suffix, clip)], clean, slots or {}, facts)


def _narrow(clean: Clip, index: int) -> Instance:
    task, name = "Speech Bandwidth Extension", clean.name.replace("clean", "narrow")
    if index % 2:
        low = degrade.band_limited(clean.samples, RATE, 0.0, 2000.0)
        return _repair(task, clean, "narrow", low, {"cutoff_hz": 2000}, {"cutoff": "2000"})
    clip = shelve(ROOMS, name, resampled(clean.samples, RATE, 8000), 8000, exact=True)
    return Instance(ROOMS, task, [clip], clean, {"cutoff": "4000"}, {"cutoff_hz": 4000, "input_rate": 8000})


def _devices(bank: Bank, rng: np.random.Generator) -> Iterator[Instance]:
    for index, (name, device) in enumerate(DEVICES.items()):
        for take in bank.readings[index : index + 12 : 4]:
            dry = degrade.band_limited(quiet(take, bank.rate, RATE), RATE, device.low_hz, device.high_hz)
            noise = rng.standard_normal(dry.size)
            _, heard = degrade.with_noise(degrade.clipped(dry, device.threshold), noise, device.snr_db)
            clip = shelve(ROOMS, f"device_{index}_{take.clip.name}", heard, RATE)
            facts = {
                "device": "simulated",
                "band_hz": [device.low_hz, device.high_hz],
                "snr_db": device.snr_db,
            }
            yield Instance(ROOMS, "Device Recognition", [clip], name, other=facts)
