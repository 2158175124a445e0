"""What stands before an answer: "The language is", "Language:", "The singer uses"."""

import re
from functools import cache
from typing import Final, NamedTuple

from audio_flan.analysis.labels.label_sets import tables

_BE: Final = (
    r"\b(?:is|are|was|were|(?:seems|appears|is likely|is most likely) to be|would be|must be"
    r"|ist|sind|est|sont|es|son|è|é|são)\b\s*:?|是|为|為|は|:|="
)
_VERBS: Final = (
    r"(?:is|are|was|were|'s|sounds|feels|seems|appears|comes|belongs|speaks|uses|plays|sings|shows|conveys"
    r"|evokes|suggests|has|contains|features|exhibits|expresses|takes place)"
)
_MADE: Final = r"(?:recorded|made|played|performed|spoken|sung|captured|produced|generated)"
_MORE: Final = (
    rf"(?:(?:{_MADE}|speaking|from|likely|probably|clearly|approximately|about|around|in|by|with|on|at|like|as|of"
    r"|to|be|using) )*(?:(?:a |an |the )?(?:sound|voice|recording) of )?"
)
_SUBJECT: Final = (
    rf"(?:it|this|that|he|she|they|the(?: [\w'-]+){{1,4}}?|this(?: [\w'-]+){{1,3}}?) ?{_VERBS}[ :]+{_MORE}"
)
_SENTENCE: Final = re.compile(
    rf"^(?:{_SUBJECT}|(?:i|you|we)(?: can)? hear |{_MADE} (?:in|by|with|on|at|from|using) )", re.IGNORECASE
)
_ARTICLE: Final = re.compile(r"^(?:a|an|the|some|their|his|her)\s+(?=\S)", re.IGNORECASE)
_EDGES: Final = " .!?,;:'"


class Core(NamedTuple):
    """An answer without what stands before it, and whether something did."""

    text: str
    led: bool


def core_of(text: str, label_set: str) -> Core:
    """Take the lead-in from a tidy text, with the article that follows it and the signs at its ends."""
    found = _patterns(label_set).match(text) or _SENTENCE.match(text)
    core = _trimmed(text[found.end() :]) if found else ""
    return Core(core, True) if core else Core(_trimmed(text), False)


@cache
def _patterns(label_set: str) -> re.Pattern[str]:
    nouns = (*tables().sets[label_set].nouns, *tables().answer_nouns)
    latin = "|".join(re.escape(noun) for noun in nouns if noun[0] < "\u0900")
    other = "".join(f"|{re.escape(noun)}" for noun in nouns if noun[0] >= "\u0900")
    noun = rf"(?:\b(?:{latin})s?\b{other})"
    about = "(?:to |approximately |about |around )?"
    return re.compile(rf"^[^:=]{{0,80}}?{noun}[^:=]{{0,60}}?(?:{_BE})\s*{about}", re.IGNORECASE)


def _trimmed(text: str) -> str:
    return _ARTICLE.sub("", text.strip(_EDGES), count=1)
