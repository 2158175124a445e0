"""Leaves that take turns by chance, each within one row of its share at every position.

Leaves are joined two by two into a tree: small ones and equal ones first, then what is left, by size. From
the top, the slots of every pair are divided between its two: of those up to any position, the first gets its
part, a number with a fraction, or the nearest that keeps both in their windows. That number is then rounded,
up or down by chance, up as often as the fraction says, and a slot goes to the first where the rounded number
grows (dependent rounding).

Where windows are narrow, keeping to them moves draws to the same side again and again: to the slots that are
late in a window, say. What is early or late for two leaves comes back every few positions where shares have
small denominators, and so to the same ranks. So the part of the first is corrected, for each phase of the
windows, until it is on average what is due at that phase.

Two that stay in their windows together may still, somewhere, have too few slots for each to stay in its own.
The few draws that are out of their windows then get others, by augmenting paths.
"""

from bisect import bisect_left
from collections import deque
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audio_flan.streaming.hashes import Key, hashes
from audio_flan.streaming.order import Numbers

_UNITS: Final = 1 << 20
"""Parts of a row in which is counted how many rows a leaf has had."""
_PHASES: Final = 16
"""Phases of a window that are told apart."""
_NARROW: Final = 64
"""Parts of a pair are corrected where windows are no wider, and where one slot of as many asks for it."""
_SMALL: Final = 20
"""A leaf with no more than this part of the rows is joined with the next larger, equal or not."""
_EQUAL: Final = 100
"""Leaves are as good as equal when they differ by this part at most."""
_CORRECTIONS: Final = 12
_PACE: Final = 1.5


class _Split(NamedTuple):
    """A node of the tree and its two; leaves are the first nodes."""

    node: int
    one: int
    other: int


class RandomTurns:
    """Gives the slots of a block to leaves.

    Parameters
    ----------
    targets : numpy.ndarray
        int64, shape (leaves,): rows of each, all positive.
    key : numpy.uint64
        Decides between orders.
    """

    def __init__(self, targets: Numbers, key: Key) -> None:
        self._key, self._total = key, int(targets.sum())
        self._splits: list[_Split] = []
        self._targets = targets.tolist()
        waiting = [(target, leaf) for leaf, target in enumerate(self._targets)]
        heapify(waiting)
        peeled = []
        while len(waiting) > 1:
            target, one = heappop(waiting)
            if target * _SMALL > self._total and waiting[0][0] - target > target // _EQUAL:
                peeled.append(one)
            else:
                node = self._joined(one, heappop(waiting)[1])
                heappush(waiting, (self._targets[node], node))
        rest = waiting[0][1]
        for one in reversed(peeled):
            rest = self._joined(one, rest)

    def _joined(self, one: int, other: int) -> int:
        node = len(self._targets)
        self._splits.append(_Split(node, one, other))
        self._targets.append(self._targets[one] + self._targets[other])
        return node

    def leaves(self, before: Numbers, after: Numbers, start: int) -> Numbers:
        """Return the leaf at each slot from `start` on, each nearly always in its windows.

        Parameters
        ----------
        before, after : numpy.ndarray
            int64, shape (leaves,): how many draws of each leaf there are before the block and its end.
        start : int

        Returns
        -------
        numpy.ndarray
            int64, shape (slots of the block,).
        """
        end = start + int((after - before).sum())
        first, last = before.tolist(), after.tolist()
        for _, one, other in self._splits:
            first.append(first[one] + first[other])
            last.append(last[one] + last[other])
        leaves = np.zeros(end - start, np.int64)
        slots = {len(first) - 1: np.arange(start, end)}
        for node, one, other in reversed(self._splits):
            held = slots.pop(node)
            # Each of the two, its target and how many draws of it there are before the block and its end.
            shares = [(self._targets[part], first[part], last[part]) for part in (one, other)]
            chance = (hashes(self._key, np.full_like(held, node), held) >> np.uint64(11)).astype(
                np.float64
            ) / 2**53
            to_one = _rounded(self._shared(held, start, end, *shares), chance)
            for part, its in ((one, held[to_one]), (other, held[~to_one])):
                if part < len(before):
                    leaves[its - start] = part
                else:
                    slots[part] = its
        return leaves

    def _shared(
        self,
        slots: Numbers,
        start: int,
        end: int,
        one: tuple[int, int, int],
        other: tuple[int, int, int],
    ) -> Numbers:
        """Return how much the first of two has had of their slots, after none and after each: in `_UNITS`."""
        target, before, after = one
        other_target, other_before, other_after = other
        both = np.arange(before + other_before, after + other_after + 1)
        since, until = np.insert(slots + 1, 0, start), np.append(slots, end)
        total = self._total
        least = np.maximum(
            np.clip(until * target // total, before, after),
            both - np.clip(-(-since * other_target // total), other_before, other_after),
        )
        most = np.minimum(
            np.clip(-(-since * target // total), before, after),
            both - np.clip(until * other_target // total, other_before, other_after),
        )
        # Whatever others have left them, it goes from the one count to the other, a row at a time.
        lowest = np.maximum(both - both[-1] + after, before)
        highest = np.minimum(both - both[0] + before, after)
        least, most = np.clip(least, lowest, highest), np.clip(most, lowest, highest)
        least, most = _growing(least * _UNITS, latest=False), _growing(most * _UNITS, latest=True)
        part = _divided(both, target, target + other_target)
        astray = np.count_nonzero((part < least) | (part > most))
        if min(target, other_target) * _NARROW < total or astray * _NARROW < len(both):
            return np.minimum(np.maximum(part, least), most)

        positions = np.arange(start + 1, end + 1)
        phases = positions * target % total * _PHASES // total
        phases = phases * _PHASES + positions * other_target % total * _PHASES // total
        often = np.maximum(np.bincount(phases, minlength=_PHASES**2), 1)
        due = _divided(positions, target, total)
        taken = np.searchsorted(slots, positions)
        at = np.append(0, phases[slots - start])
        correction = np.zeros(_PHASES**2)
        for _ in range(_CORRECTIONS):
            had = _kept(part + np.rint(correction).astype(np.int64)[at], least, most)
            missing = np.bincount(phases, (due - had[taken]).astype(np.float64), minlength=_PHASES**2)
            correction += _PACE * missing / often
        return _kept(part + np.rint(correction).astype(np.int64)[at], least, most)


def _divided(numbers: Numbers, part: int, whole: int) -> Numbers:
    """Return numbers times part / whole, in `_UNITS`."""
    down, rest = np.divmod(numbers * part, whole)
    return np.asarray(down * _UNITS + rest * _UNITS // whole)


def _growing(bounds: Numbers, *, latest: bool) -> Numbers:
    """Return the bounds, least or `latest`, of what keeps to them and grows by a unit at most each time."""
    steps = np.arange(len(bounds)) * _UNITS
    if latest:
        bounds = np.minimum.accumulate(bounds[::-1])[::-1]
        return np.minimum.accumulate(bounds - steps) + steps
    bounds = np.maximum.accumulate(bounds)
    return np.maximum.accumulate((bounds - steps)[::-1])[::-1] + steps


def _kept(numbers: Numbers, least: Numbers, most: Numbers) -> Numbers:
    """Return what is within bounds and grows, by a unit at most each time."""
    steps = np.arange(len(numbers)) * _UNITS
    grown = np.maximum.accumulate(np.minimum(np.maximum(numbers, least), most))
    return np.minimum.accumulate(grown - steps) + steps


def _rounded(had: Numbers, chance: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return at which slots a number that grows by one at most, rounded up or down by chance, grows by one.

    It is a chain of two states. From slot to slot, a number that was rounded down may come to be rounded up;
    or where the next whole number is reached, one that was rounded up to it may come to be rounded down. Each
    step leaves the state as it is or makes it a certain one: the last that did decides.
    """
    down, part = np.divmod(had, _UNITS)
    reaches = down[1:] > down[:-1]
    changes = np.where(
        reaches, chance * part[:-1] >= part[1:], chance * (_UNITS - part[:-1]) < part[1:] - part[:-1]
    )
    last = np.maximum.accumulate(np.where(changes, np.arange(1, len(had)), 0))
    up = np.append(False, ~reaches)[last]
    return np.asarray(np.diff(down + np.append(False, up)) > 0)


def into_windows(slots: Numbers, releases: Numbers, deadlines: Numbers) -> Numbers:
    """Give draws that are out of their windows other slots, and few of the others with them.

    Parameters
    ----------
    slots, releases, deadlines : numpy.ndarray
        int64, shape (draws,): where each stands, a permutation; and the first and the last slot where it may.
        There has to be a way for all to stand in their windows.

    Returns
    -------
    numpy.ndarray
        int64, shape (draws,): where each stands then.
    """
    astray = np.flatnonzero((slots < releases) | (slots > deadlines)).tolist()
    if not astray:
        return slots
    free = sorted(slots[astray].tolist())
    holder, placed = np.argsort(slots).tolist(), slots.tolist()
    firsts, ends = releases.tolist(), (deadlines + 1).tolist()
    for draw in astray:
        # Breadth first: draws whose slots it could take, those whose slots these could, up to a free slot.
        came_from = {draw: draw}
        queue = deque([draw])
        low = high = firsts[draw]
        while True:
            each = queue.popleft()
            first, end = firsts[each], ends[each]
            found = bisect_left(free, first)
            if found < len(free) and free[found] < end:
                break
            if first < low or end > high:
                others = holder[first:low] + holder[high:end]
                came_from.update(dict.fromkeys(others, each))
                queue.extend(others)
                low, high = min(first, low), max(end, high)
        slot = free.pop(found)
        while True:
            left = placed[each]
            placed[each], holder[slot] = slot, each
            if each == draw:
                break
            each, slot = came_from[each], left
    return np.array(placed, np.int64)
