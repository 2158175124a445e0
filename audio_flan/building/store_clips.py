"""Fourth step: clips are checked, and in the indexed form stored: one tar at a time, read once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final

from audio_flan.building.errors import DATA_ERRORS
from audio_flan.building.measure_clips import (
    PlannedClip,
    PlannedCorpus,
    PlannedShard,
    planned_clips,
    planned_corpora,
    raise_if_disk,
)
from audio_flan.building.payload import Payload, read_payload
from audio_flan.building.step import Step, Unit
from audio_flan.building.workspace import FaultLog, write_facts
from audio_flan.release import Entry
from audio_flan.shards.atomic import atomic_path
from audio_flan.shards.index import IndexedClip, write_index
from audio_flan.shards.layout import tar_file
from audio_flan.shards.names import extension_of
from audio_flan.shards.tar import TarWriter, member_name
from audio_flan.waveform import AudioError, ClipSource

FACTS: Final = "clips.parquet"
FACTS_GROUP_CLIPS: Final = 512
"""Clips of a row group: what the next step holds of each shard at a time."""


class StoreClips(Step):
    """Its units are shards of clips."""

    name = "store"
    title = "storing clips"

    @cached_property
    def _shards(self) -> dict[str, tuple[int, int, PlannedCorpus, PlannedShard]]:
        return {
            f"{number:05d}-{i:05d}": (number, i, corpus, shard)
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
        clips = planned_clips(self.build.work, number, shard)
        path = tar_file(corpus.corpus, shard_number)
        with self.build.work.make(self.name, unit) as folder:
            faults = FaultLog(folder, self.build.release.root)
            facts: dict[str, Any] = {}
            if self.build.recipe.form == "embedded":
                stored = [_unplaced(clip, payload) for clip, payload in self._good(clips, corpus, faults)]
            else:
                with self._open_tar(path) as tar:
                    taken: set[str] = set()
                    stored = []
                    for clip, payload in self._good(clips, corpus, faults):
                        name = member_name(clip.audio_id, extension_of(payload.header.format), taken)
                        offset = tar.add(name, payload.nbytes, payload.parts())
                        stored.append(_indexed(clip, payload, path, offset, payload.xxh3))
                    if stored:
                        facts = {"path": path, "xxh3": tar.close(), "nbytes": tar.nbytes}
            facts["clips"] = len(stored)
            stored.sort()
            write_index(folder / FACTS, stored, group_clips=FACTS_GROUP_CLIPS)
            faults.flush()
            write_facts(folder, facts)

    @contextmanager
    def _open_tar(self, path: str) -> Iterator[TarWriter]:
        """Give a writer of the tar; one without a clip is not kept."""
        full = self.build.out / path
        with atomic_path(full) as temporary:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_TRUNC)
            try:
                tar = TarWriter(descriptor)
                yield tar
            finally:
                os.close(descriptor)
        if not tar.nbytes:
            full.unlink()

    def _good(
        self, clips: Iterator[PlannedClip], corpus: PlannedCorpus, faults: FaultLog
    ) -> Iterator[tuple[PlannedClip, Payload]]:
        """Yield the clips that are good; the others are written down."""
        for clip in clips:
            try:
                yield clip, self._read(clip)
            except AudioError as error:
                raise_if_disk(error)
                place = (clip.path, None, None)
                faults.add(corpus.corpus, Entry(*place, error.fault, error.detail, clip.audio_id))

    def _read(self, clip: PlannedClip) -> Payload:
        try:
            source: ClipSource = self.build.clips.locate(clip.audio_id)
            decode = self.build.recipe.verify == "decode"
            return read_payload(source, clip.audio_id, clip.nbytes, decode=decode)
        except OSError as error:
            if error.errno not in DATA_ERRORS:
                raise
            raise AudioError.of(error, clip.audio_id, clip.path) from error


def _indexed(clip: PlannedClip, payload: Payload, shard: str, offset: int, xxh3: int) -> IndexedClip:
    header = payload.header
    return IndexedClip(
        clip.audio_id,
        shard,
        offset,
        payload.nbytes,
        header.sampling_rate,
        header.channels,
        header.frames,
        header.format,
        xxh3,
    )


def _unplaced(clip: PlannedClip, payload: Payload) -> IndexedClip:
    """Describe a clip that is checked here and stored with its rows."""
    return _indexed(clip, payload, "", 0, 0)
