"""Which label a free-form answer gives: "The gender is female.", "Gender: F", "not the same speaker".

Nothing is guessed: an answer with two different labels is ambiguous, and one that names no label is none.
"""

import re
from typing import Final, NamedTuple

from audio_flan.analysis.labels.label_sets import (
    LabelSet,
    known_codes,
    known_labels,
    known_places,
    negators,
    tables,
    yes_and_no,
)
from audio_flan.analysis.labels.label_words import BREAKS, Mention, Vocabulary, Words, tidy, words_of
from audio_flan.analysis.labels.lead_ins import Core, core_of
from audio_flan.analysis.labels.note_labels import keys_of, mode_of, pitches_of

BARE: Final = "bare"
LEAD_IN: Final = "lead_in"
MENTION: Final = "mention"
QUESTION: Final = "question"
AMBIGUOUS: Final = "ambiguous"
NONE: Final = "none"
_PREDICATES: Final = frozenset((":", "is", "are", "was", "has", "sounds", "uses", "plays", "features"))
_MAX_CHARACTERS: Final = 80
_MAX_FILLERS: Final = 4
_MAX_ITEMS: Final = 40
_LIST_ENDS: Final = re.compile(r"\s*[,;|]\s*")
_ITEM_ENDS: Final = re.compile(r"\s*(?:[&+]|\band\b|和|及)\s*")
_SENTENCE: Final = re.compile(
    r"[.!?] \S|\b(?:is|are|was|were|i|i'm|it's|you|because|could|would|might|can|cannot|can't|does|do)\b"
)
_OR: Final = re.compile(r" or (?!over\b|older\b|above\b|more\b|under\b|below\b|younger\b|less\b)")


class Answer(NamedTuple):
    """What an output says.

    Attributes
    ----------
    labels : tuple of str
        One, or several for tasks with lists of labels; none if `found` is ``ambiguous`` or ``none``. It is
        ``yes`` or ``no`` if `found` is ``question``.
    found : str
        ``bare`` (nothing but the label), ``lead_in`` (after "The language is", "Language:"), ``mention`` (a
        known label within a longer text), ``question`` (a yes or no that the instruction gives its meaning),
        ``ambiguous`` or ``none``.
    """

    labels: tuple[str, ...]
    found: str


_NO_ANSWER: Final = Answer((), NONE)
_TWO_ANSWERS: Final = Answer((), AMBIGUOUS)


def read_answer(output: str, label_set: str) -> Answer:
    """Find the label in the output of a task of a label set."""
    text = tidy(output)
    spec = tables().sets[label_set]
    core = core_of(text, label_set)
    if spec.notes:
        return _one(pitches_of(text) if spec.notes == "pitch" else _keys(core, text), _how(core, spec))
    if spec.open:
        return _open_answer(text, core, label_set)
    return _closed_answer(words_of(text), core, label_set)


def answer_by_question(answer: str, instruction: str, label_set: str) -> Answer:
    """Say what a bare ``yes`` or ``no`` means: "yes" confirms the label that the instruction names.

    An instruction that names two labels gives it no meaning. One that names none gives it that of the task,
    if the task is a question that can be answered so ("is it the same speaker?").
    """
    spec = tables().sets[label_set]
    asked = _labels(known_labels(label_set), words_of(tidy(instruction)), spec)
    confirmed = asked[0] if len(asked) == 1 else None if asked else spec.yes
    if confirmed is None:
        return _NO_ANSWER
    return _said(confirmed, answer, spec, QUESTION)


def _closed_answer(words: Words, core: Core, label_set: str) -> Answer:
    spec, vocabulary = tables().sets[label_set], known_labels(label_set)
    core_words = words_of(core.text)
    whole = vocabulary.get(core_words) or known_codes(label_set).get(core_words)
    if whole:
        return Answer((whole,), LEAD_IN if core.led else BARE)
    last = _last_word_decides(words, vocabulary, spec)
    if last:
        return last
    named = _labels(vocabulary, words, spec)
    if named:
        return _one(named, MENTION)
    if spec.places:
        placed = _placed(words, label_set)
        if placed:
            return placed
    first = yes_and_no().match(core_words, 0) if spec.opposites else None
    return Answer((first.label,), QUESTION) if first else _NO_ANSWER


def _last_word_decides(words: Words, vocabulary: Vocabulary, spec: LabelSet) -> Answer | None:
    """Read "Same speaker: no" and "Is it fake? Yes"."""
    words = words[: max((i + 1 for i, word in enumerate(words) if word not in BREAKS), default=0)]
    sign = max((i for i, word in enumerate(words) if word in ":?="), default=None)
    if not sign:
        return None
    said = yes_and_no().get(words[sign + 1 :])
    asked = _labels(vocabulary, words[:sign], spec)
    return _said(asked[0], said, spec, MENTION) if said and len(asked) == 1 else None


def _said(asked: str, answer: str, spec: LabelSet, found: str) -> Answer:
    label = asked if answer == "yes" else spec.opposites.get(asked)
    return Answer((label,), found) if label else _NO_ANSWER


def _placed(words: Words, label_set: str) -> Answer | None:
    """Read which of two clips an answer names; "the first is in C, the second in D" is that they differ."""
    mentions = known_places(label_set).mentions(words)
    found = [mention for mention in mentions if not _is_negated(mention, words)]
    named = list(dict.fromkeys(mention.label for mention in found))
    if not named:
        return None
    how = BARE if len(words) <= found[0].end <= 2 else MENTION
    if sorted(named) == ["first", "second"]:
        between = words[found[0].end : next(one.start for one in found if one.label == named[1])]
        if "than" in between:
            return Answer((named[0],), how)
        return Answer(("different",), how) if _PREDICATES.intersection(between[:2]) else _TWO_ANSWERS
    return _one(["same" if label == "both" else label for label in named], how)


def _open_answer(text: str, core: Core, label_set: str) -> Answer:
    spec = tables().sets[label_set]
    items = _items(core.text, label_set) if spec.multiple else [core.text]
    read = [_labels_of(item, label_set) for item in items if item]
    if any(len(labels) > 1 for labels in read):
        return _TWO_ANSWERS
    if not read or not all(read):
        return _one(_labels(known_labels(label_set), words_of(text), spec), MENTION)
    return Answer(tuple(dict.fromkeys(labels[0] for labels in read)), _how(core, spec))


def _items(text: str, label_set: str) -> list[str]:
    """Split a list of labels; an "and" inside a known label ("drum and bass") parts nothing."""
    items: list[str] = []
    for part in _LIST_ENDS.split(text):
        words = words_of(_without_tail(part.lower(), tables().sets[label_set].tails))
        items += [part] if known_labels(label_set).get(words) else _ITEM_ENDS.split(part)
    return items[:_MAX_ITEMS]


def _labels_of(text: str, label_set: str) -> list[str]:
    """Return the label that a text is; several if it leaves a choice; none if it is no label."""
    either = [_label_of(part, label_set) for part in _OR.split(text)]
    return list(dict.fromkeys(label for labels in either for label in labels)) if all(either) else []


def _label_of(text: str, label_set: str) -> list[str]:
    spec, vocabulary = tables().sets[label_set], known_labels(label_set)
    text = _without_tail(text.lower(), spec.tails)
    words = words_of(text)
    whole = vocabulary.get(words) or known_codes(label_set).get(words)
    if whole:
        return [whole]
    named = _labels(vocabulary, words, spec) if spec.known_inside else []
    if named:
        return named
    spoken = [word for word in words if word not in BREAKS]
    is_label = 0 < len(spoken) <= spec.max_words and len(text) <= _MAX_CHARACTERS
    refused = not is_label or spoken[0] in tables().refusals or _SENTENCE.search(text)
    return [] if refused else [text]


def _without_tail(text: str, tails: tuple[str, ...]) -> str:
    for tail in tails:
        text = text.removesuffix(f" {tail}")
    return text


def _keys(core: Core, text: str) -> list[str]:
    """Return the keys of an answer, or a scale without tonic; "a minor" inside a text may be either."""
    name = core.text.removesuffix(" scale").removesuffix(" key")
    mode = mode_of(name)
    return keys_of(name) or keys_of(text) or ([mode] if mode and f" a {name} " not in f"{text} " else [])


def _how(core: Core, spec: LabelSet) -> str:
    """Say how an answer was found that is not the whole core: for notes a long core is a sentence."""
    if spec.notes and len(core.text.split()) > spec.max_words:
        return MENTION
    return LEAD_IN if core.led else BARE


def _one(labels: list[str], found: str) -> Answer:
    if not labels:
        return _NO_ANSWER
    return Answer((labels[0],), found) if len(labels) == 1 else _TWO_ANSWERS


def _labels(vocabulary: Vocabulary, words: Words, spec: LabelSet) -> list[str]:
    """Return the known labels that a text asserts, each once, in order."""
    asserted = (_asserted(mention, words, spec) for mention in vocabulary.mentions(words))
    return list(dict.fromkeys(label for label in asserted if label))


def _asserted(mention: Mention, words: Words, spec: LabelSet) -> str | None:
    """Return the label of a mention; if it is negated, its opposite, or None."""
    return spec.opposites.get(mention.label) if _is_negated(mention, words) else mention.label


def _is_negated(mention: Mention, words: Words) -> bool:
    end, fillers = mention.start, tables().fillers
    while end and words[end - 1] in fillers and mention.start - end < _MAX_FILLERS:
        end -= 1
    return negators().match_before(words, end)
