"""Columns of a table of clips, and those by which a table of instances is cut."""

from typing import Final

import polars as pl

CLIP_SCHEMA: Final = pl.Schema(
    {
        "id": pl.String(),
        "sampling_rate": pl.Int32(),
        "channels": pl.Int16(),
        "frames": pl.Int64(),
        "format": pl.String(),
    }
)
"""Columns of a table of clips: ``sampling_rate`` in Hz, ``frames`` in samples per channel."""
KEY_COLUMNS: Final = ("split", "domain", "major", "minor", "task", "direction", "corpus")
"""Columns that repeat themselves through a file: by them, files are left unopened."""
