"""Which rows a plan is made over and an export takes: a filter as a value."""

from typing import Final, Literal

import msgspec

from audio_flan.mixing.errors import MixtureError
from audio_flan.taxonomy.errors import UnknownNameError, nearest_names

Licence = Literal["any", "commercial", "permissive"]
LICENCES: Final = ("any", "commercial", "permissive")
SCRIPTS: Final = (
    "latin", "cyrillic", "greek", "arabic", "hebrew", "devanagari", "bengali", "tamil", "telugu", "thai",
    "georgian", "armenian", "ethiopic", "khmer", "han", "kana", "hangul", "other", "none",
)  # fmt: skip
"""Scripts that a row's text may be in; ``none`` is that of a row without letters."""


class RowFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions that all have to hold.

    Attributes
    ----------
    where : str, optional
        Polars SQL over the columns of a row.
    tasks, corpora : tuple of str
        Minor configs, corpora; empty for all.
    unseen : bool, optional
        Rows that are marked so, or marked that they are not.
    min_seconds, max_seconds : float, optional
        Bounds for the length of each clip of the row.
    scripts : tuple of str
        Of `SCRIPTS`: that of most letters of the row's input and output; empty for all.
    licence : {"any", "commercial", "permissive"}
        Of the corpus; an unknown one is only ``any``.
    """

    where: str | None = None
    tasks: tuple[str, ...] = ()
    corpora: tuple[str, ...] = ()
    unseen: bool | None = None
    min_seconds: float | None = None
    max_seconds: float | None = None
    scripts: tuple[str, ...] = ()
    licence: Licence = "any"

    def __bool__(self) -> bool:
        return self != RowFilter()


NO_FILTER: Final = RowFilter()


def check_filter(row_filter: RowFilter) -> None:
    """Refuse a filter that no row could pass, or whose names do not exist.

    Raises
    ------
    UnknownNameError
        For a script or licence class that does not exist.
    MixtureError
        For bounds that exclude each other.
    """
    for script in row_filter.scripts:
        if script not in SCRIPTS:
            raise UnknownNameError("script", script, nearest_names(script, SCRIPTS))
    if row_filter.licence not in LICENCES:
        licence = str(row_filter.licence)
        raise UnknownNameError("licence class", licence, nearest_names(licence, LICENCES))
    low, high = row_filter.min_seconds, row_filter.max_seconds
    for name, bound in (("min_seconds", low), ("max_seconds", high)):
        if bound is not None and not 0 <= bound < float("inf"):
            raise MixtureError(f"{name} must be 0 or more seconds, got {bound:g}")
    if low is not None and high is not None and low > high:
        raise MixtureError(f"min_seconds={low:g} is over max_seconds={high:g}: no clip fits")
