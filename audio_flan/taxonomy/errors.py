"""The one error for a name that is not in a table, with the names that are nearest to it."""

from collections.abc import Iterable, Sequence
from typing import Final

_LOOKED_AT: Final = 100
"""Characters of a wrong name that are compared and shown; no right one is as long."""


class UnknownNameError(ValueError):
    """A config, domain, split or column that does not exist.

    Attributes
    ----------
    name : str
        What was asked for.
    nearest : tuple of str
        Up to three names that do exist, best first.
    """

    def __init__(self, kind: str, name: str, nearest: Sequence[str], hint: str = "") -> None:
        self.kind, self.name, self.nearest, self.hint = kind, name, tuple(nearest), hint
        message = f"there is no {kind} {name[:_LOOKED_AT]!r}"
        if hint:
            message += f"; {hint}"
        elif nearest:
            message += f". Did you mean {_one_of(nearest)}?"
        super().__init__(message)

    def __reduce__(self) -> tuple[type, tuple[str, str, tuple[str, ...], str]]:
        return type(self), (self.kind, self.name, self.nearest, self.hint)


def _one_of(names: Sequence[str]) -> str:
    quoted = [repr(name) for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def nearest_names(name: str, candidates: Iterable[str], count: int = 3) -> list[str]:
    """Return the `count` candidates most like `name`, best first.

    Likeness is the Ratcliff-Obershelp ratio; a candidate that has `name` as one of its words
    (``asr`` in ``speech_asr``) comes before all that do not.
    """
    from difflib import SequenceMatcher

    wanted = name[:_LOOKED_AT].casefold()
    matcher = SequenceMatcher(b=wanted, autojunk=False)

    def likeness(candidate: str) -> float:
        matcher.set_seq1(candidate.casefold())
        whole_words = f"_{wanted}_" in f"_{candidate.casefold()}_"
        return matcher.ratio() + whole_words

    return sorted(dict.fromkeys(candidates), key=lambda c: (-likeness(c), c))[:count]
