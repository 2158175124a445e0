"""Rows of a built root: their place, their cells, their number."""

from array import array
from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

import numpy as np
from xxhash import xxh3_64_intdigest

from audio_flan.records import Reason, Warn
from audio_flan.release import Entry, Report
from audio_flan.release.report import Progress
from audio_flan.shards.cell import CellError, parse_cell
from audio_flan.shards.checking.clips import CheckedClips, audio_fault, clip_key
from audio_flan.shards.layout import split_of_row_file
from audio_flan.shards.manifest import FileFacts, Manifest
from audio_flan.shards.parquet_reader import ParquetError, ParquetReader
from audio_flan.shards.store import Store

Counts = Counter[tuple[str, str, str, str]]
"""Rows by task, split, corpus and direction."""
_COLUMNS: Final = (
    "uuid", "task", "split", "corpus", "direction", "input_audio", "output_audio",
    "input_audio_ids", "output_audio_ids",
)  # fmt: skip
_SIDES: Final = ("input", "output")
Fault = tuple[str, str, str | None]
"""Reason, message and id of the clip."""


class _Cell(NamedTuple):
    row: int
    audio_id: str
    data: bytes | None
    path: str


def check_rows(
    store: Store,
    manifest: Manifest,
    report: Report,
    clips: CheckedClips,
    bad_files: Collection[str],
    *,
    decode: bool,
    workers: int,
    progress: Progress | None,
) -> Counts:
    """Check every row; return how many there are, good or bad."""
    files = [file for file in manifest.files if split_of_row_file(file.path)]
    total, done = sum(file.rows for file in files), 0
    counts: Counts = Counter()
    uuids = array("Q")
    good_ids = array("Q")
    failed = set(bad_files)
    with ThreadPoolExecutor(workers) as pool:
        hear = _Hear(pool, decode=decode)
        for file in files:
            if file.path not in bad_files:
                try:
                    for first, rows in _groups(store, file):
                        faults = _cell_faults(rows, clips, hear, good_ids)
                        _report_rows(file, first, rows, faults, report, counts, uuids)
                except (ParquetError, OSError) as error:
                    report.entries.add(Entry(file.path, None, None, Reason.UNREADABLE_FILE, str(error)))
                    failed.add(file.path)
            done += file.rows
            if progress:
                progress("rows", done, total)
    report.clips += len(np.unique(np.frombuffer(good_ids, np.uint64))) if good_ids else 0
    _warn_of_duplicates(store, files, failed, uuids, report)
    return counts


def _groups(store: Store, file: FileFacts) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Yield number of the first row and rows of each row group."""
    reader = ParquetReader.of(store, file)
    missing = [column for column in _COLUMNS if column not in reader.columns]
    if missing:
        raise ParquetError(f"{file.path} has no column {missing[0]!r}")
    first = 1
    for group, rows in enumerate(reader.group_rows):
        yield first, reader.read_group(group, _COLUMNS).to_pylist()
        first += rows


def _cell_faults(
    rows: list[dict[str, Any]], clips: CheckedClips, hear: "_Hear", good_ids: "array[int]"
) -> dict[int, Fault]:
    """Return the first fault of the cells of each row that has one, by the row's number in `rows`."""
    faults: dict[int, Fault] = {}
    cells: list[_Cell] = []
    for number, row in enumerate(rows):
        for side in _SIDES:
            ids, stored = row[f"{side}_audio_ids"] or [], row[f"{side}_audio"] or []
            if len(ids) != len(stored):
                message = f"{len(ids)} ids of {side} audio, and {len(stored)} cells"
                faults.setdefault(number, (Reason.BAD_CELL, message, None))
                continue
            cells += [
                _Cell(number, audio_id, (cell or {}).get("bytes"), (cell or {}).get("path") or "")
                for audio_id, cell in zip(ids, stored, strict=True)
            ]
    embedded = [cell for cell in cells if cell.data is not None]
    pointing = [cell for cell in cells if cell.data is None]
    for cell, fault in (*_pointing_faults(pointing, clips), *hear(embedded, good_ids)):
        faults.setdefault(cell.row, fault)
    return faults


def _pointing_faults(cells: list[_Cell], clips: CheckedClips) -> Iterator[tuple[_Cell, Fault]]:
    placed: list[_Cell] = []
    keys: list[int] = []
    for cell in cells:
        try:
            place = parse_cell(cell.path)
        except CellError as error:
            yield cell, (Reason.BAD_CELL, str(error), cell.audio_id)
            continue
        if place.audio_id != cell.audio_id:
            message = f"the cell of {cell.audio_id!r} points to {place.audio_id!r}"
            yield cell, (Reason.BAD_CELL, message, cell.audio_id)
            continue
        placed.append(cell)
        keys.append(clip_key(place.audio_id, place.shard, place.offset, place.nbytes))
    found = np.array(keys, np.uint64)
    for cell, known, bad in zip(placed, clips.has(found), clips.are_bad(found), strict=True):
        if not known:
            yield cell, (Reason.BAD_CELL, f"the index has no clip at {cell.path}", cell.audio_id)
        elif bad:
            message = f"the clip {cell.audio_id!r} cannot be used; it has an entry of its own"
            yield cell, (Reason.UNUSABLE_AUDIO, message, cell.audio_id)


class _Hear:
    """Checks embedded clips, each of a row group once."""

    def __init__(self, pool: ThreadPoolExecutor, *, decode: bool) -> None:
        self._pool, self._decode = pool, decode

    def __call__(self, cells: list[_Cell], good_ids: "array[int]") -> Iterator[tuple[_Cell, Fault]]:
        """Yield the cells whose clip is bad; add hashes of the ids of the good ones to `good_ids`."""
        by_hash: dict[int, _Cell] = {}
        digests = [xxh3_64_intdigest(cell.data or b"") for cell in cells]
        for digest, cell in zip(digests, cells, strict=True):
            by_hash.setdefault(digest, cell)
        checked = self._pool.map(self._fault, by_hash.values())
        faults = dict(zip(by_hash, checked, strict=True))
        good = {cell.audio_id for digest, cell in zip(digests, cells, strict=True) if not faults[digest]}
        good_ids.extend(xxh3_64_intdigest(audio_id.encode()) for audio_id in good)
        for digest, cell in zip(digests, cells, strict=True):
            fault = faults[digest]
            if fault:
                yield cell, (*fault, cell.audio_id)

    def _fault(self, cell: _Cell) -> tuple[str, str] | None:
        return audio_fault(cell.data or b"", cell.audio_id, decode=self._decode)


def _report_rows(
    file: FileFacts,
    first: int,
    rows: list[dict[str, Any]],
    faults: dict[int, Fault],
    report: Report,
    counts: Counts,
    uuids: "array[int]",
) -> None:
    place = split_of_row_file(file.path)
    for number, row in enumerate(rows):
        counts[row["task"], row["split"], row["corpus"], row["direction"]] += 1
        uuids.append(_uuid_key(row))
        fault = faults.get(number)
        if (row["task"], row["split"]) != place:
            message = f"a row of {row['task']}, {row['split']}, where no reader of that config looks"
            fault = (Reason.WRONG_FOLDER, message, None)
        if fault is None:
            report.rows += 1
        else:
            reason, message, audio_id = fault
            report.entries.add(Entry(file.path, first + number, None, reason, message, audio_id, row["uuid"]))


def _uuid_key(row: dict[str, Any]) -> int:
    """Return a hash of uuid and task: a record of two tasks is a row in each, rightly."""
    return xxh3_64_intdigest(f"{row['task']}\0{row['uuid']}".encode())


def _warn_of_duplicates(
    store: Store, files: list[FileFacts], bad_files: Collection[str], uuids: "array[int]", report: Report
) -> None:
    """Name the rows whose uuid an earlier row of the task has; files are read again only if there are any."""
    values = np.sort(np.frombuffer(uuids, np.uint64)) if uuids else np.empty(0, np.uint64)
    repeated = set(values[1:][values[1:] == values[:-1]].tolist())
    seen: dict[int, str] = {}
    if not repeated:
        return
    for file in files:
        if file.path in bad_files:
            continue
        for first, rows in _groups(store, file):
            for number, row in enumerate(rows, first):
                key = _uuid_key(row)
                if key not in repeated:
                    continue
                earlier = seen.setdefault(key, f"{file.path}:{number}")
                if earlier != f"{file.path}:{number}":
                    message = f"the uuid occurs at {earlier} already; both rows are kept"
                    entry = Entry(file.path, number, None, Warn.DUPLICATE_UUID, message, None, row["uuid"])
                    report.warnings.add(entry)
