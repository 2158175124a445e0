"""What a manifest counts, added up by config and split."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from audio_flan.records import SPLITS
from audio_flan.shards import Manifest
from audio_flan.shards.layout import split_of_row_file
from audio_flan.taxonomy import resolve_config


class Total(NamedTuple):
    """Of one split: rows, the length of the clips they refer to in seconds, the size of their row files."""

    rows: int
    seconds: float
    nbytes: int


Totals = Mapping[tuple[str, str], Total]
"""By task and split; those that have rows."""


def totals_of(manifest: Manifest) -> Totals:
    """Add up the counts of a manifest."""
    rows, nbytes = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    seconds: dict[tuple[str, str], float] = {}
    for count in manifest.counts:
        place = (count.task, count.split)
        rows[place] += count.rows
        seconds[place] = seconds.get(place, 0.0) + count.seconds
    for file in manifest.files:
        found = split_of_row_file(file.path)
        if found:
            nbytes[found] += file.nbytes
    return {place: Total(rows[place], seconds[place], nbytes[place]) for place in rows if rows[place]}


def splits_of(totals: Totals, config: str) -> dict[str, Total]:
    """Return the splits of a config that have rows, in the order train, validation, test."""
    tasks = resolve_config(config).task_names
    found: dict[str, Total] = {}
    for split in SPLITS:
        each = [total for (task, other), total in totals.items() if other == split and task in tasks]
        if each:
            found[split] = Total(*map(sum, zip(*each, strict=True)))
    return found
