"""Speech tasks whose answer is speech made from text or from another utterance."""

from __future__ import annotations

from collections.abc import Iterator

from audio_flan.demo.parts import Instance, Value
from audio_flan.demo.speech_understanding import manner, preset
from audio_flan.demo.takes import READ, STYLE, Bank, another


def build(bank: Bank) -> Iterator[Instance]:
    """Yield the instances of every task of this module."""
    yield from _reading(bank)
    yield from _conversion(bank)
    yield from _feeling(bank)
    for take in bank.talk:
        yield Instance(STYLE, "Spontaneous Text to Speech", [take.text], take.clip, other="read by espeak-ng")


def _reading(bank: Bank) -> Iterator[Instance]:
    for take in bank.readings[1::2]:
        yield Instance(READ, "Text to Speech", [take.text], take.clip)
    for take in bank.readings[:12]:
        inputs: list[Value] = [("text", take.text), ("voice prompt", another(bank, take).clip)]
        yield Instance(READ, "Zero-shot Text to Speech", inputs, take.clip)
    for take in bank.readings[8:20]:
        inputs = [("text", take.text), ("description", manner(take))]
        yield Instance(READ, "Descriptive Speech Synthesis", inputs, take.clip)


def _conversion(bank: Bank) -> Iterator[Instance]:
    for first, second in zip(bank.readings[::2], bank.readings[1::2], strict=True):
        target = another(bank, second)
        inputs: list[Value] = [("source", first.clip), ("target voice", target.clip)]
        yield Instance(READ, "Voice Conversion", inputs, second.clip, other={"pace": first.style})


def _feeling(bank: Bank) -> Iterator[Instance]:
    for (name, index), takes in bank.feelings.items():
        prompt = bank.feelings[name, 1 - index]["neutral"].clip
        for emotion, take in takes.items():
            slots = {"emotion": emotion}
            facts = preset(emotion)
            yield Instance(STYLE, "Emotional Text to Speech", [take.text], take.clip, slots, facts)
            inputs: list[Value] = [("text", take.text), ("speaker_audio", prompt)]
            yield Instance(STYLE, "Zero-shot Emotional Text to Speech", inputs, take.clip, slots, facts)
            if emotion != "neutral":
                source = takes["neutral"].clip
                yield Instance(STYLE, "Emotion Conversion", [source], take.clip, slots, facts)
