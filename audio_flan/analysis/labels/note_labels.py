"""Names of pitches, keys and scales, in one spelling: C, C#, D, ... B, and C4 for MIDI note 60."""

import re
from functools import cache
from typing import Final

from audio_flan.analysis.labels.label_sets import tables

_NAMES: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_STEPS: Final = {name: step for step, name in enumerate(_NAMES) if len(name) == 1}
_NOTE: Final = r"(?<![^\W\d_])([A-G])(?:[ -]?(sharp|flat|#|b(?![^\W\d_])))?"
_PITCH: Final = re.compile(rf"{_NOTE} ?(-?\d{{1,2}})(?!\d|\.\d)")
_MIDI: Final = re.compile(r"\bmidi(?: note| number| pitch)*[ :#]*(\d{1,3})\b", re.IGNORECASE)
_HIGHEST: Final = 127


def pitches_of(text: str) -> list[str]:
    """Return the pitches that a tidy text names, each once, as scientific pitch names with sharps.

    "Bb3", "A#3" and "MIDI 58" are the same pitch.
    """
    notes = [12 * (int(octave) + 1) + _step(name, sign) for name, sign, octave in _PITCH.findall(text)]
    notes += [int(number) for number in _MIDI.findall(text)]
    names = [f"{_NAMES[note % 12]}{note // 12 - 1}" for note in notes if 0 <= note <= _HIGHEST]
    return list(dict.fromkeys(names))


def keys_of(text: str) -> list[str]:
    """Return the keys and scales that a tidy text names, each once: ``A# minor``, ``D dorian``.

    A text that is nothing else may have its tonic in lower case, and may be as short as ``F#m``.
    """
    short = re.fullmatch(r"([A-Ga-g])(#|b)?(m|M|:min|:maj)", text)
    if short:
        mode = "minor" if short[3] in ("m", ":min") else "major"
        return [f"{_tonic(short[1].upper(), short[2] or '')} {mode}"]
    if _any_key().fullmatch(text.capitalize()):
        text = text.capitalize()
    names = _modes()
    found = [
        f"{_tonic(note, sign)} {names[mode.lower().replace('-', ' ')]}"
        for note, sign, mode in _any_key().findall(text)
    ]
    return list(dict.fromkeys(found))


def mode_of(text: str) -> str | None:
    """Return the mode or scale that a text is, if it has no tonic."""
    return _modes().get(text.lower().replace("-", " "))


def _step(name: str, sign: str) -> int:
    return _STEPS[name] + {"": 0, "#": 1, "sharp": 1}.get(sign.lower(), -1)


def _tonic(name: str, sign: str) -> str:
    return _NAMES[_step(name, sign) % 12]


@cache
def _modes() -> dict[str, str]:
    return {name.replace("-", " "): mode for mode, names in tables().modes.items() for name in (mode, *names)}


@cache
def _any_key() -> re.Pattern[str]:
    longest_first = sorted(_modes(), key=len, reverse=True)
    modes = "|".join(re.escape(name).replace(r"\ ", "[ -]") for name in longest_first)
    return re.compile(rf"{_NOTE}[ :-]*((?i:{modes}))(?![^\W_])")
