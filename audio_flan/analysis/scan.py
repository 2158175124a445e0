"""The instances of a root as a lazy table of Polars."""

import os
from collections.abc import Collection
from typing import TYPE_CHECKING

from audio_flan.analysis.table import open_table, splits_of
from audio_flan.release.report import Progress

if TYPE_CHECKING:
    import polars as pl


def scan(
    root: str | os.PathLike[str],
    config: str = "all",
    split: str | Collection[str] | None = None,
    *,
    token: str | bool | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> "pl.LazyFrame":
    """Return the instances at `root` as a lazy table; audio is not read.

    Filters on task, split, corpus and the like leave files unopened that have no such row, and only the
    columns that are used are read. The rows of a release are read from a columnar copy, which is made when
    first asked for and kept: only files that have changed are read again.

    Parameters
    ----------
    root : path or str
        A folder, the id of a dataset on the Hub, or a URL; in any form.
    config : str
        One of `list_configs`.
    split : str or collection of str, optional
        All by default.
    token, revision, cache_dir
        As for `load_dataset`.
    progress : callable, optional
        Called with what is being done, how much is done and how much there is.

    Returns
    -------
    polars.LazyFrame
        ``uuid, instruction, input, output, split, domain, major, minor, task, direction`` (strings),
        ``unseen`` (bool), ``source`` (list of strings), ``corpus, other, extra`` (strings),
        ``input_audio_ids, output_audio_ids`` (lists of strings), ``input_seconds, output_seconds`` (lists of
        float64, one for each clip; null for one that cannot be opened).

    Raises
    ------
    UnknownNameError
        For a config or split that does not exist.
    ReleaseError
        When there is no data at `root`.
    """
    table = open_table(root, token=token, revision=revision, cache_dir=cache_dir)
    return table.frame(config, splits_of(split), progress=progress)
