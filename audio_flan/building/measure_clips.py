"""Third step: how large the clips are, in which order they stand, and where shards begin."""

import os
from array import array
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest, xxh3_128_digest

from audio_flan.building.choose_clips import UNIT, ChooseClips, chosen_corpora, list_name
from audio_flan.building.errors import DATA_ERRORS
from audio_flan.building.listing import Measure
from audio_flan.building.order import rank, shard_bounds
from audio_flan.building.step import Step, Unit
from audio_flan.building.workspace import FaultLog, Workspace, write_facts
from audio_flan.release import Entry
from audio_flan.release.sources import UrlRange, ZipMember
from audio_flan.release.tree import mark_of
from audio_flan.shards.tar import BLOCK_BYTES
from audio_flan.waveform import AudioError, FileSource, RangeSource, UrlSource
from audio_flan.waveform.sources import network_errors

if TYPE_CHECKING:
    from audio_flan.waveform import ClipSource

CLIPS: Final = "clips.tsv"
MAX_SHARD_CLIPS: Final = 1 << 16
"""Clips of a shard, however small they are."""
_MARK_BITS: Final = (1 << 64) - 1


class PlannedShard(msgspec.Struct, frozen=True):
    """A run [start, stop), in bytes, of the list of clips, and what these amount to."""

    start: int
    stop: int
    clips: int
    nbytes: int


class PlannedCorpus(msgspec.Struct, frozen=True):
    """The shards of one corpus; ``referenced_bytes`` counts each clip as often as rows refer to it."""

    corpus: str
    shards: list[PlannedShard]
    clips: int
    nbytes: int
    referenced_bytes: int


class PlannedClip(NamedTuple):
    """A clip to be stored."""

    audio_id: str
    path: str
    nbytes: int


class MeasureClips(Step):
    """Its units are corpora."""

    name = "measure"
    title = "measuring clips"

    @cached_property
    def units(self) -> list[Unit]:
        """One for each corpus; the weight is clips."""
        corpora = chosen_corpora(self.build.work)
        return [Unit(f"{number:05d}", corpus.clips) for number, corpus in enumerate(corpora)]

    def do(self, unit: str) -> None:
        """Write the list of clips in their order, and where its shards begin."""
        number, work = int(unit), self.build.work
        corpus = chosen_corpora(work)[number].corpus
        source = work.unit(ChooseClips.name, UNIT) / list_name(number)
        with work.make(self.name, unit) as folder, source.open("rb") as lines:
            faults = FaultLog(folder, self.build.release.root)
            ranks, offsets, sizes, marks, references = (array(code) for code in "QQqQq")
            offset = 0
            for line in lines:
                audio_id, path, count = _fields(line)
                found = self._measure(audio_id, path, corpus, faults)
                if found is not None:
                    ranks.append(rank(self.build.recipe.seed, audio_id))
                    offsets.append(offset)
                    sizes.append(found.nbytes)
                    marks.append(found.mark)
                    references.append(int(count))
                offset += len(line)
            faults.flush()
            order = np.argsort(np.frombuffer(ranks, np.uint64), kind="stable")
            ordered = np.frombuffer(sizes, np.int64)[order]
            places, ordered_marks = (np.frombuffer(each, np.uint64)[order] for each in (offsets, marks))
            shards = self._write(folder, lines, places, ordered, ordered_marks)
            write_facts(
                folder,
                PlannedCorpus(
                    corpus,
                    shards,
                    len(ordered),
                    int(ordered.sum()),
                    sum(map(int.__mul__, sizes, references)),
                ),
            )

    def _measure(self, audio_id: str, path: str, corpus: str, faults: FaultLog) -> Measure | None:
        """Measure a clip; None for one that is not there."""
        try:
            try:
                remote = self.build.remote_clips
                found = remote.measure(audio_id, path) if remote else self.build.clips.locate(audio_id)
                return found if isinstance(found, Measure) else measure(found)
            except OSError as error:
                if error.errno not in DATA_ERRORS:
                    raise
                raise AudioError.of(error, audio_id, path) from error
        except AudioError as error:
            raise_if_disk(error)
            faults.add(corpus, Entry(path, None, None, error.fault, error.detail, audio_id))
            return None

    def _write(
        self,
        folder: Path,
        lines: IO[bytes],
        offsets: NDArray[np.uint64],
        sizes: NDArray[np.int64],
        marks: NDArray[np.uint64],
    ) -> list[PlannedShard]:
        """Write the lines at `offsets`, with sizes and marks; return the shards."""
        in_tar = sizes + BLOCK_BYTES + -sizes % BLOCK_BYTES
        shard_size = self.build.recipe.shard_size
        bounds = shard_bounds(np.maximum(in_tar, shard_size // MAX_SHARD_CLIPS), shard_size)
        shards, end = [], 0
        with (folder / CLIPS).open("wb") as clips:
            for start, stop in pairwise(bounds):
                begin = end
                columns = (column[start:stop].tolist() for column in (offsets, sizes, marks))
                for offset, nbytes, mark in zip(*columns, strict=True):
                    lines.seek(offset)
                    audio_id, path, _ = _fields(lines.readline())
                    end += clips.write(f"{audio_id}\t{path}\t{nbytes} {mark:x}\n".encode())
                shards.append(PlannedShard(begin, end, stop - start, int(sizes[start:stop].sum())))
        return shards


def planned_corpora(work: Workspace) -> list[PlannedCorpus]:
    """List the corpora, by number."""
    count = len(chosen_corpora(work))
    facts = (work.facts(MeasureClips.name, f"{number:05d}") for number in range(count))
    return [msgspec.convert(each, PlannedCorpus) for each in facts]


def planned_hash(work: Workspace, corpus: int, shard: PlannedShard) -> bytes:
    """Return a hash of the clips of a shard: ids, paths, sizes and marks, in order."""
    with (work.unit(MeasureClips.name, f"{corpus:05d}") / CLIPS).open("rb") as lines:
        lines.seek(shard.start)
        return xxh3_128_digest(lines.read(shard.stop - shard.start))


def planned_clips(work: Workspace, corpus: int, shard: PlannedShard) -> Iterator[PlannedClip]:
    """Yield the clips of a shard, in order."""
    with (work.unit(MeasureClips.name, f"{corpus:05d}") / CLIPS).open("rb") as lines:
        lines.seek(shard.start)
        for _ in range(shard.clips):
            audio_id, path, last = _fields(lines.readline())
            yield PlannedClip(audio_id, path, int(last.partition(" ")[0]))


def _fields(line: bytes) -> tuple[str, str, str]:
    """Split a line; of its three fields the path may hold tabs."""
    audio_id, _, rest = line.decode().removesuffix("\n").partition("\t")
    path, _, last = rest.rpartition("\t")
    return audio_id, path, last


def measure(source: "ClipSource") -> Measure:
    """Measure a clip without reading it."""
    if isinstance(source, FileSource | RangeSource):
        facts = os.stat(source.path)  # noqa: PTH116 - once for each clip
        nbytes = source.nbytes if isinstance(source, RangeSource) else facts.st_size
        return Measure(nbytes, facts.st_mtime_ns & _MARK_BITS)
    if isinstance(source, ZipMember):
        return Measure(source.nbytes, source.crc)
    if isinstance(source, UrlSource | UrlRange):
        import fsspec

        with network_errors(source.url):
            file_system, path = fsspec.core.url_to_fs(source.url, **source.storage_options)
            found = file_system.info(path)
        nbytes = source.nbytes if isinstance(source, UrlRange) else int(found.get("size") or 0)
        return Measure(nbytes, xxh3_64_intdigest(mark_of(found).encode()))
    data = source.read()
    return Measure(len(data), xxh3_64_intdigest(data))


def raise_if_disk(error: AudioError) -> None:
    """Raise the system's error behind `error` where it says nothing about the clip."""
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno not in DATA_ERRORS:
        raise cause
