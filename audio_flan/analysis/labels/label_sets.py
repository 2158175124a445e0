"""The tasks whose answer is a label, and what is known of their labels, from a table.

A task is here if its answer is a label, or a set of labels, out of a vocabulary. Times, sequences, numbers,
transcripts, translations, descriptions and audio are no labels.
"""

from functools import cache
from importlib.resources import files

import msgspec

from audio_flan.analysis.labels.label_words import Vocabulary


class LabelSet(msgspec.Struct, frozen=True):
    """A kind of answer.

    Attributes
    ----------
    labels : dict
        Known labels, each with other words for it, in several languages.
    codes : dict
        Short forms, which count only where nothing else stands, with their labels.
    nouns : tuple of str
        What the answer is called in a lead-in: "The *language* is ...".
    tails : tuple of str
        Words after a label that are no part of it: "German *accent*".
    open : bool
        Answers that are not among the known labels count, too.
    multiple : bool
        An answer may be a list of labels.
    known_inside : bool
        A known label inside a longer answer is the answer: "fluent *German*".
    max_words : int
        A longer text is no label.
    opposites : dict
        For two labels that exclude each other: what "not" makes of each.
    yes : str or None
        What a bare "yes" stands for where the instruction names neither of two opposites.
    places : dict
        Words for the first, the second and both of two clips, in tasks that compare.
    notes : {"key", "pitch"} or None
        The labels are names of keys and scales, or of pitches.
    """

    labels: dict[str, tuple[str, ...]] = {}
    codes: dict[str, str] = {}
    nouns: tuple[str, ...] = ()
    tails: tuple[str, ...] = ()
    open: bool = False
    multiple: bool = False
    known_inside: bool = False
    max_words: int = 6
    opposites: dict[str, str] = {}
    yes: str | None = None
    places: dict[str, tuple[str, ...]] = {}
    notes: str | None = None


class Tables(msgspec.Struct, frozen=True):
    """What is known of labels and of the words around them.

    Attributes
    ----------
    tasks : dict
        Label set by task config.
    modes : dict
        Modes and scales of music, each with other words for it.
    yes, no : tuple of str
        Words for yes and no.
    negators, fillers : tuple of str
        Words that negate what follows, and those that may stand between.
    answer_nouns : tuple of str
        What any answer may be called in a lead-in.
    refusals : tuple of str
        A text that begins with one of these names no label.
    """

    tasks: dict[str, str]
    sets: dict[str, LabelSet]
    modes: dict[str, tuple[str, ...]]
    yes: tuple[str, ...]
    no: tuple[str, ...]
    negators: tuple[str, ...]
    fillers: tuple[str, ...]
    answer_nouns: tuple[str, ...]
    refusals: tuple[str, ...]


@cache
def tables() -> Tables:
    """Read the table that ships with the package, once."""
    data = files("audio_flan.analysis.labels").joinpath("label_sets.json").read_bytes()
    return msgspec.json.decode(data, type=Tables)


@cache
def known_labels(label_set: str) -> Vocabulary:
    """Return the words for the known labels of a set."""
    return Vocabulary(tables().sets[label_set].labels)


@cache
def known_codes(label_set: str) -> Vocabulary:
    """Return the short forms of the labels of a set."""
    names: dict[str, list[str]] = {}
    for code, label in tables().sets[label_set].codes.items():
        names.setdefault(label, []).append(code)
    return Vocabulary(names)


@cache
def known_places(label_set: str) -> Vocabulary:
    """Return the words for the places of two clips."""
    return Vocabulary(tables().sets[label_set].places)


@cache
def yes_and_no() -> Vocabulary:
    """Return the words for yes and no."""
    return Vocabulary({"yes": tables().yes, "no": tables().no})


@cache
def negators() -> Vocabulary:
    """Return the words that negate what follows."""
    return Vocabulary(dict.fromkeys(tables().negators, ()))
