"""The form of a task's wordings, and how one instance gets its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audio_flan.demo.parts import Clip, Instance, Value


@dataclass(frozen=True)
class Wording:
    """Ways to ask for a task and to answer it.

    Attributes
    ----------
    asks
        Instructions; braces name the slots that an instance fills.
    answers
        Lead-ins of the output, ``{}`` standing for the answer.
    """

    asks: tuple[str, ...]
    answers: tuple[str, ...] = ("{}",)


Table = dict[str, dict[str, Wording]]
"""Major task to minor task to wording."""

SOUND = ("{}", "{}", "{}", "audio: {}")
"""Answers of a task whose output is audio."""

_ONE = ("", "", "audio: ", "recording: ")
_TWO = (("", ""), ("audio 1: ", "audio 2: "), ("audio_sample1: ", "audio_sample2: "))
_TEXT = ("", "text: ")


def instruction(wording: Wording, instance: Instance, rng: np.random.Generator) -> str:
    """Choose an instruction and fill its slots."""
    return pick(wording.asks, rng).format(**instance.slots)


def input_text(instance: Instance, rng: np.random.Generator) -> str:
    """Print the inputs, one to a line; values without a label of their own may get a plain one."""
    values = instance.inputs
    if len(values) == 2 and all(isinstance(value, Clip) for value in values):
        labels: tuple[str, ...] = _TWO[int(rng.integers(len(_TWO)))]
    else:
        labels = tuple(pick(_ONE if isinstance(value, Clip) else _TEXT, rng) for value in values)
    return "\n".join(_printed(value, label) for value, label in zip(values, labels, strict=True))


def output_text(wording: Wording, instance: Instance, rng: np.random.Generator) -> str:
    """Print the answer with a lead-in."""
    return pick(wording.answers, rng).format(_printed(instance.output, ""))


def pick(options: tuple[str, ...], rng: np.random.Generator) -> str:
    """Choose one of several texts."""
    return options[int(rng.integers(len(options)))]


def _printed(value: Value, label: str) -> str:
    if isinstance(value, tuple):
        label, value = f"{value[0]}: ", value[1]
    return label + (value.token if isinstance(value, Clip) else value)
