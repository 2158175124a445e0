"""The streaming engine; imports no ``datasets`` and no torch."""

from audio_flan.streaming.engine import RowStream, resolve_splits, stream
from audio_flan.streaming.failures import ConsecutiveFailuresError
from audio_flan.streaming.release_rows import ReleaseRows
from audio_flan.streaming.roots import open_root
from audio_flan.streaming.rows import OnError, Row, Wish
from audio_flan.streaming.source import RowSource

__all__ = [
    "ConsecutiveFailuresError",
    "OnError",
    "ReleaseRows",
    "Row",
    "RowSource",
    "RowStream",
    "Wish",
    "open_root",
    "resolve_splits",
    "stream",
]
