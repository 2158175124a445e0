"""Audio tasks on single events, scenes, timelines and mixtures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from audio_flan.demo import degrade
from audio_flan.demo.degrade import Span
from audio_flan.demo.events import EVENTS, RATE, SCENES, scene, sound
from audio_flan.demo.parts import Clip, Instance, Samples, Value, resampled, shelve

EVENT, SCAPE, MIXED, MENDED = "21_SynthEvents", "22_EventScapes", "23_EventMixes", "24_MendedSounds"
MENDED_RATE = 16000
_IMITATED = "imitated by synthesis"

# What a timeline tells: the events in order, and what a listener may conclude.
STORIES = (
    (("door knock", "dog barking"), "Someone knocks, and a dog answers the door."),
    (("telephone ringing", "footsteps"), "A telephone rings and someone walks towards it."),
    (("thunder", "rain"), "A thunderstorm begins: thunder first, then rain."),
    (("car horn", "siren"), "A driver honks and an emergency vehicle follows: busy traffic."),
    (("clock ticking", "alarm beeping"), "A clock ticks until its alarm goes off."),
    (("footsteps", "door knock", "applause"), "Someone arrives, knocks, and is greeted with applause."),
    (("bird chirping", "cat meowing", "bird chirping"), "A cat turns up among birds."),
    (
        ("engine running", "car horn", "dog barking"),
        "A car stands with its engine on, honks, and a dog barks at it.",
    ),
    (("wind", "sea waves"), "It is windy at the sea shore."),
    (("siren", "engine running"), "An emergency vehicle passes and another engine runs on."),
    (("cat meowing", "dog barking"), "A cat and a dog meet."),
    (("alarm beeping", "footsteps", "siren"), "An alarm makes someone leave, and help comes."),
)


@dataclass(frozen=True, eq=False)
class Scape:
    """A timeline of events: its clip, where each event lies, and what it tells."""

    clip: Clip
    samples: Samples
    spans: tuple[Span, ...]
    story: str


def build(rng: np.random.Generator) -> Iterator[Instance]:
    """Yield the instances of every task of this module."""
    sounds = {label: shelve(EVENT, label.replace(" ", "-"), sound(label, rng), RATE) for label in EVENTS}
    yield from _events(sounds)
    yield from _scenes(rng)
    yield from _timelines(rng)
    yield from _mixtures(sounds, rng)
    yield from _mended(rng)


def _events(sounds: dict[str, Clip]) -> Iterator[Instance]:
    for index, (label, clip) in enumerate(sounds.items()):
        yield Instance(EVENT, "Sound Event Recognition", [clip], label, other=_IMITATED)
        sentence = EVENTS[label].sentence
        yield _described(EVENT, clip, sentence, caption=index % 2 == 0)


def _described(corpus: str, clip: Clip, text: str, *, caption: bool) -> Instance:
    """Use a sound and its description in one direction or the other."""
    if caption:
        return Instance(corpus, "Audio Caption", [clip], text, other=_IMITATED)
    return Instance(corpus, "Text-guided Audio Generation", [text], clip, other=_IMITATED)


def _scenes(rng: np.random.Generator) -> Iterator[Instance]:
    for take in range(2):
        for place, (lasting, passing) in SCENES.items():
            clip = shelve(SCAPE, f"scene_{place.replace(' ', '-')}_{take}", scene(place, rng), RATE)
            facts = {"scene_is": "a preset of events", "events": [lasting, *passing]}
            yield Instance(SCAPE, "Acoustic Scene Classification", [clip], place, other=facts)


def _timelines(rng: np.random.Generator) -> Iterator[Instance]:
    for index, (labels, story) in enumerate(STORIES):
        scape = _scape(index, labels, story, rng)
        clip, order = scape.clip, " -> ".join(labels)
        yield Instance(SCAPE, "Sound Event Sequence Recognition", [clip], order)
        yield Instance(
            SCAPE, "Sound Event Detection", [clip], _times(scape, "{label}: {start:.2f}-{end:.2f}")
        )
        plan = _times(scape, "{label} from {start:.2f} s to {end:.2f} s")
        yield Instance(SCAPE, "Time-grounded Text-to-audio Generation", [plan], clip)
        yield Instance(SCAPE, "Sound Event Understanding", [clip], story, other=_IMITATED)
        sentences = " Then: ".join(EVENTS[label].sentence for label in labels)
        yield _described(SCAPE, clip, sentences, caption=index % 2 == 0)


def _scape(index: int, labels: tuple[str, ...], story: str, rng: np.random.Generator) -> Scape:
    pieces = [(label, sound(label, rng, 0.9)) for label in labels]
    gaps = rng.uniform(0.15, 0.5, len(pieces) + 1).round(2).tolist()
    samples, spans = degrade.placed(pieces, gaps, RATE)
    floor = 0.0005 * rng.standard_normal(samples.size)
    clip = shelve(SCAPE, f"scape_{index:02d}", samples + floor, RATE)
    return Scape(clip, samples, spans, story)


def _times(scape: Scape, form: str) -> str:
    return "\n".join(
        form.format(label=span.label, start=span.start_s, end=span.end_s) for span in scape.spans
    )


_MIXES = (
    ("dog barking", "rain"),
    ("siren", "wind"),
    ("bird chirping", "engine running"),
    ("telephone ringing", "applause"),
    ("door knock", "sea waves"),
    ("clock ticking", "wind"),
    ("cat meowing", "car horn"),
    ("alarm beeping", "footsteps"),
    ("thunder", "telephone ringing"),
    ("rain", "cat meowing"),
)


def _mixtures(sounds: dict[str, Clip], rng: np.random.Generator) -> Iterator[Instance]:
    for index, labels in enumerate(_MIXES):
        first, second = (resampled(sound(label, rng, 1.3), RATE, 16000) for label in labels)
        ratio = (0.0, 3.0, -3.0)[index % 3]
        layers = degrade.overlaid(first, second, ratio)
        names = ("mixture", "first", "second")
        mixture, *sources = (
            shelve(MIXED, f"{index:02d}_{name}", layer, 16000, exact=True)
            for name, layer in zip(names, layers, strict=True)
        )
        facts = {"ratio_db": ratio, "sounds": list(labels)}
        which = index % 2
        label, target = labels[which], sources[which]
        slots = {"label": label}
        query: list[Value] = [("mixture", mixture), ("query", sounds[label])]
        text: list[Value] = [("mixture", mixture), ("text", EVENTS[label].sentence)]
        yield Instance(MIXED, "Label-querying Sound Extraction", [mixture], target, slots, facts)
        yield Instance(MIXED, "Audio-querying Sound Extraction", query, target, other=facts)
        yield Instance(MIXED, "Text-guided Audio Source Separation", text, target, other=facts)


def _mended(rng: np.random.Generator) -> Iterator[Instance]:
    for index, label in enumerate(list(EVENTS)[:10]):
        samples = resampled(sound(label, rng, 1.4), RATE, MENDED_RATE)
        full = shelve(MENDED, f"{index:02d}_full", samples, MENDED_RATE, exact=True)
        start = round(float(rng.uniform(0.3, 0.7)), 2)
        end = round(start + 0.2, 2)
        holed = shelve(
            MENDED,
            f"{index:02d}_gap",
            degrade.with_gap(samples, MENDED_RATE, start, end),
            MENDED_RATE,
            exact=True,
        )
        facts: dict[str, object] = {"gap_s": [start, end], "sound": label}
        inputs: list[Value] = [("audio", holed), ("missing", f"{start:.2f}-{end:.2f} s")]
        yield Instance(MENDED, "Audio Inpainting", inputs, full, other=facts)
        low = shelve(MENDED, f"{index:02d}_low", resampled(samples, MENDED_RATE, 8000), 8000, exact=True)
        slots = {"rate": str(MENDED_RATE)}
        yield Instance(MENDED, "Audio Super-resolution", [low], full, slots, {"input_rate": 8000})
        head, tail = (
            shelve(MENDED, f"{index:02d}_{name}", piece, MENDED_RATE, exact=True)
            for name, piece in zip(("head", "tail"), degrade.split_at(samples, MENDED_RATE, 0.7), strict=True)
        )
        yield Instance(MENDED, "Audio Continuation", [head], tail, other={"sound": label})
