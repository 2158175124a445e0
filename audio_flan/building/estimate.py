"""How long a build will take, by what its plan took and by a sample of its clips."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Final

from audio_flan.building.measure_clips import PlannedClip, PlannedCorpus, planned_clips, planned_corpora
from audio_flan.building.payload import read_payload
from audio_flan.building.step import Build
from audio_flan.building.store_clips import locate_all
from audio_flan.waveform import AudioError

SAMPLE_CLIPS: Final = 256
SAMPLE_SECONDS: Final = 2.0
ROWS_FACTOR: Final = 1.5
"""Arranging and writing rows takes so much longer than reading them: 6.0 s and 4.4 s for 280,000 rows."""


@dataclass(frozen=True)
class Estimate:
    """The time that a build will take on this machine, as far as that can be known before.

    Attributes
    ----------
    seconds : float
        Planning again; arranging and writing rows, `ROWS_FACTOR` times as long as reading the metadata; and
        clips at the speed of the sample. Writing clips to the disk is not in it.
    planning_seconds : float
        What planning took.
    sample_clips : int
        Clips that were read, checked and hashed.
    sample_seconds : float
        What that took, in one process.
    """

    seconds: float
    planning_seconds: float
    sample_clips: int
    sample_seconds: float


def estimate(build: Build, planning_seconds: float, reading_seconds: float, processes: int) -> Estimate:
    """Estimate the time of a build whose plan is made.

    Parameters
    ----------
    planning_seconds, reading_seconds : float
        What planning took altogether, and reading the metadata.
    processes : int
        How many units are done at the same time.
    """
    corpora = planned_corpora(build.work)
    total = sum(corpus.clips for corpus in corpora)
    started, done = time.perf_counter(), 0
    decode = build.recipe.verify == "decode"
    for clip, locate in locate_all(build, sample(build, corpora)):
        with suppress(AudioError, OSError):  # a clip that is bad takes its time as well
            for _ in read_payload(
                locate(), clip.audio_id, clip.nbytes, decode=decode, transcoding=build.recipe.transcode
            ).parts():
                pass
        done += 1
        if time.perf_counter() - started > SAMPLE_SECONDS:
            break
    taken = time.perf_counter() - started
    shards = sum(len(corpus.shards) for corpus in corpora)
    clips_seconds = taken * total / done / max(1, min(processes, shards)) if done else 0.0
    if build.recipe.form == "embedded" and total:  # read again for each row that refers to them
        often = sum(corpus.referenced_bytes for corpus in corpora)
        clips_seconds *= 1 + often / max(1, sum(corpus.nbytes for corpus in corpora))
    seconds = planning_seconds + ROWS_FACTOR * reading_seconds + clips_seconds
    return Estimate(seconds, planning_seconds, done, taken)


def sample(build: Build, corpora: list[PlannedCorpus], clips: int = SAMPLE_CLIPS) -> Iterator[PlannedClip]:
    """Yield the first clips of every corpus, in proportion to its clips: their order is by chance."""
    total = sum(corpus.clips for corpus in corpora)
    for number, corpus in enumerate(corpora):
        share = -(-clips * corpus.clips // total) if total else 0
        every = (clip for shard in corpus.shards for clip in planned_clips(build.work, number, shard))
        yield from islice(every, share)
