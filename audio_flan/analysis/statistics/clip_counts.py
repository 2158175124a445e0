"""Clips counted: which there are, each once, and of what kind."""

from collections.abc import Iterable
from typing import Final, TypeVar

import msgspec
import numpy as np
import polars as pl

from audio_flan.shards import CorpusFacts

_SIDES: Final = ("input", "output")
_K = TypeVar("_K", int, str)


class ClipCounts(msgspec.Struct, frozen=True):
    """Clips, each once, their length in seconds, and how many there are of each kind.

    ``sampling_rates`` are in Hz.
    """

    clips: int
    seconds: float
    sampling_rates: dict[int, int]
    channels: dict[int, int]
    formats: dict[str, int]


def clips_of_manifest(corpora: Iterable[CorpusFacts]) -> ClipCounts:
    """Return what a build has counted; nothing is read."""
    listed = list(corpora)
    return ClipCounts(
        sum(corpus.clips for corpus in listed),
        sum(corpus.clip_seconds for corpus in listed),
        _added_up(corpus.sampling_rates for corpus in listed),
        _added_up(corpus.channels for corpus in listed),
        _added_up(corpus.formats for corpus in listed),
    )


def count_clips(clips: pl.LazyFrame, used: np.ndarray | None = None) -> ClipCounts:
    """Count a table of clips.

    Parameters
    ----------
    clips : polars.LazyFrame
        As from `Table.clips`.
    used : numpy.ndarray, optional
        As from `keys_of_clips`: only these are counted.
    """
    if used is not None:

        def those_used(batch: pl.DataFrame) -> pl.DataFrame:
            keys = batch["id"].hash().to_numpy()
            places = np.minimum(np.searchsorted(used, keys), len(used) - 1)
            return batch.filter(pl.Series(used[places] == keys, dtype=pl.Boolean))

        clips = clips.map_batches(those_used, streamable=True) if len(used) else clips.clear()
    kinds = ("sampling_rate", "channels", "format")
    counted = (
        clips.group_by(kinds)
        .agg(clips=pl.len(), frames=pl.col("frames").sum())
        .sort(kinds)
        .collect(engine="streaming")
    )
    rows = list(counted.iter_rows(named=True))
    by_kind = {kind: _added_up({row[kind]: row["clips"]} for row in rows) for kind in kinds}
    return ClipCounts(
        sum(row["clips"] for row in rows),
        sum(row["frames"] / row["sampling_rate"] for row in rows),
        by_kind["sampling_rate"],
        by_kind["channels"],
        by_kind["format"],
    )


def references(frame: pl.LazyFrame, side: str) -> pl.LazyFrame:
    """Return the references of rows to clips of their inputs or outputs: ``id`` and ``seconds``."""
    columns = {"id": f"{side}_audio_ids", "seconds": f"{side}_seconds"}
    exploded = frame.select(**{name: pl.col(column) for name, column in columns.items()}).explode(*columns)
    return exploded.filter(pl.col("id").is_not_null())  # nulls come from rows without clips


def used_clips(frame: pl.LazyFrame) -> pl.DataFrame:
    """Return the clips that rows refer to and that can be opened, each once.

    Returns
    -------
    polars.DataFrame
        ``clip``, a 64-bit hash of the id that holds for this process alone, and ``seconds``.
    """
    listed = pl.concat([references(frame, side) for side in _SIDES])
    good = listed.filter(pl.col("seconds").is_not_null()).select(pl.col("id").hash().alias("clip"), "seconds")
    return good.group_by("clip").agg(pl.col("seconds").first()).collect(engine="streaming")


def keys_of_clips(frames: Iterable[pl.LazyFrame]) -> np.ndarray:
    """Return hashes of the ids of the clips that rows refer to and that can be opened.

    Returns
    -------
    numpy.ndarray
        Shape (clips,), uint64, sorted, each once; they hold for this process alone.
    """
    found = np.empty(0, np.uint64)
    for frame in frames:
        merged = np.concatenate([found, used_clips(frame)["clip"].to_numpy()])
        merged.sort()
        found = merged[np.append(True, merged[1:] != merged[:-1])] if len(merged) else merged
    return found


def bad_clip_ids(frame: pl.LazyFrame) -> pl.Series:
    """Return the ids of the clips that rows refer to and that cannot be opened, each once."""
    listed = pl.concat([references(frame, side) for side in _SIDES])
    bad = listed.filter(pl.col("seconds").is_null()).select(pl.col("id").unique())
    return bad.collect(engine="streaming")["id"]


def _added_up(parts: Iterable[dict[_K, int]]) -> dict[_K, int]:
    """Add counts up by their keys, sorted by these."""
    found: dict[_K, int] = {}
    for part in parts:
        for key, n in part.items():
            found[key] = found.get(key, 0) + n
    return dict(sorted(found.items()))
