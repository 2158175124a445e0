"""Which rows pass the filter of a plan, as bits: Polars, which says so, must not be used after a fork."""

from collections.abc import Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from audio_flan.mixing import RowFilter
from audio_flan.mixing.conditions import conditions, passes
from audio_flan.shards import FileFacts
from audio_flan.streaming.row_groups import RowGroups
from audio_flan.streaming.shard_rows import ShardRows

Bits = NDArray[np.uint8]
"""A bit for each row of a row group, packed."""


def passing_rows(
    source: ShardRows, files: list[FileFacts], groups: Iterable[int], row_filter: RowFilter
) -> dict[int, Bits]:
    """Read what a filter looks at, and return which rows of some row groups pass it."""
    corpora = sorted({count.corpus for count in source.manifest.counts})
    kept = passes(conditions(row_filter, corpora))
    columns = list(dict.fromkeys(("uuid", *kept.meta.root_names())))
    looked_at = RowGroups(source, files, columns, budget_bytes=1)
    return {
        group: np.packbits(pl.DataFrame(looked_at.table(group)).select(kept=kept)["kept"].to_numpy())
        for group in groups
    }
