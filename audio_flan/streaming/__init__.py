"""The streaming engine; imports no ``datasets`` and no torch."""

from audio_flan.streaming.engine import RowStream, resolve_splits, stream
from audio_flan.streaming.rows import OnError, Row

__all__ = ["OnError", "Row", "RowStream", "resolve_splits", "stream"]
