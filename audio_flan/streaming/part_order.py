"""Every n-th position of an order, and how positions stand in states."""

from typing import Any

from audio_flan.streaming.mixed_order import MixedOrder
from audio_flan.streaming.order import Numbers, Order


class PartOrder:
    """The positions `index`, `index` + `parts`, ... of an order, counted from 0.

    Parameters
    ----------
    order : Order or MixedOrder
    epoch : int
        Of which it is the order.
    index, parts : int
        0 and 1 for all.
    """

    def __init__(self, order: Order | MixedOrder, epoch: int, index: int = 0, parts: int = 1) -> None:
        self._order, self.epoch, self._index, self._parts = order, epoch, index, parts

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(range(self._index, len(self._order), self._parts))

    def places(self, positions: Numbers) -> tuple[Numbers, Numbers]:
        """Return what stands at some positions: the number of each row's group, and its number in it."""
        return self._order.places(self.whole(positions))

    def whole(self, positions: Numbers) -> Numbers:
        """Return positions in the whole order."""
        return self._index + self._parts * positions

    def leaf_numbers(self, positions: Numbers) -> Numbers:
        """Return which leaf of the plan is drawn of at each position; int64, shape (rows,).

        Raises
        ------
        ValueError
            When there is no plan.
        """
        if not isinstance(self._order, MixedOrder):
            raise ValueError("a stream without a plan draws of no leaves")  # noqa: TRY004 - of its arguments
        return self._order.leaves(self.whole(positions))

    def at(self, position: int) -> dict[str, Any]:
        """Return a position as it stands in a state: with a plan, also what spares counting up to it."""
        if isinstance(self._order, Order):
            return {"position": position}
        return {"position": position, "turns": self._order.mark(self._index + self._parts * position)}

    def expect(self, state: dict[str, Any]) -> None:
        """Make use of what `at` has said of the position at which rows are to be asked for."""
        if isinstance(self._order, MixedOrder):
            position = self._index + self._parts * state["position"]
            self._order.settle(position, state["turns"])
