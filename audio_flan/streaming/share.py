"""Which positions of a stream are whose: ranks and workers take turns, and all ranks get as many."""

from dataclasses import dataclass
from typing import Final, Literal

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

    def position(self, start: int, total: int, step: int) -> int:
        """Return the position that the rank takes in a step."""
        position = start + step * self.world_size + self.rank
        if position < total:
            return position
        return total - 1 if self.uneven == "pad" else position - total
