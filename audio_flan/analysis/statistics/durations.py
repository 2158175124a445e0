"""How much audio each task has, and how long its clips are."""

from collections.abc import Collection
from typing import Final

import msgspec
import polars as pl

from audio_flan.analysis.statistics.clip_counts import references, used_clips
from audio_flan.analysis.statistics.counts import count_rows
from audio_flan.analysis.table import Table
from audio_flan.release.report import Progress

QUANTILES: Final = {"min": 0.0, "p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "max": 1.0}


class Durations(msgspec.Struct, frozen=True):
    """Lengths of clips in seconds; a clip counts as often as rows refer to it.

    A quantile is the least length that this share of the clips does not exceed.
    """

    clips: int
    mean: float
    min: float
    p5: float
    p25: float
    p50: float
    p75: float
    p95: float
    max: float


class TaskAudio(msgspec.Struct, frozen=True):
    """The clips of a task that can be opened, and their length in seconds.

    ``referenced`` counts a clip as often as rows refer to it. ``inputs`` and ``outputs`` are None where the
    task has no such clips.
    """

    task: str
    rows: int
    unique_clips: int
    unique_seconds: float
    referenced_clips: int
    referenced_seconds: float
    inputs: Durations | None
    outputs: Durations | None


def measure_audio(
    table: Table, tasks: Collection[str], splits: Collection[str], progress: Progress | None = None
) -> tuple[TaskAudio, ...]:
    """Measure the clips of tasks, one task after the other: memory is that of the largest.

    Parameters
    ----------
    tasks : collection of str
        Configs of minor tasks.
    """
    found = []
    for number, task in enumerate(tasks, 1):
        frame = table.frame(task, splits)
        (counts, _), used = count_rows(frame), used_clips(frame)
        found.append(
            TaskAudio(
                task,
                sum(count.rows for count in counts),
                len(used),
                float(used["seconds"].sum()),
                sum(count.clips for count in counts),
                sum(count.seconds for count in counts),
                *(durations_of(references(frame, side)) for side in ("input", "output")),
            )
        )
        if progress:
            progress("measuring clips", number, len(tasks))
    return tuple(found)


def durations_of(listed: pl.LazyFrame) -> Durations | None:
    """Return the distribution of the column ``seconds``, nulls aside; None when there is nothing.

    Each length is held once, however many clips have it.
    """
    known = listed.filter(pl.col("seconds").is_not_null())
    lengths = known.group_by("seconds").agg(clips=pl.len()).sort("seconds").collect(engine="streaming")
    if lengths.is_empty():
        return None
    up_to = lengths["clips"].cast(pl.Int64).cum_sum()
    total = int(up_to[-1])
    return Durations(
        clips=total,
        mean=float((lengths["seconds"] * lengths["clips"]).sum()) / total,
        **{name: _quantile(lengths["seconds"], up_to, share * total) for name, share in QUANTILES.items()},
    )


def _quantile(seconds: pl.Series, up_to: pl.Series, wanted: float) -> float:
    """Return the least length that at least `wanted` clips, and one, do not exceed."""
    return float(seconds[int(up_to.search_sorted(max(wanted, 1), side="left"))])
