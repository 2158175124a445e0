"""First step: read the metadata files once; spill rows, what they are sorted by, and the ids they need."""

from array import array
from collections import Counter
from functools import cached_property
from pathlib import Path
from struct import Struct
from typing import IO, Final

import numpy as np
from xxhash import xxh3_64_intdigest

from audio_flan.building.errors import BuildError
from audio_flan.building.order import corpus_of, rank, runs
from audio_flan.building.spill import KEY, KEYS, ROWS, encode_row
from audio_flan.building.step import Build, Step, Unit
from audio_flan.building.workspace import FaultLog, Workspace, write_facts
from audio_flan.records import SPLITS, Instance, Reason
from audio_flan.release import Entry, MetadataFile, read_instances
from audio_flan.release.reader import Placed
from audio_flan.taxonomy import taxonomy

UNIT_BYTES: Final = 32 << 20
"""Consecutive metadata files up to this size altogether are one unit."""
NEEDS: Final = "needs.npy"
NEED: Final = np.dtype([("key", "u8"), ("count", "u4")])
"""64-bit hash of an id, and how often rows refer to it."""


_pack_key = Struct("<HQQQI").pack
"""The fields of `KEY`."""


def parts() -> list[tuple[str, str]]:
    """List every (task, split): the number of a part is its place here."""
    return [(task, split) for task in taxonomy().tasks for split in SPLITS]


def clip_key(audio_id: str) -> int:
    """Return the 64-bit hash by which ids are looked up."""
    return xxh3_64_intdigest(audio_id.encode())


class ReadRows(Step):
    """Its units are runs of metadata files."""

    name = "read"
    title = "reading metadata"

    @cached_property
    def _runs(self) -> list[range]:
        """Numbers of the metadata files of each unit."""
        return runs((file.size for file in self.build.files), UNIT_BYTES)

    @cached_property
    def units(self) -> list[Unit]:
        """One for each run of files; the weight is bytes."""
        sizes = [sum(self.build.files[i].size for i in run) for run in self._runs]
        return [Unit(f"{number:06d}", size) for number, size in enumerate(sizes)]

    def do(self, unit: str) -> None:
        """Read the files of one unit."""
        with self.build.work.make(self.name, unit) as folder:
            spill = _Spill(self.build, folder)
            for number in self._runs[int(unit)]:
                spill.take(number, self.build.files[number])
            spill.finish()


class _Spill:
    """Takes in metadata files and writes the folder of a unit."""

    def __init__(self, build: Build, folder: Path) -> None:
        self._build, self._folder = build, folder
        self._parts = {part: number for number, part in enumerate(parts())}
        self._tasks, self._splits = build.config.task_names, frozenset(build.recipe.splits)
        self._indexed = build.recipe.form == "indexed"
        self._seed = build.recipe.seed
        self._faults = FaultLog(folder, build.release.root)
        self._keys = bytearray()
        self._ids = array("Q")
        self._rows_in: Counter[str] = Counter()
        self._quarantined: Counter[str] = Counter()
        self._corpora: dict[str, str] = {}
        self._ranks: set[int] = set()
        self._end = 0
        self._rows: IO[bytes] = (folder / ROWS).open("wb")

    def take(self, number: int, file: MetadataFile) -> None:
        """Read one metadata file."""
        self._ranks.clear()

        def report(entry: Entry) -> None:
            if entry.reason == Reason.UNREADABLE_FILE:
                raise BuildError(f"{file.path} cannot be read: {entry.message}; run the same command again")
            if entry.line is not None:
                self._rows_in[file.corpus] += 1
                self._quarantined[file.corpus] += 1
            self._faults.add(file.corpus, entry)

        for placed in read_instances(self._build.release.tree, file, report):
            instance = placed.instance
            if instance.task in self._tasks and instance.split in self._splits:
                self._rows_in[file.corpus] += 1
                self._put(number, file, placed)

    def _put(self, number: int, file: MetadataFile, placed: Placed) -> None:
        instance = placed.instance
        ids = (*instance.input_audio_ids, *instance.output_audio_ids)
        corpora: list[str] = []
        for audio_id in ids:
            path = self._build.paths.path(audio_id)
            if path is None:
                message = f"no scp file lists the id {audio_id!r}"
                place = (file.path, placed.line, placed.byte_offset)
                self._quarantined[file.corpus] += 1
                self._faults.add(
                    file.corpus, Entry(*place, Reason.UNKNOWN_AUDIO_ID, message, audio_id, instance.uuid)
                )
                return
            corpora.append(self._intern(corpus_of(path)))
        self._ids.extend(map(clip_key, ids))
        row = encode_row(number, placed.line, placed.byte_offset, instance, corpora)
        group, place_in_order = self._order(instance, ids, corpora)
        part = self._parts[instance.task, instance.split]
        self._keys += _pack_key(part, group, place_in_order, self._end, len(row))
        self._end += self._rows.write(row)

    def _order(self, instance: Instance, ids: tuple[str, ...], corpora: list[str]) -> tuple[int, int]:
        """Return what the row is sorted by: its first clip, or chance where clips are embedded."""
        if self._indexed and ids:
            return clip_key(corpora[0]), rank(self._seed, ids[0])
        return 0, self._new_rank(f"{instance.task} {instance.uuid}")

    def _new_rank(self, name: str) -> int:
        """Return the rank of a row: another one each time it occurs in the file, to keep repeats apart."""
        found, number = rank(self._seed, name), 0
        while found in self._ranks:
            number += 1
            found = rank(self._seed, f"{name} {number}")
        self._ranks.add(found)
        return found

    def _intern(self, corpus: str) -> str:
        return self._corpora.setdefault(corpus, corpus)

    def finish(self) -> None:
        """Write what has been gathered."""
        self._rows.close()
        self._faults.flush()
        keys = np.frombuffer(self._keys, KEY)
        keys = keys[np.argsort(keys["part"], kind="stable")]
        np.save(self._folder / KEYS, keys)
        ids, counts = np.unique(np.frombuffer(self._ids, np.uint64), return_counts=True)
        needs = np.empty(len(ids), NEED)
        needs["key"], needs["count"] = ids, counts
        np.save(self._folder / NEEDS, needs)
        found, starts, rows = np.unique(keys["part"], return_index=True, return_counts=True)
        write_facts(
            self._folder,
            {
                "parts": {
                    str(part): [start, start + count]
                    for part, start, count in zip(found.tolist(), starts.tolist(), rows.tolist(), strict=True)
                },
                "rows_in": self._rows_in,
                "quarantined": self._quarantined,
            },
        )


def read_units(work: Workspace) -> list[str]:
    """List the units of this step that are there, in order; asked for when it is done."""
    return work.units(ReadRows.name)
