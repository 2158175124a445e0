"""What the generated rows say: wordings of the demo corpus said politely, labels, random sentences."""

import random
from functools import cache
from itertools import product
from pathlib import Path
from string import Formatter
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from arrow_text import Lexicon, joined, seconds_text
from numpy.typing import NDArray

from audio_flan.demo.wording import TASKS, Wording
from audio_flan.taxonomy.tables import Task

COMMANDS: Final = (
    "{ask}.", "Please {told}.", "Could you {told}?", "Kindly {told}, thank you.", "I need you to {told}.",
    "It would be great if you could {told}.", "{ask}, please.", "{ask}!", "Would you {told}?",
    "Your task is to {told}.",
)  # fmt: skip
QUESTIONS: Final = (
    "{ask}", "Listen closely. {ask}", "A question: {ask}", "{ask} Answer briefly.", "Please answer: {ask}",
    "{ask} Thank you.", "Here is a recording. {ask}", "Tell me: {ask}", "For this clip: {ask}",
    "{ask} Go by the audio.",
)  # fmt: skip
ONE_CLIP: Final = ("", "", "audio: ", "recording: ", "given recording: ")
TWO_CLIPS: Final = (("", ""), ("audio 1: ", "audio 2: "), ("audio_sample1: ", "audio_sample2: "))
TEXT: Final = ("", "text: ", "spoken text: ", "text excerpt: ")
OTHERS: Final = (None, None, None, '{"snr_db":15}', '{"declared_age":40}', '"text-independent"')
"""Values of the column ``other``."""
_SPAN_CENTISECONDS: Final = (30, 250)
_MOST_SPANS: Final = 6
_WORDS: Final = 20_000


@cache
def _tables() -> dict[str, Any]:
    """Read labels (from the commonest to the rarest), what fills the instructions, and parts of words."""
    tables: dict[str, Any] = msgspec.json.decode(Path(__file__).with_name("phrases.json").read_bytes())
    return tables


@cache
def instructions(task: Task) -> pa.Array:
    """Return all wordings of the instruction of a task, some dozens or more."""
    found = []
    for ask in _wording(task).asks:
        slots = [name for _, name, _, _ in Formatter().parse(ask) if name]
        for values in product(*(_tables()["slots"][name] for name in slots)):
            found += _framed(ask.format(**dict(zip(slots, values, strict=True))))
    return pa.array(found, pa.string())


def _framed(ask: str) -> list[str]:
    """Say a sentence in several ways."""
    if ask.endswith(".") and ". " not in ask:
        ask = ask.removesuffix(".")
        return [frame.format(ask=ask, told=ask[0].lower() + ask[1:]) for frame in COMMANDS]
    return [frame.format(ask=ask) for frame in QUESTIONS]


def outputs(
    task: Task, tokens: pa.Array | None, count: int, rng: np.random.Generator, *, chinese: bool
) -> pa.Array:
    """Return `count` outputs of a task; `tokens` are the audio tokens of a task that answers with audio."""
    labels, spans = _tables()["labels"].get(task.config), _tables()["spans"].get(task.config)
    if tokens is not None:
        answers = tokens
    elif labels:
        answers = pa.array(labels).take(skewed(len(labels), count, rng))
    elif spans:
        answers = _spans(spans, count, rng)
    else:
        answers = sentences(task, count, rng, chinese=chinese)
    before, after = zip(*(lead.split("{}") for lead in _wording(task).answers), strict=True)
    lead = pa.array(rng.integers(0, len(before), count, np.int32))
    return joined(pa.array(before).take(lead), answers, pa.array(after).take(lead))


def sentences(task: Task, count: int, rng: np.random.Generator, *, chinese: bool) -> pa.Array:
    """Return random sentences of the kind that a task deals with."""
    if task.config == "speech_phonetic_recognition":
        return lexicon("phones").sentences(count, 12, 60, rng)
    if task.config == "music_melody_extraction":
        return lexicon("notes").sentences(count, 8, 40, rng)
    if chinese and "caption" not in task.config:
        return lexicon("chinese").sentences(count, 4, 20, rng)
    return lexicon("english").sentences(count, 6, 28, rng)


@cache
def lexicon(name: str) -> Lexicon:
    """Return one of four vocabularies, some of them made up; always the same."""
    rng, tables = random.Random(name), _tables()
    if name in ("phones", "notes"):
        return Lexicon(tables[name], " ")
    if name == "chinese":
        signs = [chr(code) for code in rng.sample(range(0x4E00, 0x9FA5), 3000)]
        pairs = ("".join(rng.sample(signs, 2)) for _ in range(_WORDS // 4))
        return Lexicon([*signs[:200], *pairs, *signs[200:]], "")
    syllables = [onset + ending for onset in tables["onsets"] for ending in tables["endings"]]
    words = {"".join(rng.choices(syllables, k=rng.choice((1, 1, 2, 2, 3)))) for _ in range(_WORDS)}
    return Lexicon(sorted(words, key=lambda word: (len(word), word)), " ")


def skewed(count: int, draws: int, rng: np.random.Generator) -> pa.Array:
    """Draw places from `count`, the first ones more often."""
    return pa.array((rng.random(draws) ** 2 * count).astype(np.int32))


def _spans(labels: list[str], count: int, rng: np.random.Generator) -> pa.Array:
    """Return lists of labelled stretches of time, one a line: ``speech: 0.79-2.59``."""
    lengths = rng.integers(1, _MOST_SPANS + 1, count)
    steps = rng.integers(*_SPAN_CENTISECONDS, (count, 2 * _MOST_SPANS))
    times = np.cumsum(steps, axis=1)
    used: NDArray[np.bool_] = np.arange(_MOST_SPANS) < lengths[:, None]
    starts, ends = times[:, 0::2][used], times[:, 1::2][used]
    drawn = pa.array(rng.integers(0, len(labels), len(starts), np.int32))
    lines = joined(pa.array(labels).take(drawn), ": ", seconds_text(starts), "-", seconds_text(ends))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pc.binary_join(pa.ListArray.from_arrays(offsets, lines), "\n")


def _wording(task: Task) -> Wording:
    return TASKS[task.minor].wording
