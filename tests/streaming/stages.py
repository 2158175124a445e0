"""An epoch that is gone through in stages, each on another number of ranks."""

from collections.abc import Callable, Iterable
from itertools import islice
from random import Random
from typing import Any

import msgspec

STATE_BYTES = 10_000
"""No state may be larger."""


def epoch_in_stages(
    stream_of: Callable[[int, int], Any],
    names: Callable[[Iterable[Any]], list[Any]],
    chance: Random,
    most_steps: int,
) -> tuple[list[Any], int]:
    """Go through an epoch in three stages on random numbers of ranks.

    After each stage all ranks are in the same state, which goes through JSON to those of the next one.

    Parameters
    ----------
    stream_of
        Gives the stream of a rank of so many.
    names
        Gives the names of rows.
    most_steps
        That the ranks make in a stage but the last.

    Returns
    -------
    list
        The names in the order of the positions.
    int
        Number of ranks at the end.
    """
    found, state = [], None
    for last in (False, False, True):
        world_size = chance.randint(1, 8)
        ranks = [stream_of(rank, world_size) for rank in range(world_size)]
        if state:
            for rank in ranks:
                rank.load_state_dict(state)
        steps = None if last else chance.randint(0, most_steps)
        taken = [names(islice(rank, steps)) for rank in ranks]
        assert len({len(each) for each in taken}) == 1
        found += [row for step in zip(*taken, strict=True) for row in step]
        states = {msgspec.json.encode(rank.state_dict()) for rank in ranks}
        assert len(states) == 1
        assert len(min(states)) < STATE_BYTES
        state = msgspec.json.decode(states.pop())
    return found, world_size
