"""Short pieces composed by rule: a row of `SONGS` says everything about one, `compose` turns it into sound.

Genre, mood and artist name presets of this script (rhythm and instruments; mode and tempo; lead): no label
claims more than that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from audio_flan.demo.degrade import Span, within_scale
from audio_flan.demo.instruments import beaten, played
from audio_flan.demo.notes import Note, chord_name, degree_pitch, pitch_class, triad
from audio_flan.demo.parts import Samples

RATE = 16000


@dataclass(frozen=True)
class Genre:
    """Rhythm and instruments of a style.

    Attributes
    ----------
    meter
        Beats in a bar.
    chords
        Instrument of the chords.
    strikes
        Offsets inside a beat, in beats, at which a chord is struck.
    drums
        (stroke, offset in beats inside a bar) pairs.
    """

    meter: int
    chords: str
    strikes: tuple[float, ...]
    drums: tuple[tuple[str, float], ...]


_ROCK = (
    ("kick", 0.0),
    ("hat", 0.5),
    ("snare", 1.0),
    ("hat", 1.5),
    ("kick", 2.0),
    ("kick", 2.5),
    ("snare", 3.0),
)
_TECHNO = tuple((stroke, beat + off) for beat in range(4) for stroke, off in (("kick", 0.0), ("hat", 0.5)))
_WALTZ = (("kick", 0.0), ("hat", 1.0), ("hat", 2.0))
_REGGAE = (("hat", 0.0), ("hat", 1.0), ("kick", 2.0), ("snare", 2.0), ("hat", 3.0))

GENRES = {
    "rock": Genre(4, "guitar", (0.0, 0.5), _ROCK),
    "techno": Genre(4, "organ", (0.5,), _TECHNO),
    "waltz": Genre(3, "piano", (0.0,), _WALTZ),
    "reggae": Genre(4, "organ", (0.5,), _REGGAE),
    "ballad": Genre(4, "piano", (0.0,), ()),
    "lullaby": Genre(3, "guitar", (0.0,), ()),
}

FAST_BPM = 110


@dataclass(frozen=True)
class Song:
    """What is composed.

    Attributes
    ----------
    tonic, mode
        The key, such as ``C`` and ``minor``.
    tempo
        Beats per minute.
    progression
        Diatonic triads as roman numerals, `chord_beats` beats each.
    lead
        Instrument of the melody.
    artist
        Name of the melody preset.
    drums_from
        First beat (from 1) with drums; 0 for none.
    """

    name: str
    tonic: str
    mode: str
    tempo: int
    genre: str
    progression: tuple[str, ...]
    chord_beats: int
    lead: str
    artist: str
    drums_from: int = 1

    @property
    def key(self) -> str:
        """Tonic and mode, such as ``C minor``."""
        return f"{self.tonic} {self.mode}"

    @property
    def mood(self) -> str:
        """The mood preset that mode and tempo stand for."""
        fast = self.tempo >= FAST_BPM
        return {
            ("major", True): "happy",
            ("major", False): "calm",
            ("minor", True): "tense",
            ("minor", False): "sad",
        }[self.mode, fast]

    @property
    def beat_s(self) -> float:
        """Seconds from beat to beat."""
        return 60.0 / self.tempo

    @property
    def beats(self) -> int:
        """Number of beats."""
        return len(self.progression) * self.chord_beats

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.beats * self.beat_s

    @cached_property
    def chords(self) -> tuple[Span, ...]:
        """Chord names over time."""
        length = self.chord_beats * self.beat_s
        names = [chord_name(triad(self.root, self.mode, numeral)) for numeral in self.progression]
        return tuple(Span(i * length, (i + 1) * length, name) for i, name in enumerate(names))

    @property
    def root(self) -> int:
        """MIDI number of the tonic in the octave of the chords, from G2 to F#3."""
        return 43 + (pitch_class(self.tonic) - 7) % 12

    @property
    def instruments(self) -> dict[str, str]:
        """Instrument by part."""
        parts = {"melody": self.lead, "chords": GENRES[self.genre].chords, "bass": "bass"}
        return parts | ({"drums": "drums"} if self.drums_from else {})

    def sounding(self, first_beat: int, last_beat: int) -> list[str]:
        """Instruments that play between two beats, both counted from 1 and included."""
        return [
            instrument
            for part, instrument in self.instruments.items()
            if part != "drums" or (self.drums_from <= last_beat and first_beat <= self.beats)
        ]


_POP, _MINOR, _TURN = ("I", "V", "vi", "IV"), ("i", "VI", "III", "VII"), ("ii", "V", "I", "I")
_CADENCE, _DARK = ("I", "IV", "V", "I"), ("i", "iv", "v", "i")

SONGS = (
    Song("s00", "C", "major", 120, "rock", _POP, 2, "clarinet", "Ada Finch", 5),
    Song("s01", "A", "minor", 84, "ballad", _MINOR, 1, "violin", "Ben Marlow", 0),
    Song("s02", "G", "major", 132, "techno", _CADENCE, 2, "trumpet", "Cora Lindt", 3),
    Song("s03", "D", "minor", 138, "techno", _DARK, 2, "vibraphone", "Cora Lindt", 5),
    Song("s04", "F", "major", 168, "waltz", _TURN, 3, "flute", "Ben Marlow", 7),
    Song("s05", "E", "minor", 126, "rock", _MINOR, 2, "trumpet", "Ada Finch"),
    Song("s06", "A#", "major", 76, "reggae", _POP, 1, "clarinet", "Dag Holm"),
    Song("s07", "C", "minor", 72, "lullaby", _DARK, 1, "music box", "Dag Holm", 0),
    Song("s08", "D", "major", 90, "lullaby", _CADENCE, 1, "flute", "Ben Marlow", 0),
    Song("s09", "G", "minor", 80, "reggae", _MINOR, 1, "violin", "Dag Holm", 3),
    Song("s10", "C", "major", 150, "waltz", _CADENCE, 3, "violin", "Ada Finch", 4),
    Song("s11", "A", "minor", 84, "ballad", _DARK, 1, "flute", "Cora Lindt", 0),
)


@dataclass(frozen=True, eq=False)
class Track:
    """A composed song: its parts, their exact sum, and the melody that was played."""

    song: Song
    mix: Samples
    stems: Mapping[str, Samples]
    melody: tuple[Note, ...]

    @property
    def beats(self) -> list[float]:
        """Times of the beats in seconds; the first is at 0."""
        return [beat * self.song.beat_s for beat in range(self.song.beats)]


def melody(song: Song, rng: np.random.Generator) -> tuple[Note, ...]:
    """Invent one note per beat: a chord tone where the chord changes, the tonic at the end."""
    degree = 0
    notes = []
    for beat in range(song.beats):
        degree = int(np.clip(degree + rng.choice((-2, -1, 1, 2)), -2, 7))
        pitch = degree_pitch(song.root + 24, song.mode, degree)
        if beat % song.chord_beats == 0:
            chord = triad(song.root, song.mode, song.progression[beat // song.chord_beats])
            pitch = song.root + 24 + (int(rng.choice(chord)) - song.root) % 12
        notes.append(
            Note(song.root + 24 if beat == song.beats - 1 else pitch, beat * song.beat_s, song.beat_s)
        )
    return tuple(notes)


def _chord_notes(song: Song) -> list[Note]:
    genre = GENRES[song.genre]
    notes = []
    for beat in range(song.beats):
        pitches = triad(song.root, song.mode, song.progression[beat // song.chord_beats])
        for strike in genre.strikes:
            start = (beat + strike) * song.beat_s
            notes += [Note(pitch, start, 0.9 * song.beat_s / len(genre.strikes)) for pitch in pitches]
    return notes


def _bass_notes(song: Song) -> list[Note]:
    length = song.chord_beats * song.beat_s
    roots = [triad(song.root, song.mode, numeral)[0] for numeral in song.progression]
    return [Note(root - 12, index * length, 0.95 * length) for index, root in enumerate(roots)]


def _strokes(song: Song) -> list[tuple[str, float]]:
    genre = GENRES[song.genre]
    bars = range(0, song.beats, genre.meter)
    strokes = [(stroke, bar + offset) for bar in bars for stroke, offset in genre.drums]
    inside = [(stroke, beat) for stroke, beat in strokes if song.drums_from - 1 <= beat < song.beats]
    return [(stroke, beat * song.beat_s) for stroke, beat in inside]


def compose(song: Song, rng: np.random.Generator) -> Track:
    """Play a song; the mix is exactly the sum of its stems."""
    notes = melody(song, rng)
    genre = GENRES[song.genre]
    stems = {
        "melody": 0.9 * played(song.lead, notes, song.seconds, RATE, rng),
        "chords": 0.35 * played(genre.chords, _chord_notes(song), song.seconds, RATE, rng),
        "bass": 0.8 * played("bass", _bass_notes(song), song.seconds, RATE, rng),
    }
    if song.drums_from:
        stems["drums"] = 0.6 * beaten(_strokes(song), song.seconds, RATE, rng)
    mix = np.sum(list(stems.values()), axis=0)
    mix, *scaled = within_scale(mix, *stems.values())
    return Track(song, mix, dict(zip(stems, scaled, strict=True)), notes)
