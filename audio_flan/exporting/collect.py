"""First step: the rows that are drawn, each as what is written of it, and their clips as files."""

import os
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from itertools import compress
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from audio_flan.building.order import runs
from audio_flan.building.step import Unit
from audio_flan.building.workspace import FaultLog, write_facts
from audio_flan.exporting.buckets import Buckets, corpus_folder
from audio_flan.exporting.chat import NotCarriedError, check_carried, conversation
from audio_flan.exporting.clip_files import ClipFile
from audio_flan.exporting.job import AUDIO_FOLDER, DrawnLeaf, ExportStep, Job, Place, place_of
from audio_flan.exporting.record_lines import lines_of
from audio_flan.exporting.row_clips import RowClips
from audio_flan.exporting.samples import sample_name
from audio_flan.exporting.spill import ClipItem, Item, SpillWriter
from audio_flan.records import SPLITS, RecordFault
from audio_flan.records.json_text import encode
from audio_flan.records.schema import AUDIO_COLUMNS, COLUMNS
from audio_flan.release import Entry, Quarantine
from audio_flan.streaming.release_rows import ReleaseRows
from audio_flan.streaming.rows import CLIP_COLUMNS, Row, Wish
from audio_flan.taxonomy import resolve_config
from audio_flan.waveform import AudioError

ROWS: Final = "rows"
CLIPS: Final = "clips"
DRAWS_FOLDER: Final = "draws"
CLIP_BUCKET_ROWS: Final = 200_000
_LEAST_UNIT_ROWS: Final = 1 << 12
_MOST_UNITS: Final = 2000
TEXT_COLUMNS: Final = tuple(column for column in COLUMNS if column not in AUDIO_COLUMNS)


class Collect(ExportStep):
    """Its units are runs of files of rows."""

    name = "collect"
    title = "reading rows"

    @cached_property
    def _runs(self) -> list[range]:
        limit = max(_LEAST_UNIT_ROWS, self.job.selected.rows // _MOST_UNITS)
        return runs((part.drawn for part in self.job.selected.parts), limit)

    @cached_property
    def units(self) -> list[Unit]:
        """One for each run of files; the weight is rows."""
        parts = self.job.selected.parts
        return [Unit(f"{i:06d}", sum(parts[j].drawn for j in run)) for i, run in enumerate(self._runs)]

    @cached_property
    def _clips(self) -> RowClips:
        return RowClips(self.job)

    @cached_property
    def _buckets(self) -> Buckets:
        return self.job.buckets

    @cached_property
    def _files(self) -> dict[str, Any]:
        return {file.path: file for file in self.job.source.files(resolve_config("all"), SPLITS)}

    def do(self, unit: str) -> None:
        """Collect the rows of one unit."""
        with (
            self.work.make(self.name, unit) as folder,
            SpillWriter(folder, ROWS) as rows,
            SpillWriter(folder, CLIPS) as needs,
        ):
            collected = _Unit(self.job, self._buckets, self._clips, folder, rows, needs)
            unread = Quarantine(limit=0)
            for i in self._runs[int(unit)]:
                path = self.job.selected.parts[i].path
                draws = np.load(self.work.root / DRAWS_FOLDER / f"{i:06d}.npy")
                for number, row in drawn_rows(self.job, self._files[path], draws, unread):
                    collected.take(path, number, row, int(draws[number]))
            collected.finish(len(unread))


def drawn_rows(
    job: Job,
    file: Any,  # noqa: ANN401 - a file of the source
    draws: NDArray[Any],
    unread: Quarantine,
) -> Iterator[tuple[int, Row]]:
    """Yield the rows of a file that are drawn, each with its number from 0.

    No clip of a release is opened: they are found by their ids. Records that cannot be read, of the whole
    file, go to `unread`.
    """
    columns: tuple[str, ...] | None = None
    if isinstance(job.source, ReleaseRows):
        columns = tuple(column for column in COLUMNS if column not in CLIP_COLUMNS)
    elif job.request.to == "jsonl":
        columns = TEXT_COLUMNS
    wish = Wish(resolve_config("all"), SPLITS, columns)
    for number, make in compress(enumerate(job.source.row_makers(file, wish, unread)), draws):
        row = make(unread)
        if row is not None:
            yield number, row


class _Unit:
    """Takes in rows and writes the folder of a unit."""

    def __init__(
        self,
        job: Job,
        buckets: Buckets,
        clips: RowClips,
        folder: Path,
        rows: SpillWriter,
        needs: SpillWriter,
    ) -> None:
        self._job, self._buckets, self._clips, self._folder = job, buckets, clips, folder
        self._rows, self._needs = rows, needs
        self._n_clip_buckets = clip_buckets(job)
        self._faults = FaultLog(folder, job.source.root)
        self._quarantined: Counter[str] = Counter()
        self._left_out: dict[Place, list[int]] = {}
        self._needed: set[str] = set()

    def take(self, path: str, number: int, row: Row, draws: int) -> None:
        """Take a row that is drawn, or name why it cannot be."""
        try:
            self._take(row, draws)
        except AudioError as error:
            self._refuse(
                path, number, row, draws, error.fault, f"{error.detail} ({error.location})", error.audio_id
            )
        except RecordFault as fault:
            self._refuse(path, number, row, draws, fault.reason, fault.detail)
        except NotCarriedError as error:
            self._refuse(path, number, row, draws, error.reason, str(error))

    def _refuse(
        self,
        path: str,
        number: int,
        row: Row,
        draws: int,
        reason: str,
        message: str,
        audio_id: str | None = None,
    ) -> None:
        self._quarantined[str(reason)] += draws
        counts = self._left_out.setdefault(place_of(row), [0, 0])
        counts[0] += draws
        counts[1] += 1
        line = None if self._job.source.form == "release" else number + 1
        self._faults.add(row["corpus"], Entry(path, line, None, reason, message, audio_id, row["uuid"]))

    def _take(self, row: Row, draws: int) -> None:
        request = self._job.request
        if request.style:
            check_carried(row, request.style)
        if self._job.needs_release:
            lines = lines_of(row)
            files = self._clips.of_row(row)
            bucket = self._buckets.find(lines.group, row["uuid"])
            self._rows.add(bucket, Item(lines.line, draws, lines.own, lines.places, lines.single))
            self._need(row, files)
            return
        bucket = self._buckets.find((row["split"],), row["uuid"])
        if request.to == "jsonl":
            line = {column: row.get(column) for column in TEXT_COLUMNS} | self._clips.seconds_of_row(row)
            self._rows.add(bucket, Item(encode(line).encode(), draws))
            return
        files = self._clips.of_row(row)
        names = tuple(clip.file for clip in files)
        if request.style:
            line = conversation(row, [f"{AUDIO_FOLDER}/{name}" for name in names], request.style)
            self._rows.add(bucket, Item(encode(line).encode(), draws, clips=names))
        else:
            inputs = len(row["input_audio_ids"])
            seconds = [clip.seconds for clip in files]
            line = {column: row.get(column) for column in TEXT_COLUMNS}
            line |= {"input_seconds": seconds[:inputs], "output_seconds": seconds[inputs:]}
            name = sample_name(row["uuid"], row["task"])
            item = Item(encode(line).encode(), draws, name=name, clips=names, inputs=inputs)
            self._rows.add(bucket, item)
        self._need(row, files)

    def _need(self, row: Row, files: list[ClipFile]) -> None:
        """Note that a row needs clips."""
        ids = [*row["input_audio_ids"], *row["output_audio_ids"]]
        for audio_id, clip in zip(ids, files, strict=True):
            key = f"{row['domain']} {row['corpus']} {clip.file}"
            if key not in self._needed:
                self._needed.add(key)
                corpus = corpus_folder(row["corpus"])
                need = ClipItem(audio_id, clip.file, row["domain"], corpus)
                self._needs.add(clip_bucket(clip.file, self._n_clip_buckets), need)

    def finish(self, unread: int) -> None:
        """Write what has been gathered; what was written of clips is on the disk before the unit is done."""
        self._faults.flush()
        if self._clips.take_written():
            os.sync()
        left_out = [
            DrawnLeaf(*place, rows=rows, distinct=distinct)
            for place, (rows, distinct) in self._left_out.items()
        ]
        facts = {"quarantined": dict(self._quarantined), "left_out": left_out, "unread": unread}
        write_facts(self._folder, facts)


def clip_buckets(job: Job) -> int:
    """Return the number of buckets that clips are sorted into."""
    return max(1, -(-job.selected.rows // CLIP_BUCKET_ROWS))


def clip_bucket(file: str, count: int) -> int:
    """Return the bucket of a clip."""
    from xxhash import xxh3_64_intdigest

    return xxh3_64_intdigest(file.encode()) % count
