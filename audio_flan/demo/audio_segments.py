"""Audio tasks on speech among other sound, and on processed copies; some clips are borrowed from speech.

The sources of the deepfake pairs are synthetic as well: "original" is the clip as it was made, "fake" a copy
of it that went through a vocoder.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from audio_flan.demo import degrade
from audio_flan.demo.degrade import Span
from audio_flan.demo.events import EVENTS, sound
from audio_flan.demo.events import RATE as EVENT_RATE
from audio_flan.demo.instruments import tone
from audio_flan.demo.parts import Instance, Samples, resampled, shelve
from audio_flan.demo.takes import Bank, prepared
from audio_flan.demo.vocoders import VOCODERS

SEGMENTS = "25_Segments"
RATE = 16000
_NOISES = ("rain", "wind", "engine running", "applause")
FLOOR_DB = -66.0


def build(bank: Bank, rng: np.random.Generator) -> Iterator[Instance]:
    """Yield the instances of every task of this module."""
    yield from _activity(bank, rng)
    yield from _classes(bank, rng)
    yield from _copies(bank, rng)


def _floor(frames: int, rng: np.random.Generator) -> Samples:
    noise: Samples = 10.0 ** (FLOOR_DB / 20.0) * rng.standard_normal(frames)
    return noise


def _event(label: str, seconds: float, rng: np.random.Generator) -> Samples:
    return 0.5 * resampled(sound(label, rng, seconds), EVENT_RATE, RATE)


def _activity(bank: Bank, rng: np.random.Generator) -> Iterator[Instance]:
    labels = list(EVENTS)
    for index in range(10):
        first, second = (bank.readings[(2 * index + step) % 24] for step in (0, 3))
        pieces = [
            ("speech", prepared(first, bank.rate, RATE, 0.9)),
            (labels[(3 * index) % len(labels)], _event(labels[(3 * index) % len(labels)], 0.6, rng)),
            ("speech", prepared(second, bank.rate, RATE, 0.9)),
        ]
        gaps = rng.uniform(0.2, 0.5, 4).round(2).tolist()
        samples, spans = degrade.placed(pieces, gaps, RATE)
        clip = shelve(SEGMENTS, f"activity_{index}", samples + _floor(samples.size, rng), RATE)
        spoken = [span for span in spans if span.label == "speech"]
        voiced = "\n".join(f"{span.start_s:.2f}-{span.end_s:.2f}" for span in spoken)
        facts = {"other_sound": spans[1].label}
        yield Instance(SEGMENTS, "Voice Activity Detection", [clip], voiced, other=facts)
        marked = segmented(spoken, samples.size / RATE)
        yield Instance(SEGMENTS, "Speech Nonspeech Detection", [clip], marked, other=facts)


def segmented(spoken: list[Span], seconds: float) -> str:
    """Print speech spans and the stretches between them, one to a line."""
    lines = []
    at = 0.0
    for span in spoken:
        lines.append(f"non-speech: {at:.2f}-{span.start_s:.2f}")
        lines.append(f"speech: {span.start_s:.2f}-{span.end_s:.2f}")
        at = span.end_s
    return "\n".join([*lines, f"non-speech: {at:.2f}-{seconds:.2f}"])


def _classes(bank: Bank, rng: np.random.Generator) -> Iterator[Instance]:
    task = "Speech, Silence, Music and Noise Classification"
    for index, label in enumerate(_NOISES):
        yield Instance(SEGMENTS, task, [bank.readings[5 * index].clip], "speech")
        noise = shelve(SEGMENTS, f"noise_{index}", _event(label, 1.0, rng), RATE)
        yield Instance(SEGMENTS, task, [noise], "noise", other={"sound": label})
        chord = np.sum([tone("piano", midi + index, 1.0, RATE, rng) for midi in (60, 64, 67)], axis=0)
        music = shelve(SEGMENTS, f"music_{index}", chord, RATE)
        yield Instance(SEGMENTS, task, [music], "music", other="a piano chord")
        quiet = shelve(SEGMENTS, f"silence_{index}", _floor(RATE, rng), RATE, exact=True)
        yield Instance(SEGMENTS, task, [quiet], "silence", other={"noise_floor_db": FLOOR_DB})


def _copies(bank: Bank, rng: np.random.Generator) -> Iterator[Instance]:
    task = "Deepfake Audio Detection"
    labels = ("dog barking", "siren", "rain", "door knock")
    for index, (label, vocoder) in enumerate(zip(labels, VOCODERS, strict=True)):
        event = _event(label, 1.0, rng)
        speech = prepared(bank.readings[4 * index + 3], bank.rate, RATE, 1.0)
        for kind, samples in (("sound", event), ("voice", speech)):
            source = shelve(SEGMENTS, f"original_{kind}_{index}", samples, RATE)
            facts = {"original_is": "the synthetic source clip", "fake_is": "a vocoded copy"}
            yield Instance(SEGMENTS, task, [source], "original", other=facts)
            fake = shelve(SEGMENTS, f"fake_{kind}_{index}", VOCODERS[vocoder](samples, RATE, rng), RATE)
            yield Instance(SEGMENTS, task, [fake], "fake", other={**facts, "vocoder": vocoder})
