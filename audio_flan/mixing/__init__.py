"""Rebalancing: what there is and what is asked for in, a plan out, and which rows it draws."""

from audio_flan.mixing.errors import InfeasibleError, MixtureError, PlanError, Shortfall
from audio_flan.mixing.leaves import LEVELS, Leaf, count_leaves
from audio_flan.mixing.measures import Balance, Totals
from audio_flan.mixing.mixture import Mixture
from audio_flan.mixing.plan import Plan, PlannedLeaf, open_plan
from audio_flan.mixing.rebalance import rebalance_leaves
from audio_flan.mixing.row_filter import LICENCES, NO_FILTER, SCRIPTS, Licence, RowFilter, check_filter
from audio_flan.mixing.row_keys import row_key, row_keys
from audio_flan.mixing.selection import IDENTITY_COLUMNS, Cut, cut, draws, row_identity
from audio_flan.mixing.units import BYTES_PER_TOKEN, UNITS

__all__ = [
    "BYTES_PER_TOKEN",
    "IDENTITY_COLUMNS",
    "LEVELS",
    "LICENCES",
    "NO_FILTER",
    "SCRIPTS",
    "UNITS",
    "Balance",
    "Cut",
    "InfeasibleError",
    "Leaf",
    "Licence",
    "Mixture",
    "MixtureError",
    "Plan",
    "PlanError",
    "PlannedLeaf",
    "RowFilter",
    "Shortfall",
    "Totals",
    "check_filter",
    "count_leaves",
    "cut",
    "draws",
    "open_plan",
    "rebalance_leaves",
    "row_identity",
    "row_key",
    "row_keys",
]
