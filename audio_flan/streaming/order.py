"""The order of a stream: a pure function of the sizes of row groups, the seed and the epoch.

A built root holds rows in row groups, whose clips lie close together. Shuffled, the order is made so:

1. All row groups are permuted. Consecutive ones make a *window*: a new one begins with the first group that
   begins 131,072 rows or more after the one before.
2. The groups of a window are cut into *blocks* of up to 16 rows, and these are permuted. So are the rows of
   each block.
3. There are 32 *lanes*. Each block goes into the one with the fewest rows, so that they are about equally
   long. The first row of each lane is given, the second of each, ...

So a window is read in 32 places at a time, each of which is a run of neighbouring rows and clips, and a
rank that takes every second, fourth, ... or 32nd row reads only some of the lanes. Where row groups have the
sound in them, a block is a whole row group and there are 16 lanes (`WHOLE_GROUPS`): as many row groups are in
memory at a time, and each is read once. Nothing but the sizes of groups, and one window, is ever in memory:
position k is found by bisection.

A permutation sorts by SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number
generators") of seed, epoch and number, which is the same everywhere.
"""

from collections.abc import Callable
from heapq import heapreplace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audio_flan.streaming.hashes import Key, hashes, make_key

ORDER_VERSION: Final = 2
"""Raise it whenever the order of the same rows becomes another."""
_WINDOWS_KEPT: Final = 4
"""Batches in which rows waited for others of their length ask for rows of a few windows by turns."""

Numbers = NDArray[np.int64]


class Reach(NamedTuple):
    """From how far apart rows come that stand next to each other.

    Attributes
    ----------
    window_rows : int
        Rows of a window.
    block_rows : int
        The most rows of a row group that stand next to each other.
    lanes : int
        Blocks that are read by turns.
    """

    window_rows: int
    block_rows: int
    lanes: int

    def of_share(self, share: float) -> "Reach":
        """Return that of a leaf with a share of the rows of a plan."""
        window_rows, lanes = (max(1, round(each * share)) for each in (self.window_rows, self.lanes))
        return self._replace(window_rows=window_rows, lanes=lanes)


SHORT_RUNS: Final = Reach(1 << 17, 16, 32)
"""For row groups of thousands of rows, whose clips are elsewhere."""
WHOLE_GROUPS: Final = Reach(1 << 17, 1 << 40, 16)
"""For row groups with megabytes of sound, of which only a few fit into memory."""


class Window(NamedTuple):
    """The rows at the positions from `start` on.

    ``groups`` and ``rows`` are int64 of shape (rows of the window,): the number of each row's group, and its
    number in it.
    """

    start: int
    groups: Numbers
    rows: Numbers


class Order:
    """The order of the rows of some row groups.

    Parameters
    ----------
    group_rows : numpy.ndarray
        int64, shape (groups,): the number of rows of each.
    seed : int, optional
        None for the order in which the groups stand.
    epoch : int
        Another epoch, another order.
    part : str
        What it is the order of, where there are several with the same seed and epoch.
    reach : Reach
        From how far apart rows come.
    """

    def __init__(
        self,
        group_rows: Numbers,
        seed: int | None = None,
        epoch: int = 0,
        *,
        part: str = "",
        reach: Reach = SHORT_RUNS,
    ) -> None:
        self._sizes, self._reach = group_rows, reach
        self._key = None if seed is None else make_key(ORDER_VERSION, seed, epoch, part)
        numbers = np.arange(len(group_rows), dtype=np.int64)
        self._groups = numbers if self._key is None else _permuted(numbers, self._key)
        starts = np.cumsum(group_rows[self._groups]) - group_rows[self._groups]
        self._bounds = _window_bounds(starts, reach.window_rows)
        """First of the permuted groups of each window."""
        self._starts = starts[self._bounds]
        self._rows = int(group_rows.sum())
        self._recent: tuple[Window, ...] = ()
        """Replaced as a whole: threads that decode ahead ask for positions, too."""

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_recent": ()}

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._rows

    def window_at(self, position: int) -> Window:
        """Return the window that holds a position.

        Raises
        ------
        IndexError
            When there is no such position.
        """
        if not 0 <= position < self._rows:
            raise IndexError(f"there is no row {position}: the order has {self._rows}")
        number = int(np.searchsorted(self._starts, position, side="right")) - 1
        end = self._bounds[number + 1] if number + 1 < len(self._bounds) else len(self._groups)
        groups = self._groups[self._bounds[number] : end]
        start = int(self._starts[number])
        return Window(start, *(self._plain(groups) if self._key is None else self._shuffled(groups)))

    def places(self, positions: Numbers) -> tuple[Numbers, Numbers]:
        """Return what stands at some positions: the number of each row's group, and its number in it.

        Parameters
        ----------
        positions : numpy.ndarray
            int64, shape (rows,), in any order.

        Raises
        ------
        IndexError
            When there is no such position.
        """
        return look_up(positions, self._recent_window)

    def _recent_window(self, position: int) -> Window:
        for window in self._recent:
            if 0 <= position - window.start < len(window.rows):
                return window
        window = self.window_at(position)
        self._recent = (window, *self._recent[: _WINDOWS_KEPT - 1])
        return window

    def _plain(self, groups: Numbers) -> tuple[Numbers, Numbers]:
        sizes = self._sizes[groups]
        return np.repeat(groups, sizes), ranges(sizes)

    def _shuffled(self, groups: Numbers) -> tuple[Numbers, Numbers]:
        assert self._key is not None  # noqa: S101 - for the type checker
        sizes = self._sizes[groups]
        most = self._reach.block_rows
        blocks = -(-sizes // most)
        block_group = np.repeat(groups, blocks)
        block_first = ranges(blocks) * most
        block_rows = np.minimum(np.repeat(sizes, blocks) - block_first, most)
        order = np.argsort(hashes(self._key, block_group, block_first), kind="stable")
        block_group, block_first, block_rows = (
            each[order] for each in (block_group, block_first, block_rows)
        )
        block = np.repeat(np.arange(len(order)), block_rows)
        row_group, row = block_group[block], block_first[block] + ranges(block_rows)
        # In each block the rows by their hashes, then a row of each lane by turns.
        by_chance = hashes(~self._key, row_group, row)
        in_block = np.lexsort((by_chance, block))
        lane, start = _lanes(block_rows, self._reach.lanes)
        turn = start[block] + ranges(block_rows)
        place = np.lexsort((lane[block], turn))
        return row_group[in_block][place], row[in_block][place]


def look_up(
    positions: Numbers, window_at: Callable[[int], tuple[int, Numbers, Numbers]]
) -> tuple[Numbers, Numbers]:
    """Return the two numbers that stand at each of some positions, in any order.

    Parameters
    ----------
    positions : numpy.ndarray
        int64, shape (rows,).
    window_at : callable
        Gives the run of positions that holds one: its start, and the two numbers of each position in it.
        It is called once for each run, in ascending order.
    """
    one, other = np.empty_like(positions), np.empty_like(positions)
    by_position = np.argsort(positions, kind="stable")
    ascending = positions[by_position]
    first = 0
    while first < len(positions):
        start, ones, others = window_at(int(ascending[first]))
        end = int(np.searchsorted(ascending, start + len(ones)))
        inside, these = ascending[first:end] - start, by_position[first:end]
        one[these], other[these] = ones[inside], others[inside]
        first = end
    return one, other


def _lanes(block_rows: Numbers, lanes: int) -> tuple[Numbers, Numbers]:
    """Return the lane of each block, and how many rows of the lane there are before it.

    Each goes into the lane with the fewest rows, and of several into the first.
    """
    ends = [(0, lane) for lane in range(lanes)]
    chosen = []
    for rows in block_rows.tolist():
        end, lane = ends[0]
        chosen.append(heapreplace(ends, (end + rows, lane)))
    found = np.array(chosen, np.int64).reshape(-1, 2)
    return found[:, 1], found[:, 0]


def _permuted(numbers: Numbers, key: Key) -> Numbers:
    return numbers[np.argsort(hashes(key, numbers, np.zeros_like(numbers)), kind="stable")]


def ranges(sizes: Numbers) -> Numbers:
    """Return 0, 1, ... size - 1 for each size, one after the other."""
    ends = np.cumsum(sizes)
    return np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - sizes, sizes)


def _window_bounds(starts: Numbers, window_rows: int) -> Numbers:
    """Return the number of the first group of each window, given the first row of each group."""
    bounds = []
    i = 0
    while i < len(starts):
        bounds.append(i)
        i = int(np.searchsorted(starts, starts[i] + window_rows))
    return np.array(bounds, np.int64)
