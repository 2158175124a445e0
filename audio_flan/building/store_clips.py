"""Fourth step: clips are checked, and in the indexed form stored: one shard at a time, read once."""

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Final

from audio_flan.building.clip_shards import ClipShard, NoShard, open_shard
from audio_flan.building.errors import DATA_ERRORS
from audio_flan.building.kept import CLIPS, STORE, Kept, ShardRecord, inputs_hash, write_shard_record
from audio_flan.building.local_clips import read_ahead
from audio_flan.building.measure_clips import (
    PlannedClip,
    PlannedCorpus,
    PlannedShard,
    planned_clips,
    planned_corpora,
    planned_hash,
    raise_if_disk,
)
from audio_flan.building.payload import Payload, read_payload
from audio_flan.building.remote_clips import fetch_ahead
from audio_flan.building.step import Build, Step, Unit
from audio_flan.building.workspace import FaultLog
from audio_flan.release import Entry
from audio_flan.shards import FileFacts
from audio_flan.shards.atomic import atomic_path
from audio_flan.shards.index import write_index
from audio_flan.shards.indexed_clip import IndexedClip
from audio_flan.shards.layout import clip_file, folder_name
from audio_flan.waveform import AudioError, ClipSource

FACTS: Final = "clips.parquet"
FACTS_GROUP_CLIPS: Final = 512
"""Clips of a row group: what the next step holds of each shard at a time."""


class StoreClips(Step):
    """Its units are shards of clips."""

    name = STORE
    title = "storing clips"
    makes = True

    @cached_property
    def _shards(self) -> dict[str, tuple[int, int, PlannedCorpus, PlannedShard]]:
        return {
            unit_name(corpus.corpus, i): (number, i, corpus, shard)
            for number, corpus in enumerate(planned_corpora(self.build.work))
            for i, shard in enumerate(corpus.shards)
        }

    @cached_property
    def units(self) -> list[Unit]:
        """One for each shard; the weight is bytes."""
        return [Unit(name, shard.nbytes) for name, (_, _, _, shard) in self._shards.items()]

    def do(self, unit: str) -> None:
        """Check the clips of a shard, store them and write down what they are."""
        number, shard_number, corpus, shard = self._shards[unit]
        inputs = inputs_hash(self.build.recipe, unit.encode(), planned_hash(self.build.work, number, shard))
        if Kept(self.build.out).take_shard(unit, inputs):
            return
        clips = planned_clips(self.build.work, number, shard)
        with self.build.work.make(self.name, unit) as folder:
            faults = FaultLog(folder, self.build.release.root)
            tally = _Tally(self._good(clips, corpus, faults))
            recipe, file = self.build.recipe, None
            if recipe.form == "indexed":
                path = clip_file(corpus.corpus, shard_number, recipe.clips)
                stored, file = _store(tally, self.build.out, path, path, recipe.clips)
            elif recipe.transcode != "none" or self.build.remote_clips:  # neither is done again for each row
                stored, file = _store(tally, folder, CLIPS, unit, "tar")
            else:
                stored = _take_in(tally, NoShard())
            write_index(folder / FACTS, sorted(stored), group_clips=FACTS_GROUP_CLIPS)
            faults.flush()
            embedded = recipe.form == "embedded"
            record = ShardRecord(inputs, file, embedded, tally.transcoded, tally.source_bytes)
            write_shard_record(folder, record)

    def _good(
        self, clips: Iterator[PlannedClip], corpus: PlannedCorpus, faults: FaultLog
    ) -> Iterator[tuple[PlannedClip, Payload]]:
        """Yield the clips that are good; the others are written down."""
        for clip, locate in locate_all(self.build, clips):
            try:
                yield clip, self._read(clip, locate)
            except AudioError as error:
                raise_if_disk(error)
                place = (clip.path, None, None)
                faults.add(corpus.corpus, Entry(*place, error.fault, error.detail, clip.audio_id))

    def _read(self, clip: PlannedClip, locate: Callable[[], ClipSource]) -> Payload:
        try:
            decode = self.build.recipe.verify == "decode"
            return read_payload(
                locate(), clip.audio_id, clip.nbytes, decode=decode, transcoding=self.build.recipe.transcode
            )
        except OSError as error:
            if error.errno not in DATA_ERRORS:
                raise
            raise AudioError.of(error, clip.audio_id, clip.path) from error


def locate_all(
    build: Build, clips: Iterator[PlannedClip]
) -> Iterator[tuple[PlannedClip, Callable[[], ClipSource]]]:
    """Yield clips with functions that find them; they are read ahead, or fetched from behind a URL."""
    if build.remote_clips:
        return fetch_ahead(build.remote_clips.fetch, clips)
    return read_ahead(build.clips.locate, clips)


class _Tally:
    """Good clips on their way, counted."""

    def __init__(self, good: Iterator[tuple[PlannedClip, Payload]]) -> None:
        self._good = good
        self.transcoded = self.source_bytes = 0

    def __iter__(self) -> Iterator[tuple[PlannedClip, Payload]]:
        for clip, payload in self._good:
            self.transcoded += payload.transcoded
            self.source_bytes += payload.source_bytes
            yield clip, payload


def _store(
    good: _Tally, folder: Path, path: str, shard: str, kind: str
) -> tuple[list[IndexedClip], FileFacts | None]:
    """Write clips to the file `path` of `folder`, their `shard`; one without a clip is not kept."""
    with atomic_path(folder / path) as temporary:
        with open_shard(temporary, shard, kind) as writer:
            stored = _take_in(good, writer)
        file = FileFacts(path, temporary.stat().st_size, writer.xxh3, clips=len(stored))
    if stored:
        return stored, file
    (folder / path).unlink()
    return [], None


def _take_in(good: _Tally, shard: ClipShard) -> list[IndexedClip]:
    for clip, payload in good:
        shard.add(clip.audio_id, payload)
    return shard.finish()


def unit_name(corpus: str, number: int) -> str:
    """Return the name of the unit that stores a shard: the same in every build that has this shard."""
    return f"{folder_name(corpus)}-{number:05d}"
