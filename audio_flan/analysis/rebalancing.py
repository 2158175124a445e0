"""A plan for the data at a root."""

import os
from collections.abc import Collection, Mapping
from typing import Literal

from audio_flan.analysis.filtering import make_filter
from audio_flan.analysis.table import open_table, splits_of
from audio_flan.mixing import Licence, MixtureError, Plan, count_leaves, rebalance_leaves
from audio_flan.mixing.conditions import conditions, naming_condition
from audio_flan.release.report import Progress


def rebalance(
    root: str | os.PathLike[str],
    *,
    split: str = "train",
    by: str = "task",
    direction: Mapping[str, float] | None = None,
    domain: Mapping[str, float] | None = None,
    task: Mapping[str, float] | None = None,
    corpus: Mapping[str, float] | None = None,
    alpha: float | None = None,
    cap: float | None = None,
    unimax: float | None = None,
    weights: Mapping[str, float] | None = None,
    budget: float | None = None,
    unit: Literal["rows", "input_seconds", "target_seconds", "target_tokens"] = "rows",
    codec_rate: float | None = None,
    max_epochs: float = 4.0,
    min_share: float = 0.0,
    nearest: bool = False,
    seed: int = 0,
    where: str | None = None,
    tasks: str | Collection[str] = (),
    corpora: str | Collection[str] = (),
    unseen: bool | None = None,
    min_seconds: float | None = None,
    max_seconds: float | None = None,
    scripts: str | Collection[str] = (),
    licence: Licence = "any",
    token: str | bool | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Plan:
    """Plan how many rows to draw of each direction, domain, task and corpus of the data at `root`.

    Parameters
    ----------
    root : path or str
        A folder, the id of a dataset on the Hub, or a URL; in any form.
    split : str
        One split.
    by, direction, domain, task, corpus, alpha, cap, unimax, weights, budget, unit, codec_rate, max_epochs,\
 min_share, nearest, seed
        As for `audio_flan.mixing.rebalance_leaves`.
    where, tasks, corpora, unseen, min_seconds, max_seconds, scripts, licence
        A filter that the rows have to pass, as for `audio_flan.filter`.
    token, revision, cache_dir, progress
        As for `audio_flan.scan`.

    Returns
    -------
    Plan

    Raises
    ------
    UnknownNameError
        For a name that does not exist.
    MixtureError
        For arguments that make no sense, and where there are no rows.
    InfeasibleError
        For targets that the rows cannot meet.
    """
    table = open_table(root, token=token, revision=revision, cache_dir=cache_dir)
    splits = splits_of(split)
    if len(splits) != 1:
        raise MixtureError(f"a plan is for one split, got {split!r}")
    row_filter = make_filter(
        table,
        where=where,
        tasks=tasks,
        corpora=corpora,
        unseen=unseen,
        min_seconds=min_seconds,
        max_seconds=max_seconds,
        scripts=scripts,
        licence=licence,
    )
    rows = table.frame("all", splits, progress=progress)
    if row_filter:
        rows = rows.filter(*(each.expression for each in conditions(row_filter, table.corpora)))
    with naming_condition(row_filter):
        leaves = count_leaves(rows)
    return rebalance_leaves(
        leaves,
        revision=table.revision,
        split=splits[0],
        by=by,
        direction=direction,
        domain=domain,
        task=task,
        corpus=corpus,
        alpha=alpha,
        cap=cap,
        unimax=unimax,
        weights=weights,
        budget=budget,
        unit=unit,
        codec_rate=codec_rate,
        max_epochs=max_epochs,
        min_share=min_share,
        nearest=nearest,
        seed=seed,
        row_filter=row_filter,
    )
