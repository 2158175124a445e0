"""Names and numbers of Western music: pitches as MIDI numbers, scales as semitones above a tonic."""

from __future__ import annotations

from dataclasses import dataclass

PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")

SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "natural minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "major pentatonic": (0, 2, 4, 7, 9),
    "whole tone": (0, 2, 4, 6, 8, 10),
}

_NUMERALS = {
    "major": ("I", "ii", "iii", "IV", "V", "vi", "vii°"),
    "minor": ("i", "ii°", "III", "iv", "v", "VI", "VII"),
}
_MODE_SCALE = {"major": "major", "minor": "natural minor"}


@dataclass(frozen=True)
class Note:
    """A pitch for a time: MIDI number (69 is A4, 440 Hz), start and length in seconds."""

    midi: int
    start_s: float
    length_s: float

    @property
    def end_s(self) -> float:
        """Time at which the note ends, in seconds."""
        return self.start_s + self.length_s


def hertz(midi: float) -> float:
    """Frequency of a MIDI number in equal temperament."""
    return float(440.0 * 2.0 ** ((midi - 69.0) / 12.0))


def pitch_name(midi: int) -> str:
    """Name with octave, such as ``C4`` for 60."""
    return f"{PITCH_CLASSES[midi % 12]}{midi // 12 - 1}"


def pitch_class(tonic: str) -> int:
    """Semitones of a tonic above C."""
    return PITCH_CLASSES.index(tonic)


def scale_pitches(tonic_midi: int, scale: str) -> list[int]:
    """One octave upwards, both tonics included."""
    return [tonic_midi + step for step in (*SCALES[scale], 12)]


def degree_pitch(tonic_midi: int, mode: str, degree: int) -> int:
    """Pitch of a scale degree (0 is the tonic, 7 the octave; negative ones lie below)."""
    octave, step = divmod(degree, 7)
    return tonic_midi + 12 * octave + SCALES[_MODE_SCALE[mode]][step]


def triad(tonic_midi: int, mode: str, numeral: str) -> tuple[int, int, int]:
    """Pitches of the diatonic triad on a numeral, root first."""
    degree = _NUMERALS[mode].index(numeral)
    root, third, fifth = (degree_pitch(tonic_midi, mode, degree + step) for step in (0, 2, 4))
    return root, third, fifth


def chord_name(pitches: tuple[int, int, int]) -> str:
    """Root and quality of a triad, such as ``A:min``."""
    root, third, fifth = pitches
    quality = {(4, 7): "maj", (3, 7): "min", (3, 6): "dim"}[third - root, fifth - root]
    return f"{PITCH_CLASSES[root % 12]}:{quality}"
