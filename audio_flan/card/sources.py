"""The corpora that the paper names, with their licences as far as they are known, from a table."""

import re
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

UNKNOWN: Final = "unknown"
_NUMBER = re.compile(r"\d+[_ -]")
_SIGNS = re.compile(r"[\W_]+")


class Source(msgspec.Struct, frozen=True):
    """A corpus that Audio-FLAN draws on. Facts about licences, no legal advice; None is unknown.

    ``licence`` is an SPDX id, or a ``LicenseRef-`` name where SPDX has none and ``licence_name`` says it in
    words; ``redistribution`` says whether its audio may be passed on.
    """

    key: str
    name: str
    aliases: tuple[str, ...]
    licence: str | None
    licence_name: str | None
    commercial_use: bool | None
    redistribution: bool | None
    licence_note: str | None


class _Table(msgspec.Struct):
    sources: tuple[Source, ...]


@cache
def sources() -> dict[str, Source]:
    """Return the corpora of the table by their normalised names."""
    data = files("audio_flan.card").joinpath("sources.json").read_bytes()
    table = msgspec.json.decode(data, type=_Table).sources
    return {
        _normalise(name): source for source in table for name in (source.key, source.name, *source.aliases)
    }


def find_source(corpus: str) -> Source | None:
    """Return what is known of a corpus of the release, such as ``09_LJSpeech``; None when nothing is.

    Only the whole name counts: what was derived from a corpus may have other terms.
    """
    return sources().get(_normalise(_NUMBER.sub("", corpus, count=1) if _NUMBER.match(corpus) else corpus))


def licence_of(source: Source | None) -> str:
    """Return the licence of a corpus for people."""
    if source is None or source.licence is None:
        return UNKNOWN
    return source.licence_name or source.licence


def _normalise(name: str) -> str:
    return _SIGNS.sub("", name).casefold()
