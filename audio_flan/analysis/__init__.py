"""What is in the data: instances as a table of Polars, filters, statistics, plans."""

from audio_flan.analysis.filtering import Filtered, FilterSummary, filter_rows
from audio_flan.analysis.rebalancing import rebalance
from audio_flan.analysis.scan import scan
from audio_flan.analysis.selection import Selection, select, select_planned
from audio_flan.analysis.table import Part, Table, open_table, splits_of

__all__ = [
    "FilterSummary",
    "Filtered",
    "Part",
    "Selection",
    "Table",
    "filter_rows",
    "open_table",
    "rebalance",
    "scan",
    "select",
    "select_planned",
    "splits_of",
]
