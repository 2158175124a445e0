"""Which positions of a stream are whose: ranks and workers take turns, and all ranks get as many."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from audio_flan.integers import integer
from audio_flan.streaming.order import Numbers

Uneven = Literal["drop", "pad", "wrap"]
UNEVEN: Final = ("drop", "pad", "wrap")


@dataclass(frozen=True)
class Share:
    """The part of one rank, or of one worker of it.

    Of the positions from `start` on, rank r of W takes start + r, start + r + W, ... After any number of
    steps, what all ranks have taken together is thus a run of positions without a gap: any other number of
    ranks can go on from its end. Worker w of n takes every n-th of its rank's.

    Attributes
    ----------
    rank, world_size : int
    worker, workers : int
    uneven : {"drop", "pad", "wrap"}
        Where the positions do not divide by the ranks: leave the last ones out, give the last one again, or
        begin anew with the first.
    """

    rank: int = 0
    world_size: int = 1
    uneven: Uneven = "drop"
    worker: int = 0
    workers: int = 1

    def __post_init__(self) -> None:
        for name in ("rank", "world_size"):  # those of NumPy are no JSON in a state
            object.__setattr__(self, name, integer(name, getattr(self, name)))
        if self.world_size < 1 or not 0 <= self.rank < self.world_size:
            raise ValueError(
                f"rank must be from 0 to world_size - 1, got rank={self.rank}, world_size={self.world_size}"
            )
        if self.uneven not in UNEVEN:
            raise ValueError(f"uneven must be one of {', '.join(UNEVEN)}, got {self.uneven!r}")

    def steps(self, start: int, total: int) -> int:
        """Return how many rows each rank gets of the positions [start, total)."""
        left = max(total - start, 0)
        return left // self.world_size if self.uneven == "drop" else -(-left // self.world_size)

    def own_steps(self, start: int, total: int) -> range:
        """Return the steps of the rank that are this worker's."""
        return range(self.worker, self.steps(start, total), self.workers)

    def positions(self, start: int, total: int, steps: Sequence[int] | Numbers) -> Numbers:
        """Return the positions that the rank takes in some steps; int64, shape (steps,)."""
        positions = start + np.array(steps, np.int64) * self.world_size + self.rank
        if self.uneven == "pad":
            return np.minimum(positions, total - 1)
        return positions % total if self.uneven == "wrap" else positions


def whole(name: str, value: object) -> int:
    """Return a whole number from 0 to 2**63 - 1, of Python or NumPy, as an int.

    Raises
    ------
    TypeError
        For something else, such as 1.0 or "1".
    ValueError
        For a number that is out of range.
    """
    number = integer(name, value)
    if not 0 <= number < 1 << 63:
        raise ValueError(f"{name} must be from 0 to 2**63 - 1, got {number}")
    return number


def positive(name: str, value: object) -> int | None:
    """Return a whole number above 0, of Python or NumPy, as an int; None for None.

    Raises
    ------
    ValueError
        For anything else.
    """
    if value is None:
        return None
    with suppress(TypeError):
        if (number := integer(name, value)) > 0:
            return number
    raise ValueError(f"{name} must be a positive whole number or None, got {value!r}")
