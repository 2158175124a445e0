"""What travels through the room: clips of sound, and the instances that point at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from zlib import crc32

import numpy as np
import numpy.typing as npt
import soxr

Samples: TypeAlias = npt.NDArray[np.float64]
"""Mono: shape (frames,); stereo: shape (frames, 2). Full scale is +-1.0."""

LOSSY_HEADROOM = 0.7  # peak; Vorbis and MP3 overshoot the samples they were given
PEAK = 0.9


@dataclass(frozen=True, eq=False)
class Clip:
    """One sound of the corpus, known by its id everywhere.

    Attributes
    ----------
    corpus
        Source folder, such as ``01_EspeakRead``.
    name
        Name inside the source; corpus and name together are the audio id.
    samples
        Full scale is +-1.0.
    rate
        Sampling rate in Hz.
    encoding
        A key of `audio_flan.demo.encode.ENCODINGS`.
    """

    corpus: str
    name: str
    samples: Samples
    rate: int
    encoding: str

    @property
    def audio_id(self) -> str:
        """The id that stands between the audio markers."""
        return f"{self.corpus}_{self.name}"

    @property
    def token(self) -> str:
        """The id with its markers, as records print it."""
        return f"<|SOA|>{self.audio_id}<|EOA|>"

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate


Value: TypeAlias = Clip | str | tuple[str, Clip | str]
"""A field value; a pair is (label, value) and its label is always printed."""


@dataclass(frozen=True, eq=False)
class Instance:
    """One instruction instance before it gets its wording, split and uuid.

    Attributes
    ----------
    corpus
        The source whose metadata file takes the record; its clips may be borrowed from other sources.
    task
        Minor task, spelt as in the taxonomy.
    inputs
        What the task is applied to, in order.
    output
        The expected answer.
    slots
        Words for the braces of the instruction, such as ``{"emotion": "sad"}``.
    other
        True facts that the output does not carry: a mapping, a string or nothing.
    """

    corpus: str
    task: str
    inputs: Sequence[Value]
    output: Value
    slots: Mapping[str, str] = field(default_factory=dict)
    other: Mapping[str, object] | str | None = None


def clips_of(instance: Instance) -> list[Clip]:
    """Clips of the inputs, then of the output, in order of appearance."""
    values = [*instance.inputs, instance.output]
    bare = [value[1] if isinstance(value, tuple) else value for value in values]
    return [value for value in bare if isinstance(value, Clip)]


def normalised(samples: Samples, peak: float = LOSSY_HEADROOM) -> Samples:
    """Scale to a peak (full scale is 1.0); silence stays as it is."""
    top = float(np.abs(samples).max(initial=0.0))
    return samples if top == 0.0 else samples * (peak / top)


def resampled(samples: Samples, rate: int, target_rate: int) -> Samples:
    """Convert from one sampling rate to another (Hz)."""
    if rate == target_rate:
        return samples
    result: Samples = soxr.resample(samples, rate, target_rate)
    return result


# Drawn by the crc of the audio id, so that a clip's form never depends on what was made before it.
_ANY_FORM = ("flac", "ogg", "mp3", "flac", "ogg", "wav", "mp3", "flac", "ogg", "mp3", "wav")
_EXACT_FORM = ("flac",) * 31 + ("wav",) * 2 + ("flac24", "wav24", "wavfloat")
_RATES = {
    "flac": (16000, 22050, 8000),
    "wav": (8000, 8000, 8000),
    "ogg": (44100, 44100, 22050),
    "mp3": (44100, 16000, 44100),
}


def shelve(corpus: str, name: str, samples: Samples, rate: int, *, exact: bool = False) -> Clip:
    """Make a clip and choose the form it is kept in.

    Parameters
    ----------
    corpus, name
        Together the audio id.
    samples, rate
        The sound and its sampling rate in Hz.
    exact
        Keep rate, level and every sample (for pairs whose relation is the label); otherwise the clip may be
        normalised, resampled and stored with loss.
    """
    draw = crc32(f"{corpus}_{name}".encode())
    if exact:
        return Clip(corpus, name, samples, rate, _EXACT_FORM[draw % len(_EXACT_FORM)])
    encoding = _ANY_FORM[draw % len(_ANY_FORM)]
    target = min(rate, _RATES[encoding][draw // 97 % 3])
    return Clip(corpus, name, normalised(resampled(samples, rate, target)), target, encoding)
