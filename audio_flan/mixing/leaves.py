"""The leaves that a plan is made over: what there is of each direction, domain, task and corpus.

Lengths are whole microseconds and texts whole bytes, so that sums do not depend on the order of rows.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from audio_flan.mixing.errors import MixtureError
from audio_flan.records import audio_token

if TYPE_CHECKING:
    import polars as pl

LEVELS: Final = ("direction", "domain", "task", "corpus")
"""From the outermost to the innermost."""
MICRO: Final = 1_000_000
_MARKER_BYTES: Final = len(audio_token(""))


class Leaf(msgspec.Struct, frozen=True):
    """Rows that share direction, domain, task and corpus.

    Attributes
    ----------
    direction : str
        The records' own U/G: ``understanding`` or ``generation``.
    task : str
        Config of the minor task.
    available : int
        Number of rows, each counted once.
    input_microseconds, target_microseconds : int
        Length of the audio of their inputs and of their outputs; a clip counts as often as rows refer to it.
    target_bytes : int
        Length of the text of their outputs in UTF-8, audio tokens aside.
    """

    direction: str
    domain: str
    task: str
    corpus: str
    available: int
    input_microseconds: int = 0
    target_microseconds: int = 0
    target_bytes: int = 0

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Direction, domain, task and corpus."""
        return self.direction, self.domain, self.task, self.corpus


def count_leaves(rows: "pl.LazyFrame") -> list[Leaf]:
    """Count the leaves of a table of instances.

    Parameters
    ----------
    rows : polars.LazyFrame
        With the columns ``direction, domain, task, corpus, output, output_audio_ids, input_seconds,
        output_seconds``; no other is read.

    Returns
    -------
    list of Leaf
        Sorted by their keys.
    """
    import polars as pl

    def microseconds(column: str) -> pl.Expr:
        return (pl.col(column).list.sum() * MICRO).round().cast(pl.Int64).sum()

    text_bytes = pl.col("output").str.len_bytes().cast(pl.Int64).sum()
    each_token = pl.element().str.len_bytes() + _MARKER_BYTES
    token_bytes = pl.col("output_audio_ids").list.eval(each_token).list.sum().cast(pl.Int64).sum()
    counted = rows.group_by(LEVELS).agg(
        available=pl.len(),
        input_microseconds=microseconds("input_seconds"),
        target_microseconds=microseconds("output_seconds"),
        target_bytes=text_bytes - token_bytes,
    )
    return [
        msgspec.convert(row, Leaf)
        for row in counted.sort(LEVELS).collect(engine="streaming").iter_rows(named=True)
    ]


def check_leaves(leaves: Iterable[Leaf]) -> list[Leaf]:
    """Sort leaves by their keys.

    Raises
    ------
    MixtureError
        When there are no rows, a number is negative, or two leaves have the same key.
    """
    checked = sorted(leaves, key=lambda leaf: leaf.key)
    for i, leaf in enumerate(checked):
        name = " / ".join(leaf.key)
        if i and checked[i - 1].key == leaf.key:
            raise MixtureError(f"the leaf {name} is there twice: rows of the same leaf are counted together")
        for field in ("available", "input_microseconds", "target_microseconds", "target_bytes"):
            if getattr(leaf, field) < 0:
                raise MixtureError(
                    f"the leaf {name} has {field} = {getattr(leaf, field)}, it cannot be negative"
                )
        if not leaf.available and any((leaf.input_microseconds, leaf.target_microseconds, leaf.target_bytes)):
            raise MixtureError(f"the leaf {name} has no rows, and yet audio or text")
    if not any(leaf.available for leaf in checked):
        raise MixtureError("there are no rows to make a plan of; is a filter too strict, or the split empty?")
    return checked
