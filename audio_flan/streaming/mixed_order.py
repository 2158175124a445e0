"""The order of the rows that a plan draws: leaves take turns, and each is gone through pass by pass."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from audio_flan.mixing import PlanError, PlannedLeaf
from audio_flan.streaming.hashes import make_key
from audio_flan.streaming.interleave import INTERLEAVE_VERSION, Interleave
from audio_flan.streaming.leaf_rows import LeafRows
from audio_flan.streaming.order import SHORT_RUNS, Numbers, Order, Reach, look_up

_PASSES_KEPT: Final = 2
"""Passes over a leaf whose order is kept: rows of the end of one and the start of the next are asked for."""


class MixedOrder:
    """The order of the rows of one epoch of a plan: as many as it draws.

    Rows of a leaf come from an endless walk, of which each pass over the leaf is a permutation of its own;
    an epoch goes on where the one before has ended. So after any number of epochs, how often two rows of a
    leaf were drawn differs by one at most. The windows in which a leaf is shuffled are as large as its share.

    Parameters
    ----------
    rows : LeafRows
        Of the leaves.
    leaves : sequence of PlannedLeaf
        Those with a target.
    seed : int, optional
        None for leaves in the order of the files.
    epoch : int
    reach : Reach
        From how far apart rows come, of all leaves together.

    Raises
    ------
    PlanError
        When the data have other rows of a leaf than the plan says.
    """

    def __init__(
        self,
        rows: LeafRows,
        leaves: Sequence[PlannedLeaf],
        seed: int | None = None,
        epoch: int = 0,
        *,
        reach: Reach = SHORT_RUNS,
    ) -> None:
        self._rows, self._leaves, self._seed, self._epoch, self._reach = rows, leaves, seed, epoch, reach
        for number, leaf in enumerate(leaves):
            if (found := int(rows.groups(number).rows.sum())) != leaf.available:
                name = " / ".join(leaf.key)
                raise PlanError(
                    f"the plan says that {name} has {leaf.available:,} rows, the data have {found:,}"
                )
        key = None if seed is None else make_key(INTERLEAVE_VERSION, seed, epoch, "turns")
        self._turns = Interleave(np.array([leaf.target for leaf in leaves], np.int64), key)
        self._passes: OrderedDict[tuple[int, int], Order] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_passes": OrderedDict()}

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._turns)

    def leaves(self, positions: Numbers) -> Numbers:
        """Return the number of the leaf at each position."""
        return look_up(positions, self._turns.block_at)[0]

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
        leaves, draws = look_up(positions, self._turns.block_at)
        groups, numbers = np.empty_like(positions), np.empty_like(positions)
        for leaf in np.unique(leaves).tolist():
            here = leaves == leaf
            groups[here], numbers[here] = self._places_of(leaf, draws[here])
        return groups, numbers

    def mark(self, position: int) -> str:
        """Return what spares another one of this order counting up to a position; see `Interleave`."""
        return self._turns.mark(position)

    def settle(self, position: int, mark: str) -> None:
        """Take over a mark for a position.

        Raises
        ------
        ValueError
            When it cannot be one.
        """
        self._turns.settle(position, mark)

    def _places_of(self, leaf: int, draws: Numbers) -> tuple[Numbers, Numbers]:
        """Return groups and numbers of some draws of a leaf in this epoch."""
        planned, held = self._leaves[leaf], self._rows.groups(leaf)
        passes_before, rows_before = divmod(self._epoch * planned.target, planned.available)
        passes, rows = np.divmod(rows_before + draws, planned.available)
        groups, places = np.empty_like(draws), np.empty_like(draws)
        for number in np.unique(passes).tolist():
            here = passes == number
            places_of_pass = self._order(leaf, passes_before + number).places(rows[here])
            groups[here], places[here] = held.groups[places_of_pass[0]], places_of_pass[1]
        return groups, self._rows.numbers(leaf, groups, places)

    def _order(self, leaf: int, number: int) -> Order:
        """Return the order of a pass over a leaf."""
        found = self._passes.pop((leaf, number), None)
        if found is None:
            planned = self._leaves[leaf]
            found = Order(
                self._rows.groups(leaf).rows,
                self._seed,
                number,
                part="/".join(planned.key),
                reach=self._reach.of_share(planned.target / len(self)),
            )
        self._passes[leaf, number] = found
        if len(self._passes) > _PASSES_KEPT * len(self._leaves):
            self._passes.popitem(last=False)
        return found
