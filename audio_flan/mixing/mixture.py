"""What a plan is asked for."""

import math

import msgspec

from audio_flan.mixing.errors import MixtureError
from audio_flan.mixing.leaves import LEVELS
from audio_flan.mixing.units import Unit

Numbers = tuple[tuple[str, float], ...]
"""Names and their numbers, sorted by name."""


class Mixture(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan is asked for; the fields are the parameters of `rebalance_leaves`.

    The shares of a level are kept as they were given; they are divided by their sum when they are used.
    """

    by: str = "task"
    direction: Numbers | None = None
    domain: Numbers | None = None
    task: Numbers | None = None
    corpus: Numbers | None = None
    alpha: float | None = None
    cap: float | None = None
    unimax: float | None = None
    weights: Numbers | None = None
    budget: int | float | None = None
    unit: Unit = "rows"
    codec_rate: float | None = None
    max_epochs: float = 4.0
    min_share: float = 0.0
    nearest: bool = False

    @property
    def targets(self) -> dict[str, dict[str, float]]:
        """Shares by level and name of the levels that have targets, the outermost first."""
        given = {level: getattr(self, level) for level in LEVELS}
        return {level: dict(shares) for level, shares in given.items() if shares is not None}

    @property
    def epoch_ceiling(self) -> float:
        """How often a row may be drawn, on average over its leaf."""
        return self.max_epochs if self.unimax is None else self.unimax

    @property
    def temperature(self) -> float:
        """T = 1 / alpha, as other toolkits have it; infinite for alpha 0, and 1 for proportional shares."""
        alpha = 1.0 if self.alpha is None else self.alpha
        return 1 / alpha if alpha else math.inf


def check_together(mixture: Mixture) -> None:
    """Refuse what does not go together.

    Raises
    ------
    MixtureError
    """
    rules = [name for name in ("alpha", "cap", "unimax", "weights") if getattr(mixture, name) is not None]
    if len(rules) > 1 and rules != ["alpha", "cap"]:
        raise MixtureError(f"{' and '.join(rules)} exclude each other; only alpha and cap go together")
    if mixture.min_share:
        rules.append("min_share")
    if rules and mixture.by in mixture.targets:
        message = (
            f"{rules[0]} has nothing to share out: the level {mixture.by!r} has targets; say another by="
        )
        raise MixtureError(message)
    if mixture.unimax is not None and mixture.unimax > mixture.max_epochs:
        message = f"unimax={mixture.unimax:g} is over max_epochs={mixture.max_epochs:g}: raise max_epochs"
        raise MixtureError(message)
