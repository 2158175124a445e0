"""Statistics of the data at a root, each from the least that has to be read."""

import os
from collections.abc import Collection, Mapping
from typing import Any

import polars as pl

from audio_flan.analysis.labels.statistics import label_statistics
from audio_flan.analysis.statistics.attributes import attribute_statistics, load_attributes
from audio_flan.analysis.statistics.clip_counts import ClipCounts, bad_clip_ids
from audio_flan.analysis.statistics.counting import count_root
from audio_flan.analysis.statistics.counts import check_columns, cross_tabulate, tally
from audio_flan.analysis.statistics.durations import measure_audio
from audio_flan.analysis.statistics.measured import BadClips, Cross, Stats
from audio_flan.analysis.statistics.paper import compare_with_paper
from audio_flan.analysis.table import Table, as_names, open_table, splits_of
from audio_flan.analysis.tables.release_table import ReleaseTable
from audio_flan.analysis.wordings.statistics import wording_statistics
from audio_flan.records import SPLITS
from audio_flan.release.report import Progress
from audio_flan.taxonomy import resolve_config


def stats(
    root: str | os.PathLike[str],
    config: str = "all",
    split: str | Collection[str] | None = None,
    *,
    by: str | Collection[str] = (),
    recount: bool = False,
    audio: bool = False,
    attributes: bool | Mapping[str, Any] | str | os.PathLike[str] = False,
    labels: bool = False,
    text: bool = False,
    paper: bool = False,
    token: str | bool | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Stats:
    """Count what there is at `root`.

    A built root is counted by its manifest, and nothing else is read unless something is asked for that the
    manifest does not have. The rows of a release are read from a columnar copy, which is made when first
    asked for.

    Parameters
    ----------
    root : path or str
        A folder, the id of a dataset on the Hub, or a URL; in any form.
    config : str
        One of `list_configs`.
    split : str or collection of str, optional
        All by default.
    by : str or collection of str
        Of ``domain, major, task, direction, split, corpus, unseen``: count rows by all of these at once.
    recount : bool
        Count the rows and clips of a built root instead of believing the manifest, and say what differs.
        How often rows refer to clips is counted only with `audio`, or when something else differs. In the
        embedded form all audio is read.
    audio : bool
        Measure each task's clips: hours, and quantiles of the lengths of inputs and outputs.
    attributes : bool, mapping or path
        Count audio attributes as in Figure 3 of the paper: by the map that ships with the package, or by
        another one; see `load_attributes`.
    labels : bool
        Read the labels out of the answers of tasks that have a closed set of them.
    text : bool
        Measure instructions, inputs and outputs as text.
    paper : bool
        Compare with the counts that the paper prints.
    token, revision, cache_dir
        As for `load_dataset`.
    progress : callable, optional
        Called with what is being done, how much is done and how much there is.

    Returns
    -------
    Stats

    Raises
    ------
    UnknownNameError
        For a config, split, column or task that does not exist.
    ReleaseError
        When there is no data at `root`.
    AttributeMapError
        When the map of attributes cannot be understood.
    """
    columns, splits, name = check_columns(as_names(by)), splits_of(split), resolve_config(config).name
    mapping = None if attributes is False else load_attributes(attributes)
    table = open_table(root, token=token, revision=revision, cache_dir=cache_dir)
    whole = name == "all" and splits == SPLITS
    found = count_root(table, name, splits, recount=recount, references=audio, progress=progress)
    counts, clips = found.counted.counts, found.clips
    frame = table.frame(name, splits, progress=progress)
    bad_ids = bad_clip_ids(frame) if found.counted.bad_clips else pl.Series("id", [], pl.String)
    tasks = list(tally(counts, "task"))
    return Stats(
        root=table.source.root,
        form=table.source.form,
        revision=table.revision,
        config=name,
        splits=splits,
        rows_from=found.rows_from,
        references_from=found.references_from,
        clips_from=found.clips_from,
        counts=counts,
        clips=clips,
        bad_clips=BadClips(len(bad_ids), found.counted.bad_clips),
        unnamed_clips=_unnamed_clips(table, clips, bad_ids) if whole and clips else None,
        quarantined=table.quarantined(progress) if whole else None,
        differences=found.differences,
        cross=Cross(columns, cross_tabulate(counts, columns)) if columns else None,
        audio=measure_audio(table, tasks, splits, progress) if audio else None,
        attributes=None if mapping is None else attribute_statistics(counts, mapping),
        labels=label_statistics(frame) if labels else None,
        text=wording_statistics(frame) if text else None,
        paper=compare_with_paper(counts) if paper else None,
    )


def _unnamed_clips(table: Table, clips: ClipCounts, bad_ids: pl.Series) -> int | None:
    """Count the clips of a release that no row names."""
    if not isinstance(table, ReleaseTable):
        return None
    listed = table.source.release.clips
    return len(listed) - clips.clips - sum(audio_id in listed for audio_id in bad_ids)
