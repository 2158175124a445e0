"""Speech tasks whose answer is text, but for the speakers and the simulated pairs."""

from __future__ import annotations

from collections.abc import Iterator

from audio_flan.demo.parts import Instance
from audio_flan.demo.takes import EMOTIONS, READ, STYLE, WORLD, Bank, Take

SYNTHETIC = {"speech": "synthetic (espeak-ng)"}


def build(bank: Bank) -> Iterator[Instance]:
    """Yield the instances of every task of this module."""
    yield from _recognition(bank)
    yield from _attributes(bank)
    yield from _dialects(bank)
    yield from _translations(bank)
    yield from _captions(bank)


def _recognition(bank: Bank) -> Iterator[Instance]:
    for take in bank.readings[::2]:
        yield Instance(READ, "Automatic Speech Recognition", [take.clip], take.text)
    for take in (takes[1] for takes in bank.world.values()):
        other = {"language": take.language}
        yield Instance(WORLD, "Automatic Speech Recognition", [take.clip], take.text, other=other)
    for take in bank.readings[1::2]:
        other = {"phone_set": "IPA", "kind": "as spoken by espeak-ng"}
        yield Instance(READ, "Phonetic Recognition", [take.clip], take.ipa, other=other)
    for take in bank.commands:
        yield Instance(STYLE, "Intent Classification", [take.clip], take.style, other={"words": take.text})


def _attributes(bank: Bank) -> Iterator[Instance]:
    for take in bank.readings[:14]:
        yield Instance(READ, "Gender Recognition", [take.clip], take.voice.gender)
    for take in bank.readings[8:22]:
        yield Instance(READ, "Accent Recognition", [take.clip], take.voice.accent)
    for take in bank.aged:
        other = {"voice": take.voice.variant, "declared_age": take.voice.age}
        yield Instance(STYLE, "Age Recognition", [take.clip], age_band(take.voice.age or 0), other=other)
    for takes in bank.feelings.values():
        for emotion, take in takes.items():
            yield Instance(STYLE, "Emotion Recognition", [take.clip], emotion, other=preset(emotion))


def _dialects(bank: Bank) -> Iterator[Instance]:
    for take in bank.dialects:
        name = take.voice.accent
        yield Instance(
            STYLE, "Dialect Automatic Speech Recognition", [take.clip], take.text, other={"dialect": name}
        )
        yield Instance(STYLE, "Dialect Identification", [take.clip], name, other="variety of espeak-ng")


def _translations(bank: Bank) -> Iterator[Instance]:
    for takes in bank.world.values():
        for take in takes[:2]:
            yield Instance(WORLD, "Language Identification", [take.clip], take.language)
    languages = list(bank.world)
    for place, language in enumerate(languages):
        for index, take in enumerate(bank.world[language]):
            target = bank.world[languages[(place + 1 + index) % len(languages)]][index]
            slots = {"source": language, "target": target.language}
            if index < 2:
                yield Instance(WORLD, "Speech to Text Translation", [take.clip], target.text, slots, slots)
            if index > 0:
                yield Instance(WORLD, "Speech to Speech Translation", [take.clip], target.clip, slots, slots)


def _captions(bank: Bank) -> Iterator[Instance]:
    for take in bank.readings[4:16]:
        text = f'{manner(take)} The words are: "{take.text}"'
        yield Instance(READ, "Speech Caption", [take.clip], text, other=SYNTHETIC)


def age_band(years: int) -> str:
    """Age group of a declared age."""
    bands = ((30, "young adult (under 30)"), (45, "adult (30 to 44)"), (65, "middle-aged adult (45 to 64)"))
    return next((name for limit, name in bands if years < limit), "senior (65 or over)")


def preset(emotion: str) -> dict[str, object]:
    """Tell what an emotion label of this corpus stands for: a prosody preset, not a feeling."""
    prosody = EMOTIONS[emotion]
    return {
        "emotion_is": "prosody preset",
        "words_per_minute": prosody.pace,
        "pitch": prosody.pitch,
        "pitch_range": prosody.melody,
    }


def manner(take: Take) -> str:
    """One sentence on voice, accent and pace."""
    person = {"female": "woman", "male": "man"}[take.voice.gender]
    article = "An" if take.voice.accent[0] in "AEIOU" else "A"
    pace = {"slow": "slowly", "normal": "at a normal pace", "fast": "fast"}.get(
        take.style, "at a normal pace"
    )
    return f"{article} {take.voice.accent} {person} with a synthetic voice speaks {pace}."
