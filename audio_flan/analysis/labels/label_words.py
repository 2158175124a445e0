"""Texts of answers as words, and known words among them."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

Words: TypeAlias = tuple[str, ...]
BREAKS: Final = frozenset(",.;:!?=()")
"""Signs that end a clause; they are words of their own."""
_IDEOGRAPHS: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD: Final = re.compile(
    rf"[{_IDEOGRAPHS}]|[^\W_{_IDEOGRAPHS}]+(?:['-][^\W_{_IDEOGRAPHS}]+)*|[{re.escape(''.join(BREAKS))}]"
)
_TIDY: Final = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "_": " ", "\u3002": ".", "\u3001": ",", "\u266f": "#", "\u266d": "b"}
    | dict.fromkeys('"\u201c\u201d\u00ab\u00bb\u300c\u300d{}[]`*')
)


def tidy(text: str) -> str:
    """Return a text in one form (NFKC) and on one line, without quotation marks, brackets and underscores."""
    plain = unicodedata.normalize("NFKC", text).translate(_TIDY)
    return " ".join(", ".join(line for line in plain.splitlines() if line.strip()).split())


def words_of(text: str) -> Words:
    """Split a tidy text into words and `BREAKS`, in lower case; an ideograph is a word."""
    return tuple(_WORD.findall(text.lower()))


class Mention(NamedTuple):
    """A known word: ``words[start:end]``."""

    label: str
    start: int
    end: int


class Vocabulary:
    """Words for labels, found in texts at any place, the longest first.

    Parameters
    ----------
    names : mapping
        The words for each label; the label itself is one of them.
    """

    def __init__(self, names: Mapping[str, Iterable[str]]) -> None:
        self._labels = {words_of(name): label for label, all_ in names.items() for name in (label, *all_)}
        self._longest = max(map(len, self._labels), default=0)

    def get(self, words: Words) -> str | None:
        """Return the label of a whole text."""
        return self._labels.get(words)

    def match(self, words: Words, start: int) -> Mention | None:
        """Return the longest known word that begins at a place."""
        for end in range(min(start + self._longest, len(words)), start, -1):
            label = self._labels.get(words[start:end])
            if label is not None:
                return Mention(label, start, end)
        return None

    def match_before(self, words: Words, end: int) -> bool:
        """Tell whether a known word ends just before a place."""
        return any(words[start:end] in self._labels for start in range(max(0, end - self._longest), end))

    def mentions(self, words: Words) -> Iterator[Mention]:
        """Find known words from left to right, without overlaps."""
        start = 0
        while start < len(words):
            found = self.match(words, start)
            if found:
                yield found
            start = found.end if found else start + 1
