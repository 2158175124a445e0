"""Music tasks on the sung-like voice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from audio_flan.demo.degrade import overlaid
from audio_flan.demo.instruments import played
from audio_flan.demo.notes import Note, pitch_name
from audio_flan.demo.parts import Clip, Instance, Samples, Value, shelve
from audio_flan.demo.singing import RATE, SINGERS, VOCAL_TECHNIQUES, Singer, sung, syllable

SUNG = "13_FormantSongs"

# Syllable and pitch of each note; the last one is held.
_LINES = (
    (("la", 64), ("le", 62), ("lu", 60), ("le", 62), ("la", 64), ("la", 64)),
    (("ma", 60), ("mi", 64), ("mo", 67), ("mi", 64), ("ma", 60)),
    (("no", 67), ("na", 65), ("ne", 64), ("na", 62), ("no", 60)),
    (("lo", 62), ("lo", 65), ("la", 69), ("lo", 65), ("lu", 62)),
)
_LENGTH_S, _HELD_S = 0.32, 0.7


@dataclass(frozen=True, eq=False)
class Sung:
    """A line as one singer sang it."""

    clip: Clip
    samples: Samples
    line: int
    singer: Singer
    syllables: tuple[str, ...]
    notes: tuple[Note, ...]

    @property
    def lyrics(self) -> str:
        """The syllables as a text."""
        return " ".join(self.syllables)

    @property
    def score(self) -> str:
        """Syllable, sounding pitch and length in seconds, one note to a line."""
        return "\n".join(
            f"{text} {pitch_name(note.midi + 12 * self.singer.octave)} {note.length_s:g}"
            for text, note in zip(self.syllables, self.notes, strict=True)
        )


def build(rng: np.random.Generator) -> Iterator[Instance]:
    """Yield the instances of every task of this module."""
    lines = {
        (line, singer.name): _sing(line, singer, rng) for line in range(len(_LINES)) for singer in SINGERS
    }
    for one in lines.values():
        inputs: list[Value] = [("lyrics", one.lyrics), ("score", "\n" + one.score)]
        slots = {"singer": one.singer.description}
        facts = {"singer": one.singer.name, "voice": one.singer.description}
        yield Instance(SUNG, "Singing Voice Synthesis", inputs, one.clip, slots, facts)
        song = _accompanied(one, rng)
        yield Instance(SUNG, "Lyrics-to-song Generation", [("lyrics", one.lyrics)], song, other=facts)
    yield from _conversions(lines)
    yield from _techniques(rng)


def _sing(line: int, singer: Singer, rng: np.random.Generator) -> Sung:
    syllables, pitches = zip(*_LINES[line], strict=True)
    last = len(pitches) - 1
    notes = tuple(
        Note(midi, index * _LENGTH_S, _HELD_S if index == last else _LENGTH_S)
        for index, midi in enumerate(pitches)
    )
    samples = sung(syllables, notes, singer, rng)
    clip = shelve(SUNG, f"line{line}_{singer.name}", samples, RATE)
    return Sung(clip, samples, line, singer, syllables, notes)


def _accompanied(one: Sung, rng: np.random.Generator) -> Clip:
    seconds = one.notes[-1].end_s
    chords = [Note(midi, start, 0.6) for start in (0.0, 0.64, 1.28) for midi in (48, 52, 55)]
    backing = played("guitar", [note for note in chords if note.end_s <= seconds], seconds, RATE, rng)
    _, voice, guitar = overlaid(one.samples, backing, 6.0)
    stereo = np.stack([voice + 0.4 * guitar, voice + guitar], axis=1)
    return shelve(SUNG, f"song{one.line}_{one.singer.name}", stereo, RATE)


def _conversions(lines: dict[tuple[int, str], Sung]) -> Iterator[Instance]:
    for (line, name), one in lines.items():
        target = next(singer.name for singer in SINGERS if singer.name != name)
        if line % 2:
            target = next(singer.name for singer in reversed(SINGERS) if singer.name != name)
        reference = lines[(line + 1) % len(_LINES), target].clip
        inputs: list[Value] = [("source vocals", one.clip), ("target singer", reference)]
        facts = {"from": name, "to": target, "note": "the target sings in the octave of its own voice"}
        yield Instance(SUNG, "Singing Voice Conversion", inputs, lines[line, target].clip, other=facts)


def _techniques(rng: np.random.Generator) -> Iterator[Instance]:
    for index, singer in enumerate(SINGERS[:2]):
        for name, manner in VOCAL_TECHNIQUES.items():
            midi = 67 + 12 * singer.octave + index
            samples = syllable("a", midi, 1.1, singer, rng, manner, natural_vibrato=0.0)
            clip = shelve(SUNG, f"{manner}_{singer.name}", samples, RATE)
            yield Instance(
                SUNG, "Vocal Technique Classification", [clip], name, other={"singer": singer.name}
            )
