"""From leaves and what is asked for to a plan."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Final

import msgspec

from audio_flan.mixing.arguments import above_zero, number, one_of, seed_of, shares_of, weights_of, whole
from audio_flan.mixing.errors import InfeasibleError, MixtureError, Shortfall
from audio_flan.mixing.feasibility import contradictions, default_budget, shortfalls
from audio_flan.mixing.groups import Group, in_unit, make_groups, row_ceiling, share_out
from audio_flan.mixing.leaves import LEVELS, Leaf, check_leaves
from audio_flan.mixing.mixture import Mixture, check_together
from audio_flan.mixing.plan import Plan, PlannedLeaf
from audio_flan.mixing.row_filter import NO_FILTER, RowFilter
from audio_flan.mixing.units import UNITS, Unit, exact, quanta

_MOST_EPOCHS: Final = 1_000_000


def rebalance_leaves(
    leaves: Iterable[Leaf],
    *,
    revision: str,
    split: str = "train",
    by: str = "task",
    direction: Mapping[str, float] | None = None,
    domain: Mapping[str, float] | None = None,
    task: Mapping[str, float] | None = None,
    corpus: Mapping[str, float] | None = None,
    alpha: float | None = None,
    cap: float | None = None,
    unimax: float | None = None,
    weights: Mapping[str, float] | None = None,
    budget: float | None = None,
    unit: Unit = "rows",
    codec_rate: float | None = None,
    max_epochs: float = 4.0,
    min_share: float = 0.0,
    nearest: bool = False,
    seed: int = 0,
    row_filter: RowFilter = NO_FILTER,
) -> Plan:
    """Plan how many rows to draw of each leaf.

    The budget is shared out level by level: first by the targets, in the order direction, domain, task,
    corpus; inside the innermost of these among the values of `by`, by one rule; and inside each value in
    proportion to what there is. At each level, what is over its ceiling is held there and the rest shared
    out among the others. The same leaves in any order give the same plan, and a larger budget never takes a
    row away.

    Parameters
    ----------
    leaves : iterable of Leaf
        What there is; see `count_leaves`.
    revision : str
        Of the data: a plan refuses any other.
    by : {"direction", "domain", "task", "corpus"}
        Level that the rule applies to, unless it has targets.
    direction, domain, task, corpus : mapping of str to float, optional
        Targets: shares that sum to 1. A name that is left out gets nothing. Inside a group of an outer level,
        they are taken of the names that have rows there.
    alpha : float, optional
        Exponent from 0 to 1: shares in proportion to amount to the power of alpha (temperature T = 1 /
        alpha).
    cap : float, optional
        What an amount counts at most, in the unit; before alpha.
    unimax : float, optional
        The same for all, and at most so many epochs.
    weights : mapping of str to float, optional
        Shares by hand, of the values of `by`; a name that is left out gets nothing.
    budget : float, optional
        In the unit. By default one pass over all that takes part, or less where that is the most at which
        the targets hold.
    unit : {"rows", "input_seconds", "target_seconds", "target_tokens"}
        What shares, budget and cap are counted in. What has nothing of it is not drawn.
    codec_rate : float, optional
        Tokens per second of output audio; ``target_tokens`` needs it.
    max_epochs : float
        How often a row may be drawn, on average over its leaf.
    min_share : float
        Least part of the budget that each value of `by` gets, as far as its ceiling allows.
    nearest : bool
        Whether targets that cannot be met are taken as far as they can be; the outer levels go first. Targets
        that can be met stay as they are.
    seed : int
        Decides which rows are drawn, not how many.
    row_filter : RowFilter
        What the rows of the leaves have passed; noted in the plan.

    Raises
    ------
    UnknownNameError
        For a level, unit or value that does not exist.
    MixtureError
        For arguments that make no sense, and where there are no rows.
    InfeasibleError
        For targets that the rows cannot meet.
    """
    checked = check_leaves(leaves)
    one_of("level", by, LEVELS)
    one_of("unit", unit, UNITS)
    whole_seed = seed_of(seed)
    mixture = Mixture(
        by=by,
        direction=None if direction is None else shares_of("direction", direction, checked),
        domain=None if domain is None else shares_of("domain", domain, checked),
        task=None if task is None else shares_of("task", task, checked),
        corpus=None if corpus is None else shares_of("corpus", corpus, checked),
        alpha=None if alpha is None else number("alpha", alpha, most=1),
        cap=None if cap is None else above_zero("cap", cap),
        unimax=None if unimax is None else above_zero("unimax", unimax),
        weights=None if weights is None else weights_of(by, weights, checked),
        budget=None if budget is None else (whole if unit == "rows" else above_zero)("budget", budget),
        unit=unit,
        codec_rate=None if codec_rate is None else above_zero("codec_rate", codec_rate),
        max_epochs=above_zero("max_epochs", max_epochs, most=_MOST_EPOCHS),
        min_share=number("min_share", min_share, most=1),
        nearest=nearest,
    )
    check_together(mixture)
    root = make_groups(checked, mixture)
    total, missing = _settle_budget(root, mixture)
    planned = _plan_leaves(checked, root, mixture, total)
    return Plan(mixture, tuple(planned), tuple(missing), revision, split, whole_seed, row_filter)


def _settle_budget(root: Group, mixture: Mixture) -> tuple[int, list[Shortfall]]:
    """Return the quanta to share out, and what cannot be met."""
    if not root.amount:
        raise MixtureError(f"there are no {mixture.unit} in what the targets and weights name")
    if mixture.budget is None:
        budget = default_budget(root)
    else:
        budget = int(exact(mixture.budget) * quanta(mixture.unit))
    contradicting = contradictions(root, mixture, budget)
    missing = contradicting + shortfalls(root, mixture, budget)
    if missing and not mixture.nearest:
        largest = 0.0 if contradicting else in_unit(root.attainable, mixture)
        raise InfeasibleError(tuple(missing), mixture.unit, mixture.epoch_ceiling, largest)
    return min(budget, root.capacity), missing


def _plan_leaves(leaves: Sequence[Leaf], root: Group, mixture: Mixture, total: int) -> list[PlannedLeaf]:
    """Share `total` quanta out and turn those of each leaf into rows, by the mean amount of its rows."""
    targets, clipped = [0] * len(leaves), [False] * len(leaves)
    for i, part, amount, held in share_out(root, total):
        rows = Fraction(part * leaves[i].available, amount)
        targets[i] = min(int(rows + _rounding(i)), row_ceiling(leaves[i], mixture))
        clipped[i] = held
    if not any(targets):
        raise MixtureError(
            f"the plan would draw no row: the budget is too small, {mixture.budget} {mixture.unit}"
        )
    facts = zip(leaves, targets, clipped, strict=True)
    return [
        PlannedLeaf(**msgspec.structs.asdict(leaf), target=target, clipped=held)
        for leaf, target, held in facts
    ]


def _rounding(i: int) -> Fraction:
    """Return what is added before rounding down: a half for the first, then evenly spread between 0 and 1.

    So of ten leaves with 0.3 rows each about three get one, where rounding to the nearest would leave all of
    them empty; and no target falls when the budget rises. (The van der Corput sequence: the bits reversed.)
    """
    bits = f"{i + 1:b}"
    return Fraction(int(bits[::-1], 2), 2 ** len(bits))
