"""Speech as it is used by the tasks: takes, each an utterance with everything that is true of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audio_flan.demo import texts
from audio_flan.demo.parts import Clip, Samples, normalised, resampled, shelve
from audio_flan.demo.voices import PLAIN, Prosody, Speaker, Voice

READ, WORLD, STYLE = "01_EspeakRead", "02_EspeakWorld", "03_EspeakStyle"

READERS = (
    Voice("Ada", "en-us", "f2", "female", "American"),
    Voice("Evan", "en-us", "m3", "male", "American"),
    Voice("Brin", "en-gb-x-rp", "f3", "female", "British"),
    Voice("Finn", "en-gb-x-rp", "m7", "male", "British"),
    Voice("Cleo", "en-gb-scotland", "f4", "female", "Scottish"),
    Voice("Gus", "en-gb-scotland", "m4", "male", "Scottish"),
    Voice("Dora", "en-029", "f5", "female", "Caribbean"),
    Voice("Hal", "en-029", "m6", "male", "Caribbean"),
)

PACES = {"slow": Prosody(pace=135), "normal": PLAIN, "fast": Prosody(pace=230)}

EMOTIONS = {
    "neutral": PLAIN,
    "happy": Prosody(pace=200, pitch=70, melody=85),
    "sad": Prosody(pace=125, pitch=35, melody=15),
    "angry": Prosody(pace=215, pitch=45, melody=95),
}
"""The prosody presets that the emotion labels stand for."""

AGED = (
    Voice("Olga", "en-us", "grandma", "female", "American", 90),
    Voice("Flora", "en-us", "f1", "female", "American", 70),
    Voice("Walter", "en-us", "m1", "male", "American", 70),
    Voice("Silas", "en-us", "croak", "male", "American", 70),
    Voice("Martin", "en-us", "m8", "male", "American", 50),
    Voice("Denis", "en-us", "Denis", "male", "American", 35),
    Voice("Travis", "en-us", "travis", "male", "American", 30),
    Voice("Diogo", "en-us", "Diogo", "male", "American", 25),
)

DIALECTS = {
    "Scottish English": "en-gb-scotland",
    "Lancashire English": "en-gb-x-gbclan",
    "West Midlands English": "en-gb-x-gbcwmd",
    "Caribbean English": "en-029",
    "New York English": "en-us-nyc",
    "Latin American Spanish": "es-419",
}


@dataclass(frozen=True, eq=False)
class Take:
    """An utterance.

    Attributes
    ----------
    clip
        As the corpus keeps it.
    samples
        As it was spoken, at `Bank.rate`.
    text, voice
        What was said, by whom.
    style
        Pace, emotion or whatever its group varies.
    language
        Name of the language.
    ipa
        The phonemes that espeak-ng spoke.
    """

    clip: Clip
    samples: Samples
    text: str
    voice: Voice
    style: str
    language: str = "English"
    ipa: str = ""


@dataclass(frozen=True, eq=False)
class Bank:
    """All takes of the corpus.

    Attributes
    ----------
    readings
        English sentences by `READERS`; takes 2k and 2k + 1 speak the same sentence, with two voices.
    world
        ``world[language][phrase]``; a phrase has the same meaning in every language.
    feelings
        ``feelings[voice, sentence][emotion]``.
    dialects, aged, commands, talk
        One take per dialect and sentence, age and sentence, command, spontaneous line.
    """

    rate: int
    readings: tuple[Take, ...]
    world: dict[str, tuple[Take, ...]]
    feelings: dict[tuple[str, int], dict[str, Take]]
    dialects: tuple[Take, ...]
    aged: tuple[Take, ...]
    commands: tuple[Take, ...]
    talk: tuple[Take, ...]


def record() -> Bank:
    """Let espeak-ng speak everything once."""
    with Speaker() as speaker:
        return Bank(
            rate=speaker.rate,
            readings=_readings(speaker),
            world=_world(speaker),
            feelings=_feelings(speaker),
            dialects=_dialects(speaker),
            aged=_aged(speaker),
            commands=_commands(speaker),
            talk=_talk(speaker),
        )


def _take(
    speaker: Speaker,
    clip_id: tuple[str, str],
    voice: Voice,
    text: str,
    style: str,
    prosody: Prosody = PLAIN,
    language: str = "English",
) -> Take:
    samples = speaker.say(voice, text, prosody)
    corpus, name = clip_id
    ipa = speaker.phonemes(voice, text)
    return Take(shelve(corpus, name, samples, speaker.rate), samples, text, voice, style, language, ipa)


def _readings(speaker: Speaker) -> tuple[Take, ...]:
    paces = list(PACES)
    takes = []
    for index, text in enumerate(texts.SENTENCES):
        pace = paces[index % len(paces)]
        for turn in (0, 1):
            voice = READERS[(3 * index + 5 * turn) % len(READERS)]
            name = f"{2 * index + turn:04d}"
            takes.append(_take(speaker, (READ, name), voice, text, pace, PACES[pace]))
    return tuple(takes)


def _world(speaker: Speaker) -> dict[str, tuple[Take, ...]]:
    result = {}
    for place, (language, code) in enumerate(texts.LANGUAGES.items()):
        takes = []
        for index, phrase in enumerate(texts.PHRASES):
            gender, variant = (("female", "f2"), ("male", "m3"))[(place + index) % 2]
            voice = Voice(f"{language}-{gender}", code, variant, gender, language)
            clip_id = (WORLD, f"{code}_{index}")
            takes.append(_take(speaker, clip_id, voice, phrase[language], "normal", PLAIN, language))
        result[language] = tuple(takes)
    return result


def _feelings(speaker: Speaker) -> dict[tuple[str, int], dict[str, Take]]:
    return {
        (voice.name, index): {
            emotion: _take(speaker, (STYLE, f"{voice.name}_{index}_{emotion}"), voice, text, emotion, prosody)
            for emotion, prosody in EMOTIONS.items()
        }
        for voice in READERS[:2]
        for index, text in enumerate(texts.FEELINGS)
    }


def _dialects(speaker: Speaker) -> tuple[Take, ...]:
    takes = []
    for place, (dialect, code) in enumerate(DIALECTS.items()):
        spanish = code == "es-419"
        sentences = texts.SPANISH_AMERICAN if spanish else texts.DIALECT_SENTENCES[place % 2 :: 2]
        for index, text in enumerate(sentences):
            gender, variant = (("female", "f4"), ("male", "m7"))[index]
            voice = Voice(f"{dialect} {gender}", code, variant, gender, dialect)
            language = "Spanish" if spanish else "English"
            clip_id = (STYLE, f"dialect_{code}_{index}")
            takes.append(_take(speaker, clip_id, voice, text, "normal", PLAIN, language))
    return tuple(takes)


def _aged(speaker: Speaker) -> tuple[Take, ...]:
    return tuple(
        _take(speaker, (STYLE, f"age_{voice.name}_{index}"), voice, text, "normal")
        for place, voice in enumerate(AGED)
        for index, text in enumerate(texts.AGE_SENTENCES[: 1 + place % 2])
    )


def _commands(speaker: Speaker) -> tuple[Take, ...]:
    return tuple(
        _take(speaker, (STYLE, f"command_{index}"), READERS[index % len(READERS)], text, intent)
        for index, (text, intent) in enumerate(texts.COMMANDS)
    )


def _talk(speaker: Speaker) -> tuple[Take, ...]:
    return tuple(
        _take(
            speaker,
            (STYLE, f"talk_{index}"),
            READERS[index % len(READERS)],
            text,
            "spontaneous",
            Prosody(pace=165, melody=70),
        )
        for index, text in enumerate(texts.TALK)
    )


def another(bank: Bank, take: Take) -> Take:
    """Another reading by the same voice, of other words."""
    return next(one for one in bank.readings if one.voice == take.voice and one.text != take.text)


def prepared(take: Take, bank_rate: int, rate: int = 16000, seconds: float = 1.6) -> Samples:
    """Convert a take to another rate (Hz), cut it to so many seconds and scale its peak to 0.5."""
    return normalised(resampled(take.samples, bank_rate, rate)[: round(seconds * rate)], 0.5)


def quiet(take: Take, bank_rate: int, rate: int, seconds: float = 1.2) -> Samples:
    """Prepare a take with so much headroom that a mixture rarely needs another scale than its clean part."""
    return normalised(prepared(take, bank_rate, rate, seconds), 0.25)


def babble(bank: Bank, rate: int, seconds: float) -> Samples:
    """Many voices at once, as background noise."""
    frames = round(seconds * rate)
    pieces = [np.resize(prepared(take, bank.rate, rate), frames) for take in bank.readings[:8]]
    total: Samples = np.sum(pieces, axis=0)
    return total
