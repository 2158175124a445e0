"""What is in the data: instances as a table of Polars, filters, statistics."""

from audio_flan.analysis.scan import scan
from audio_flan.analysis.table import Part, Table, open_table, splits_of

__all__ = ["Part", "Table", "open_table", "scan", "splits_of"]
