"""Sixth step: the rows of a task and split in order, but for those whose clips are bad, cut into files."""

from array import array
from collections import Counter
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_digest, xxh3_64_intdigest

from audio_flan.building.index_clips import open_lookups
from audio_flan.building.kept import inputs_hash
from audio_flan.building.lookup import ClipFacts, ClipLookup
from audio_flan.building.order import runs, shard_bounds
from audio_flan.building.read_rows import ReadRows, parts, read_units
from audio_flan.building.spill import KEY, KEYS, PLACE, SpilledRow, SpillReader
from audio_flan.building.step import Build, Step, Unit
from audio_flan.building.workspace import FaultLog, Workspace, write_facts
from audio_flan.records import Reason
from audio_flan.release import Entry

UNIT_ROWS: Final = 1 << 15
"""Consecutive parts with up to so many rows altogether are one unit."""


class PartCount(msgspec.Struct):
    """The good rows of one corpus and direction, the clips they refer to, and their length in seconds."""

    corpus: str
    direction: str
    rows: int = 0
    seconds: float = 0.0
    clips: int = 0
    unseen: int = 0
    seen: int = 0


class ArrangedPart(msgspec.Struct, frozen=True):
    """The rows of a task and split: first row of each file and the number of rows; counts of good and bad.

    ``inputs`` are hashes of what each file is made of.
    """

    bounds: list[int]
    inputs: list[str]
    counts: list[PartCount]
    quarantined: dict[str, int]


class ArrangeRows(Step):
    """Its units are runs of parts: pairs of a task and a split that have rows."""

    name = "arrange"
    title = "arranging rows"
    makes = True

    @cached_property
    def _held(self) -> dict[int, list[tuple[int, int, int]]]:
        """(unit, first, end) of the keys of each part."""
        held: dict[int, list[tuple[int, int, int]]] = {}
        for number, unit in enumerate(read_units(self.build.work)):
            for part, (start, stop) in self.build.work.facts(ReadRows.name, unit)["parts"].items():
                held.setdefault(int(part), []).append((number, start, stop))
        return dict(sorted(held.items()))

    @cached_property
    def _lookups(self) -> dict[str, ClipLookup]:
        return open_lookups(self.build.work)

    @cached_property
    def _runs(self) -> list[list[int]]:
        """Parts of each unit."""
        held = list(self._held)
        return [[held[i] for i in run] for run in runs(map(self._rows, held), UNIT_ROWS)]

    def _rows(self, part: int) -> int:
        return sum(stop - start for _, start, stop in self._held[part])

    @cached_property
    def units(self) -> list[Unit]:
        """One for each run of parts; the weight is rows."""
        return [Unit(f"{i:05d}", sum(map(self._rows, run))) for i, run in enumerate(self._runs)]

    def do(self, unit: str) -> None:
        """Arrange the parts of one unit."""
        with self.build.work.make(self.name, unit) as folder:
            faults = FaultLog(folder, self.build.release.root)
            parts_done = {str(part): self._arrange(part, folder, faults) for part in self._runs[int(unit)]}
            faults.flush()
            write_facts(folder, parts_done)

    def _arrange(self, part: int, folder: Path, faults: FaultLog) -> ArrangedPart:
        """Sort the rows of one part, check their clips and cut them into files."""
        places = self._sorted_places(part)
        embedded = self.build.recipe.form == "embedded"
        kept, sizes, hashes = np.zeros(len(places), bool), array("q"), array("Q")
        counts: dict[tuple[str, str], PartCount] = {}
        quarantined = Counter[str]()
        reader = open_spill(self.build)
        for i, row in enumerate(reader.read(places)):
            corpus = self.build.files[row.file].corpus
            found = find_clips(row, self._lookups)
            if isinstance(found, str):
                quarantined[corpus] += 1
                faults.add(corpus, self._entry(row, found))
                continue
            key = corpus, row.instance.direction
            count = counts.setdefault(key, PartCount(*key))
            count.rows += 1
            count.seconds += sum(clip.seconds for clip in found)
            count.clips += len(found)
            count.unseen += row.instance.unseen is True
            count.seen += row.instance.unseen is False
            kept[i] = True
            clip_bytes = sum(clip.nbytes for clip in found) if embedded else 0
            sizes.append(len(row.content) + clip_bytes)
            hashes.append(_row_hash(row, corpus, found))
        reader.close()
        np.save(folder / places_name(part), places[kept])
        bounds = shard_bounds(np.frombuffer(sizes, np.int64), self.build.recipe.shard_size)
        inputs = [
            inputs_hash(self.build.recipe, hashes[start:stop].tobytes()) for start, stop in pairwise(bounds)
        ]
        return ArrangedPart(bounds, inputs, [counts[key] for key in sorted(counts)], dict(quarantined))

    def _sorted_places(self, part: int) -> NDArray[Any]:
        """Return where the rows of a part are, in their order."""
        runs = self._held[part]
        names = read_units(self.build.work)
        keys = np.concatenate([self._keys(names[unit])[start:stop] for unit, start, stop in runs])
        units = np.repeat([unit for unit, _, _ in runs], [stop - start for _, start, stop in runs])
        order = np.lexsort((keys["offset"], units, keys["place"], keys["group"]))
        places = np.empty(len(keys), PLACE)
        places["unit"], places["offset"] = units[order], keys["offset"][order]
        places["nbytes"] = keys["nbytes"][order]
        return places

    def _keys(self, unit: str) -> NDArray[Any]:
        keys = np.load(self.build.work.unit(ReadRows.name, unit) / KEYS, mmap_mode="r")
        return np.asarray(keys, KEY)

    def _entry(self, row: SpilledRow, audio_id: str) -> Entry:
        message = f"the clip {audio_id!r} cannot be used; it has an entry of its own"
        place = (self.build.files[row.file].path, row.line, row.byte_offset)
        return Entry(*place, Reason.UNUSABLE_AUDIO, message, audio_id, row.instance.uuid)


def open_spill(build: Build) -> SpillReader:
    """Open the rows of all units."""
    return SpillReader([build.work.unit(ReadRows.name, unit) for unit in read_units(build.work)])


def find_clips(row: SpilledRow, lookups: dict[str, ClipLookup]) -> list[ClipFacts] | str:
    """Return the clips of a row, those of the input first; the id of the first one that is not good."""
    found, instance = [], row.instance
    ids = (*instance.input_audio_ids, *instance.output_audio_ids)
    for audio_id, corpus in zip(ids, row.clip_corpora, strict=True):
        lookup = lookups.get(corpus)
        clip = lookup.find(audio_id) if lookup else None
        if clip is None:
            return audio_id
        found.append(clip)
    return found


def _row_hash(row: SpilledRow, corpus: str, clips: list[ClipFacts]) -> int:
    """Hash all that a row is written from."""
    return xxh3_64_intdigest(b"".join((row.content, corpus.encode(), *map(_clip_hash, clips))))


@lru_cache(1 << 13)
def _clip_hash(clip: ClipFacts) -> bytes:
    return xxh3_64_digest(repr(clip).encode())


def arranged_parts(work: Workspace) -> dict[int, tuple[str, ArrangedPart]]:
    """Return the parts that have rows, by number, each with the unit that has arranged it."""
    return {
        int(part): (unit, msgspec.convert(facts, ArrangedPart))
        for unit in work.units(ArrangeRows.name)
        for part, facts in work.facts(ArrangeRows.name, unit).items()
    }


def places_name(part: int) -> str:
    """Return the name of the list of the good rows of a part, in order."""
    return f"{part:04d}.npy"


def part_name(number: int) -> tuple[str, str]:
    """Return the task and the split of a part."""
    return parts()[number]
