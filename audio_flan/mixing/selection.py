"""Which rows of a leaf are drawn: those with the smallest keys.

A leaf with a target of k rows out of n gives every row k // n times, and the k % n rows with the smallest
keys once more. So the rows drawn do not depend on the order of files or on workers, and those of a smaller
target are among those of a larger one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_128_digest

from audio_flan.records.schema import AUDIO_COLUMNS, COLUMNS

IDENTITY_COLUMNS: Final = tuple(
    column for column in COLUMNS if column not in {*AUDIO_COLUMNS, "input_seconds", "output_seconds"}
)
"""Columns that make a row the row it is, in every form: all but those that are read from its clips."""

Identities = Callable[[NDArray[np.int64]], Sequence[bytes]]
"""Gives the `row_identity` of the rows at some positions."""


class Cut(NamedTuple):
    """Where a leaf is cut.

    Attributes
    ----------
    passes : int
        How often every row is drawn.
    last : int or None
        Rows with a smaller key are drawn once more; None when none is.
    at_last : int
        How many of the rows with just this key are drawn once more. It is 1, and there is one, unless rows
        share a uuid.
    """

    passes: int
    last: int | None
    at_last: int


def cut(keys: NDArray[np.uint64], target: int) -> Cut:
    """Find where a leaf is cut, in linear time.

    Parameters
    ----------
    keys : numpy.ndarray
        uint64, shape (rows,): the keys of all rows of the leaf, in any order.
    target : int
        How many rows to draw, repeats counted.

    Raises
    ------
    ValueError
        When rows are to be drawn of none.
    """
    if not len(keys):
        if target:
            raise ValueError(
                f"{target} rows are to be drawn of a leaf without rows: is this the plan's data?"
            )
        return Cut(0, None, 0)
    passes, part = divmod(target, len(keys))
    if not part:
        return Cut(passes, None, 0)
    last = np.partition(keys, part - 1)[part - 1]
    return Cut(passes, int(last), part - int(np.count_nonzero(keys < last)))


def draws(keys: NDArray[np.uint64], where: Cut, identities: Identities) -> NDArray[np.int64]:
    """Count how often each row is drawn.

    Parameters
    ----------
    keys : numpy.ndarray
        uint64, shape (rows,): as for `cut`, in the order in which the counts are wanted.
    identities : callable
        Called only if more rows have the key of the cut than are drawn: they share a uuid. Then those with
        the smallest identities are drawn. Rows with equal identities are equal in all that they say, so it
        makes no difference which of them is taken; it is the first.

    Returns
    -------
    numpy.ndarray
        int64, shape (rows,).
    """
    counts = np.full(len(keys), where.passes, np.int64)
    if where.last is None:
        return counts
    last = np.uint64(where.last)
    counts[keys < last] += 1
    tied = np.flatnonzero(keys == last)
    if len(tied) > where.at_last:
        names = identities(tied)
        tied = tied[sorted(range(len(tied)), key=lambda i: names[i])[: where.at_last]]
    counts[tied] += 1
    return counts


def row_identity(row: Mapping[str, object]) -> bytes:
    """Return a hash of all that a row says: equal for the same row in every form.

    Parameters
    ----------
    row : mapping
        With `IDENTITY_COLUMNS`; others are not looked at.
    """
    return xxh3_128_digest(msgspec.json.encode([row[column] for column in IDENTITY_COLUMNS]))
