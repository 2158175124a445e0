"""Speech from espeak-ng, through its C interface; nothing else in the package knows that library.

The wheel `espeakng-loader` carries the library and its voices. espeak-ng keeps its state (noise generator,
flutter phase) in static variables, so every `Speaker` loads its own copy of the library: the same calls in
the same order then give the same samples, however many speakers the process has seen.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from audio_flan.demo.parts import Samples
from audio_flan.extras import require

_SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: samples come through the callback, before espeak_Synth returns
_DONT_EXIT = 0x8000  # without it espeak-ng ends the process when it finds no voices
_LONGEST_PATH = 140  # bytes; espeak-ng silently forgets a data path of 160 or more
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4  # espeak_PARAMETER
_UTF8 = 1
_IPA = 2
_FULL_SCALE = 32768.0


@dataclass(frozen=True)
class Voice:
    """A voice of espeak-ng, and what is true of it.

    Attributes
    ----------
    name
        The name this corpus gives to the speaker.
    language
        espeak-ng's language file, such as ``en-gb-scotland``.
    variant
        espeak-ng's voice variant; gender and age are the ones its file declares.
    gender
        ``female`` or ``male``.
    accent
        Name of the language variety.
    age
        Years, where the variant file declares it.
    """

    name: str
    language: str
    variant: str
    gender: str
    accent: str
    age: int | None = None

    @property
    def code(self) -> str:
        """The name espeak-ng knows the voice by."""
        return f"{self.language}+{self.variant}"


@dataclass(frozen=True)
class Prosody:
    """How a sentence is spoken.

    Attributes
    ----------
    pace
        Words per minute; espeak-ng's normal pace is 175.
    pitch, melody
        Base pitch and pitch range, 0 to 99; 50 is normal.
    volume
        Loudness, 0 to 100.
    """

    pace: int = 175
    pitch: int = 50
    melody: int = 50
    volume: int = 80


PLAIN = Prosody()

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class Speaker:
    """One copy of espeak-ng; use as a context manager.

    Raises
    ------
    ImportError
        When `espeakng-loader` is not installed.
    """

    def __init__(self) -> None:
        library, data = _installed()
        self._pieces: list[Samples] = []
        self._receive: Callable[..., int] = _Callback(self._collect)  # kept: C holds no reference to it
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._library = _private_copy(library, self._folder.name)
        home = _short_path(data, self._folder.name)
        self.rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, os.fsencode(home), _DONT_EXIT)
        if self.rate <= 0:
            message = f"espeak-ng could not read its voices in {data!r} (status {self.rate})"
            raise RuntimeError(message)
        self._library.espeak_SetSynthCallback(self._receive)
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._library.espeak_Terminate()
        self._folder.cleanup()

    def say(self, voice: Voice, text: str, prosody: Prosody = PLAIN) -> Samples:
        """Speak a text; leading and trailing silence is cut off. Sampling rate: `rate` (Hz)."""
        self._choose(voice)
        settings = {
            _RATE: prosody.pace,
            _VOLUME: prosody.volume,
            _PITCH: prosody.pitch,
            _RANGE: prosody.melody,
        }
        for parameter, value in settings.items():
            self._library.espeak_SetParameter(parameter, value, 0)
        self._pieces.clear()
        data = text.encode()
        self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        if not self._pieces:
            message = f"espeak-ng spoke nothing for {text!r} with voice {voice.code!r}"
            raise RuntimeError(message)
        return trimmed(np.concatenate(self._pieces), self.rate)

    def phonemes(self, voice: Voice, text: str) -> str:
        """Return the text in IPA, with stress marks, as the voice would speak it."""
        self._choose(voice)
        rest = ctypes.c_char_p(text.encode())
        clauses = []
        while rest.value:
            clauses.append(self._library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, _IPA).decode())
        return " ".join(clause.strip() for clause in clauses)

    def _choose(self, voice: Voice) -> None:
        status = self._library.espeak_SetVoiceByName(voice.code.encode())
        if status != 0:
            message = f"espeak-ng has no voice {voice.code!r} (status {status})"
            raise LookupError(message)

    def _collect(self, address: int | None, count: int, _events: int | None) -> int:
        if address and count:
            data = ctypes.string_at(address, 2 * count)
            self._pieces.append(np.frombuffer(data, np.int16) / _FULL_SCALE)
        return 0


def trimmed(samples: Samples, rate: int, floor: float = 0.01, margin_s: float = 0.03) -> Samples:
    """Cut what lies before the first and after the last sample above `floor`, but for a margin."""
    loud = np.flatnonzero(np.abs(samples) > floor)
    margin = round(margin_s * rate)
    return samples[max(loud[0] - margin, 0) : loud[-1] + margin] if loud.size else samples


def _installed() -> tuple[str, str]:
    require("espeakng_loader", "the speech of the demo corpus")
    import espeakng_loader

    return espeakng_loader.get_library_path(), espeakng_loader.get_data_path()


def _private_copy(library: str, folder: str) -> ctypes.CDLL:
    loaded = ctypes.CDLL(str(shutil.copy(library, folder)))
    loaded.espeak_TextToPhonemes.restype = ctypes.c_char_p
    loaded.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
    return loaded


def _short_path(data: str, folder: str) -> str:
    if len(os.fsencode(data)) <= _LONGEST_PATH:
        return data
    link = Path(folder, "voices")
    link.symlink_to(data, target_is_directory=True)
    return str(link)
