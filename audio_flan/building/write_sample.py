"""Eighth step: a few rows of every task with their audio inside, for the config ``sample``."""

import os
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec

from audio_flan.building.step import Step, Unit
from audio_flan.building.workspace import write_facts
from audio_flan.building.write_rows import WriteRows
from audio_flan.records import SPLITS
from audio_flan.records.schema import AUDIO_COLUMNS, COLUMNS
from audio_flan.shards import FileFacts, parse_cell
from audio_flan.shards.atomic import atomic_path
from audio_flan.shards.hashing import hash_file
from audio_flan.shards.layout import SAMPLE_FILE, split_of_row_file
from audio_flan.shards.parquet_reader import ParquetReader
from audio_flan.shards.row_columns import RowValues
from audio_flan.shards.row_files import EMBEDDED_GROUP_BYTES, RowFileWriter
from audio_flan.shards.tar import member_name
from audio_flan.taxonomy import taxonomy

TASK_ROWS: Final = 3
"""Rows of a task at most."""
SMALL_BYTES: Final = 1_000_000
"""Rows with more audio than this, in bytes, are passed over while there are smaller ones."""
LOOKED_AT: Final = 36
"""Rows of a task and split that are looked at, at most."""


class Candidate(NamedTuple):
    """A row that may be taken: the bytes of its audio, and its values by column."""

    audio_bytes: int
    row: dict[str, Any]


class WriteSample(Step):
    """Takes its rows from the row files, and their audio from there or from the tars."""

    name = "sample"
    title = "writing the sample"
    makes = True
    one_unit = True

    @cached_property
    def _files(self) -> dict[tuple[str, str], list[str]]:
        """Paths of the row files of each task and split, sorted."""
        work = self.build.work
        files: dict[tuple[str, str], list[str]] = {}
        for unit in work.units(WriteRows.name):
            for facts in msgspec.convert(work.facts(WriteRows.name, unit), list[FileFacts]):
                place = split_of_row_file(facts.path)
                if place:
                    files.setdefault(place, []).append(facts.path)
        return {place: sorted(paths) for place, paths in files.items()}

    @cached_property
    def units(self) -> list[Unit]:
        """The one unit."""
        return [Unit("all", 1)]

    def do(self, unit: str) -> None:
        """Write the file, where there are rows."""
        with self.build.work.make(self.name, unit) as folder:
            write_facts(folder, [self._write()] if self._files else [])

    def _write(self) -> FileFacts:
        with atomic_path(self.build.out / SAMPLE_FILE) as temporary:
            rows = 0
            with RowFileWriter(temporary) as writer:
                for group in self._groups():
                    writer.write(group)
                    rows += len(group)
            return FileFacts(SAMPLE_FILE, temporary.stat().st_size, hash_file(temporary), rows=rows)

    def _groups(self) -> Iterator[list[RowValues]]:
        group: list[RowValues] = []
        nbytes = 0
        for task in taxonomy().tasks:
            for candidate in choose(self._candidates(task)):
                group.append(self._values(candidate.row))
                nbytes += candidate.audio_bytes
                if nbytes >= EMBEDDED_GROUP_BYTES:
                    yield group
                    group, nbytes = [], 0
        if group:
            yield group

    def _candidates(self, task: str) -> Iterator[Candidate]:
        """Yield the first rows of each split, in the order of the row files."""
        for split in SPLITS:
            files = self._files.get((task, split), [])
            yield from islice((each for path in files for each in self._read(path)), LOOKED_AT)

    def _read(self, path: str) -> Iterator[Candidate]:
        with (self.build.out / path).open("rb") as handle:
            descriptor = handle.fileno()
            reader = ParquetReader(
                path, os.fstat(descriptor).st_size, lambda offset, size: os.pread(descriptor, size, offset)
            )
            for group in range(len(reader.group_rows)):
                for row in reader.read_group(group).slice(0, LOOKED_AT).to_pylist():
                    cells = (cell for column in AUDIO_COLUMNS for cell in row[column])
                    yield Candidate(sum(map(_audio_bytes, cells)), row)

    def _values(self, row: dict[str, Any]) -> RowValues:
        return tuple(
            [self._embed(cell) for cell in row[column]] if column in AUDIO_COLUMNS else row[column]
            for column in COLUMNS
        )

    def _embed(self, cell: dict[str, Any]) -> tuple[bytes, str]:
        """Return the cell with its bytes."""
        if cell["bytes"] is not None:
            return cell["bytes"], cell["path"]
        clip = parse_cell(cell["path"])
        with (self.build.out / clip.shard).open("rb") as shard:
            data = os.pread(shard.fileno(), clip.nbytes, clip.offset)
        return data, member_name(clip.audio_id, clip.extension, set())


def choose(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return the first `TASK_ROWS` rows with little audio; if there is none, the one with the least."""
    small: list[Candidate] = []
    least: list[Candidate] = []
    for candidate in candidates:
        if candidate.audio_bytes <= SMALL_BYTES:
            small.append(candidate)
            if len(small) == TASK_ROWS:
                break
        elif not least or candidate.audio_bytes < least[0].audio_bytes:
            least = [candidate]
    return small or least


def _audio_bytes(cell: dict[str, Any]) -> int:
    data = cell["bytes"]
    return len(data) if data is not None else parse_cell(cell["path"]).nbytes
