"""Seventh step: the row files."""

from collections.abc import Iterator
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from xxhash import xxh3_64_intdigest

from audio_flan.building.arrange_rows import (
    ArrangeRows,
    arranged_parts,
    find_clips,
    open_spill,
    part_name,
    places_name,
)
from audio_flan.building.errors import BuildError
from audio_flan.building.index_clips import open_lookups
from audio_flan.building.kept import CLIPS, STORE, WRITE, Kept, RowRecord, write_row_records
from audio_flan.building.lookup import ClipFacts, ClipLookup
from audio_flan.building.order import runs
from audio_flan.building.spill import SpilledRow
from audio_flan.building.step import Step, Unit
from audio_flan.building.workspace import write_facts
from audio_flan.records import Instance
from audio_flan.shards import Cell, FileFacts, make_cell
from audio_flan.shards.atomic import atomic_path
from audio_flan.shards.hashing import hash_file, hash_footer
from audio_flan.shards.layout import row_file
from audio_flan.shards.names import extension_of
from audio_flan.shards.row_columns import CellValue, RowColumns, RowValues
from audio_flan.shards.row_files import EMBEDDED_GROUP_BYTES, GROUP_ROWS, RowFileWriter
from audio_flan.shards.tar import member_name
from audio_flan.waveform import AudioError, ClipSource, RangeSource

UNIT_ROWS: Final = 1 << 15
"""Consecutive files with up to so many rows altogether are one unit."""
_NamedClips = list[tuple[str, ClipFacts]]


class PlannedFile(NamedTuple):
    """The row file `number` of `files` of a part: its rows [start, stop), of those arranged by `unit`.

    `inputs` is a hash of what it is made of.
    """

    unit: str
    part: int
    number: int
    files: int
    start: int
    stop: int
    inputs: str


class WriteRows(Step):
    """Its units are runs of row files."""

    name = WRITE
    title = "writing rows"
    makes = True

    @cached_property
    def _files(self) -> list[PlannedFile]:
        return [
            PlannedFile(unit, part, number, len(arranged.inputs), start, stop, inputs)
            for part, (unit, arranged) in arranged_parts(self.build.work).items()
            for number, ((start, stop), inputs) in enumerate(
                zip(pairwise(arranged.bounds), arranged.inputs, strict=True)
            )
        ]

    @cached_property
    def _runs(self) -> list[range]:
        return runs((file.stop - file.start for file in self._files), UNIT_ROWS)

    @cached_property
    def _lookups(self) -> dict[str, ClipLookup]:
        return open_lookups(self.build.work)

    @cached_property
    def units(self) -> list[Unit]:
        """One for each run of files; the weight is rows."""
        rows = [sum(self._files[i].stop - self._files[i].start for i in run) for run in self._runs]
        return [Unit(f"{number:06d}", count) for number, count in enumerate(rows)]

    def do(self, unit: str) -> None:
        """Write the files of one unit."""
        with self.build.work.make(self.name, unit) as folder:
            planned = [self._files[i] for i in self._runs[int(unit)]]
            files = [self._write(file) for file in planned]
            write_facts(folder, files)
            records = [RowRecord(file.inputs, facts) for file, facts in zip(planned, files, strict=True)]
            write_row_records(folder, records)

    def _write(self, file: PlannedFile) -> FileFacts:
        """Write one file, unless it is there as it would be."""
        path = row_file(*part_name(file.part), file.number, file.files)
        if kept := Kept(self.build.out).take_rows(path, file.inputs):
            return kept
        with atomic_path(self.build.out / path) as temporary:
            with RowFileWriter(temporary) as writer:
                for group in self._groups(file):
                    writer.write_table(group.table())
            nbytes, rows = temporary.stat().st_size, file.stop - file.start
            return FileFacts(
                path,
                nbytes,
                hash_file(temporary),
                rows,
                groups=tuple(writer.groups),
                footer=hash_footer(temporary),
                leaves=writer.leaves,
            )

    def _groups(self, file: PlannedFile) -> Iterator[RowColumns]:
        folder = self.build.work.unit(ArrangeRows.name, file.unit)
        places = np.load(folder / places_name(file.part), mmap_mode="r")
        reader = open_spill(self.build)
        rows = reader.read(places[file.start : file.stop])
        yield from self._embedded(rows) if self.build.recipe.form == "embedded" else self._indexed(rows)
        reader.close()

    def _indexed(self, rows: Iterator[SpilledRow]) -> Iterator[RowColumns]:
        group = RowColumns()
        for row, clips in map(self._resolve, rows):
            group.add(self._values(row, clips, [(None, _cell_path(*clip)) for clip in clips]))
            if len(group) == GROUP_ROWS:
                yield group
                group = RowColumns()
        if len(group):
            yield group

    def _embedded(self, rows: Iterator[SpilledRow]) -> Iterator[RowColumns]:
        """Cut row groups by the bytes of their clips, each read and counted once."""
        group = RowColumns()
        held: dict[str, bytes] = {}
        nbytes = 0
        for row, clips in map(self._resolve, rows):
            cells: list[CellValue] = []
            for audio_id, clip in clips:
                data = held.get(audio_id)
                if data is None:
                    data = held[audio_id] = self._read(audio_id, clip)
                    nbytes += len(data)
                cells.append((data, member_name(audio_id, extension_of(clip.format), set())))
            group.add(self._values(row, clips, cells))
            if nbytes >= EMBEDDED_GROUP_BYTES or len(group) >= GROUP_ROWS:
                yield group
                group, held, nbytes = RowColumns(), {}, 0
        if len(group):
            yield group

    def _resolve(self, row: SpilledRow) -> tuple[SpilledRow, _NamedClips]:
        """Find the clips of a row, those of the input first."""
        found = find_clips(row, self._lookups)
        if isinstance(found, str):
            raise BuildError(f"the clip {found!r} has gone from the workspace; build anew with --no-resume")
        ids = (*row.instance.input_audio_ids, *row.instance.output_audio_ids)
        return row, list(zip(ids, found, strict=True))

    def _read(self, audio_id: str, clip: ClipFacts) -> bytes:
        try:
            data = self._source(audio_id, clip).read()
        except AudioError as error:
            raise BuildError(
                f"{error}; it was there when it was checked: build anew with --no-resume"
            ) from None
        if xxh3_64_intdigest(data) != clip.xxh3:
            raise BuildError(f"the clip {audio_id!r} has changed meanwhile; build anew with --no-resume")
        return data

    def _source(self, audio_id: str, clip: ClipFacts) -> ClipSource:
        """Find the clip where it came from, or where it lies fetched or transcoded."""
        if not clip.shard:
            return self.build.clips.locate(audio_id)
        path = str(self.build.work.unit(STORE, clip.shard) / CLIPS)
        return RangeSource(path, clip.offset, clip.nbytes, audio_id)

    def _values(self, row: SpilledRow, clips: _NamedClips, cells: list[CellValue]) -> RowValues:
        corpus = self.build.files[row.file].corpus
        return _row_values(row.instance, corpus, cells, [clip.seconds for _, clip in clips])


def _row_values(instance: Instance, corpus: str, cells: list[CellValue], seconds: list[float]) -> RowValues:
    """Return the values of a row in the order of the columns."""
    i = len(instance.input_audio_ids)
    return (
        instance.uuid,
        instance.instruction,
        instance.input,
        instance.output,
        instance.split,
        instance.domain,
        instance.major,
        instance.minor,
        instance.task,
        instance.direction,
        instance.unseen,
        instance.source,
        corpus,
        instance.other,
        instance.extra,
        cells[:i],
        cells[i:],
        instance.input_audio_ids,
        instance.output_audio_ids,
        seconds[:i],
        seconds[i:],
    )


@lru_cache(1 << 13)
def _cell_path(audio_id: str, clip: ClipFacts) -> str:
    extension = extension_of(clip.format)
    return make_cell(Cell("", clip.shard, audio_id, extension, clip.offset, clip.nbytes, clip.xxh3))
