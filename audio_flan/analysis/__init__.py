"""What is in the data: instances as a table of Polars, filters, statistics, plans."""

from audio_flan.analysis.auditing import LedgerAudit, audit_ledger
from audio_flan.analysis.filtering import Filtered, FilterSummary, filter_rows
from audio_flan.analysis.labels.statistics import LabelStatistics, label_statistics
from audio_flan.analysis.ledger_counts import EpochAudit
from audio_flan.analysis.rebalancing import rebalance
from audio_flan.analysis.scan import scan
from audio_flan.analysis.selection import Selection, select, select_planned
from audio_flan.analysis.statistics.measured import Stats
from audio_flan.analysis.statistics.measuring import stats
from audio_flan.analysis.statistics.paper import compare_with_paper
from audio_flan.analysis.table import Part, Table, open_table, splits_of
from audio_flan.analysis.wordings.statistics import WordingStatistics, wording_statistics

__all__ = [
    "EpochAudit",
    "FilterSummary",
    "Filtered",
    "LabelStatistics",
    "LedgerAudit",
    "Part",
    "Selection",
    "Stats",
    "Table",
    "WordingStatistics",
    "audit_ledger",
    "compare_with_paper",
    "filter_rows",
    "label_statistics",
    "open_table",
    "rebalance",
    "scan",
    "select",
    "select_planned",
    "splits_of",
    "stats",
    "wording_statistics",
]
