"""The columns that a table of instances has in every form of the data."""

from typing import Final

import polars as pl

from audio_flan.records.schema import AUDIO_COLUMNS, COLUMNS

_LISTS: Final = {
    "source": pl.List(pl.String),
    "input_audio_ids": pl.List(pl.String),
    "output_audio_ids": pl.List(pl.String),
    "input_seconds": pl.List(pl.Float64),
    "output_seconds": pl.List(pl.Float64),
}
ROW_SCHEMA: Final = pl.Schema(
    {
        column: _LISTS.get(column, pl.Boolean() if column == "unseen" else pl.String())
        for column in COLUMNS
        if column not in AUDIO_COLUMNS
    }
)
"""Columns of `scan`: those of a row but for the audio.

The lists of seconds have one value for each clip, null for one that cannot be opened.
"""
