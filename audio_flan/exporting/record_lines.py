"""From rows back to the records of a release.

A record that names several tasks or splits is several rows. It comes back as one record as often as all of
its rows are drawn, and as one of a single task and split for each further draw of one of them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from audio_flan.exporting.buckets import Group, corpus_folder, folder_of, part_of
from audio_flan.exporting.spill import Item
from audio_flan.records import Instance, Reason, RecordFault, parse_record
from audio_flan.records.json_text import encode
from audio_flan.records.serialise import to_record
from audio_flan.records.splits import release_split
from audio_flan.release.lines import MAX_LINE_BYTES
from audio_flan.taxonomy import taxonomy

METADATA_FOLDER: Final = "metadata"
_FIELDS = Instance.__struct_fields__


class Lines(NamedTuple):
    """A row as the lines that may be written of it, and where in a release they stand."""

    group: Group
    line: bytes
    own: int
    places: int
    single: bytes


def lines_of(row: Mapping[str, Any]) -> Lines:
    """Turn a row into lines.

    Raises
    ------
    RecordFault
        When the record would not be read as this row: the data are not what this toolkit writes.
    """
    instance = Instance(*(row[field] for field in _FIELDS))
    record = to_record(instance)
    line = encode(record).encode()
    instances = _read(line)
    own = _find(instances, instance)
    corpus = corpus_folder(row["corpus"])
    if len(instances) == 1:
        return Lines(_home(instances, corpus), line, 0, 1, b"")
    single = encode(_alone(record, instance)).encode()
    read_alone = _read(single)
    _find(read_alone, instance)
    try:
        return Lines(_home(instances, corpus), line, own, len(instances), single)
    except ValueError:
        return Lines(_home(read_alone, corpus), single, 0, 1, b"")


def join_records(items: Iterable[Item]) -> Counter[bytes]:
    """Count how often each line is to be written, so that each row comes out as often as it is drawn."""
    counts: Counter[bytes] = Counter()
    drawn: dict[bytes, list[int]] = {}
    singles: dict[tuple[bytes, int], bytes] = {}
    for item in items:
        if item.places == 1:
            counts[item.line] += item.draws
        else:
            drawn.setdefault(item.line, [0] * item.places)[item.own] += item.draws
            singles[item.line, item.own] = item.single
    for line, draws in drawn.items():
        whole = min(draws)
        counts[line] += whole
        for own, each in enumerate(draws):
            if each > whole:
                counts[singles[line, own]] += each - whole
    return +counts


def _read(line: bytes) -> list[Instance]:
    if len(line) > MAX_LINE_BYTES:
        raise RecordFault(Reason.LINE_TOO_LONG, f"the record is over {MAX_LINE_BYTES:,} bytes long")
    return parse_record(line).instances


def _find(instances: list[Instance], instance: Instance) -> int:
    """Return which of `instances` is the row."""
    for number, found in enumerate(instances):
        if msgspec.structs.replace(found, extra=instance.extra) == instance:
            return number
    raise RecordFault(Reason.BAD_CELL, "the columns of the row contradict each other")


def _home(instances: list[Instance], corpus: str) -> Group:
    """Return where a record stands in a release.

    Raises
    ------
    ValueError
        When no one place is right for all its tasks and splits.
    """
    tasks = [taxonomy().tasks[instance.task] for instance in instances]
    folder = folder_of(tasks)
    parts = {part_of(instance.split) for instance in instances}
    if folder is None or len(parts) > 1:
        raise ValueError("no folder fits")
    return tasks[0].domain, folder, parts.pop(), corpus


def _alone(record: dict[str, Any], instance: Instance) -> dict[str, Any]:
    """Return a record of one task and split."""
    only = {"major": [instance.major], "minor": [instance.minor], "U/G": [instance.direction]}
    return record | {
        "split": [release_split(instance.split)],
        "task_type": record["task_type"] | only,
    }


def metadata_file(group: Group, number: int) -> str:
    """Return the path of a metadata file."""
    domain, folder, part, corpus = group
    return f"{METADATA_FOLDER}/{domain}/{folder}/{part}/{corpus}/jsonl/{corpus}-{number:05d}.jsonl"
