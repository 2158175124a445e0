"""Statistics for people and other programs: tables, Markdown, CSV, charts, one HTML page."""

from audio_flan.analysis.report.tables import tables_of
from audio_flan.analysis.report.text import as_csv, as_markdown
from audio_flan.analysis.report.values import ValueTable

__all__ = ["ValueTable", "as_csv", "as_markdown", "tables_of"]
