"""The order in which the leaves of a plan take turns, as a pure function with a version.

A leaf with a target of t of N rows has had its share of the first n rows when it has had n * t / N. At every
n, each leaf has had less than one row more or less than that. So its draw number j, from 0, stands at a
position from floor(j * N / t) to ceil((j + 1) * N / t) - 1: the windows of Pfair scheduling (Baruah, Cohen,
Plaxton and Varvel 1996, "Proportionate progress: a notion of fairness in resource allocation"), of which it
is known that taking the draw with the earliest deadline first meets them all.

Positions are cut into blocks. How many draws of each leaf there are before a block is known without placing
those draws: of a block, all draws that have to stand in it are placed, in whatever order, and the slots that
they leave open go to draws that may wait. So a block is computed alone when a position in it is asked for.

Shuffled, the draws of a block stand somewhere in their windows by chance (`RandomTurns`): what ranks or
workers get is then no regular pattern of leaves, as it is where the earliest deadline always comes first.
"""

from heapq import heappop, heappush
from typing import Any, Final, NamedTuple

import numpy as np

from audio_flan.streaming.hashes import Key
from audio_flan.streaming.order import Numbers, ranges
from audio_flan.streaming.random_turns import RandomTurns, into_windows

INTERLEAVE_VERSION: Final = 1
"""Raise it whenever the same plan is interleaved in another way."""
BLOCK_POSITIONS: Final = 1 << 16
_BLOCKS_KEPT: Final = 4
_COUNTS_KEPT: Final = 64
_MOST_ROWS: Final = 3_000_000_000
"""Rows of a plan for which positions times targets are whole numbers of 64 bits."""


class Block(NamedTuple):
    """The positions from `start` on.

    ``leaves`` and ``draws`` are int64 of shape (positions of the block,): the number of the leaf, and how
    many draws of it there were before.
    """

    start: int
    leaves: Numbers
    draws: Numbers


class Interleave:
    """The order in which leaves take turns.

    Parameters
    ----------
    targets : numpy.ndarray
        int64, shape (leaves,): rows of each, all positive.
    key : numpy.uint64, optional
        Decides between orders; None for the earliest deadline first, and the first of several leaves.
    block_positions : int
        Positions that are computed together. It makes no difference to the counts, but to the order.

    Raises
    ------
    ValueError
        When there are more than three billion rows.
    """

    def __init__(
        self, targets: Numbers, key: Key | None = None, block_positions: int = BLOCK_POSITIONS
    ) -> None:
        self._targets, self._block_positions = targets, block_positions
        self._total = int(targets.sum())
        if self._total > _MOST_ROWS:
            raise ValueError(f"the plan draws {self._total:,} rows, a stream has at most {_MOST_ROWS:,}")
        self._turns = None if key is None else RandomTurns(targets, key)
        # What is kept is replaced as a whole: threads that decode ahead ask, too.
        self._known = {0: np.zeros_like(targets)}
        """How many draws of each leaf there are before a block, for some blocks."""
        self._mark = (0, self._mark_of(0))
        """The block of the mark that was asked for last, and that mark: there is one for every row."""
        self._recent: tuple[Block, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_recent": ()}

    def __len__(self) -> int:
        """Return the number of positions: the rows of the plan."""
        return self._total

    def block_at(self, position: int) -> Block:
        """Return the block that holds a position.

        Raises
        ------
        IndexError
            When there is no such position.
        """
        if not 0 <= position < self._total:
            raise IndexError(f"there is no row {position}: the plan draws {self._total}")
        for block in self._recent:
            if 0 <= position - block.start < len(block.leaves):
                return block
        block = self._block(position // self._block_positions)
        self._recent = (block, *self._recent[: _BLOCKS_KEPT - 1])
        return block

    def mark(self, position: int) -> str:
        """Return what spares another one counting up to a position: a bit for each leaf, in hex."""
        number = min(position, self._total - 1) // self._block_positions
        mark = self._mark
        if mark[0] != number:
            mark = self._mark = (number, self._mark_of(number))
        return mark[1]

    def settle(self, position: int, mark: str) -> None:
        """Take over the mark of the same plan for a position.

        Raises
        ------
        ValueError
            When it cannot be one.
        """
        number = min(position, self._total - 1) // self._block_positions
        start = number * self._block_positions
        ahead = np.unpackbits(np.frombuffer(bytes.fromhex(mark), np.uint8), count=len(self._targets))
        counts = self._targets * start // self._total + ahead
        if int(counts.sum()) != start:
            raise ValueError(f"the mark {mark!r} is not that of position {position} of this plan")
        self._keep(number, counts)

    def _mark_of(self, number: int) -> str:
        ahead = self._counts_before(number) > self._targets * (number * self._block_positions) // self._total
        return np.packbits(ahead).tobytes().hex()

    def _counts_before(self, number: int) -> Numbers:
        """Return how many draws of each leaf there are before a block; of the last and one, all."""
        known = self._known
        nearest = max(before for before in known if before <= number)
        counts = known[nearest]
        for i in range(nearest, number):
            start = i * self._block_positions
            end = min(start + self._block_positions, self._total)
            counts = _counts_after(counts, self._targets, start, end)
            self._keep(i + 1, counts)
        return counts

    def _keep(self, number: int, counts: Numbers) -> None:
        """Keep the counts before a block: those of the first, and ever fewer of the others."""
        known = dict(self._known)
        if len(known) >= _COUNTS_KEPT:
            for every_other in sorted(known)[2::2]:
                del known[every_other]
        self._known = known | {number: counts}

    def _block(self, number: int) -> Block:
        start = number * self._block_positions
        before, after = self._counts_before(number), self._counts_before(number + 1)
        leaves = np.repeat(np.arange(len(before)), after - before)
        draws = before[leaves] + ranges(after - before)
        targets = self._targets[leaves]
        releases = np.maximum(draws * self._total // targets - start, 0)
        deadlines = np.minimum(-(-(draws + 1) * self._total // targets) - start, len(draws)) - 1
        if self._turns is None:
            leaves = leaves[_earliest_deadline_first(releases, deadlines)]
        else:
            slots = np.argsort(self._turns.leaves(before, after, start), kind="stable")
            leaves[into_windows(slots, releases, deadlines)] = leaves.copy()
        # Draws of a leaf are numbered as they stand: among themselves they may have changed places.
        by_leaf = np.argsort(leaves, kind="stable")
        draws[by_leaf] = draws.copy()
        return Block(start, leaves, draws)


def _counts_after(before: Numbers, targets: Numbers, start: int, end: int) -> Numbers:
    """Return how many draws of each leaf there are before position `end`, given those before `start`.

    They are those of the earliest deadline first. A draw that has to come before `end` goes before any that
    may come later, so that these get the slots at which none of the former waits: which these are depends on
    when draws are released, and not on the order in which they are placed.
    """
    total = int(targets.sum())
    counts = np.maximum(before, targets * end // total)
    leaves = np.repeat(np.arange(len(targets)), counts - before)
    draws = before[leaves] + ranges(counts - before)
    releases = np.maximum(draws * total // targets[leaves] - start, 0)
    released = np.cumsum(np.bincount(releases, minlength=end - start))
    idle = np.maximum.accumulate(np.maximum(np.arange(1, end - start + 1) - released, 0))
    open_slots = start + np.flatnonzero(np.diff(idle, prepend=0))
    may_wait = np.flatnonzero(counts * total < targets * end)
    if len(open_slots):
        counts[may_wait[_placed(open_slots, counts[may_wait], targets[may_wait], total)]] += 1
    return counts


def _placed(slots: Numbers, draws: Numbers, targets: Numbers, total: int) -> list[int]:
    """Return which of some draws, each of another leaf, get some slots."""
    releases = draws * total // targets
    deadlines = (-(-(draws + 1) * total // targets)).tolist()
    by_release = np.argsort(releases, kind="stable")
    ends = np.searchsorted(releases[by_release], slots, side="right").tolist()
    order = by_release.tolist()
    waiting: list[tuple[int, int]] = []
    placed, first = [], 0
    for end in ends:
        for i in order[first:end]:
            heappush(waiting, (deadlines[i], i))
        first = end
        placed.append(heappop(waiting)[1])
    return placed


def _earliest_deadline_first(releases: Numbers, deadlines: Numbers) -> Numbers:
    """Return which draw stands at each position, given the first and the last position of each."""
    by_release = np.argsort(releases, kind="stable")
    due = list(zip(deadlines[by_release].tolist(), by_release.tolist(), strict=True))
    released = np.searchsorted(releases[by_release], np.arange(len(due)), side="right").tolist()
    waiting: list[tuple[int, int]] = []
    placed, first = [], 0
    for end in released:
        for each in due[first:end]:
            heappush(waiting, each)
        first = end
        placed.append(heappop(waiting)[1])
    return np.array(placed, np.int64)
