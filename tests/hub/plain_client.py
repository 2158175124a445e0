"""Loads configs of a repo with plain `datasets`, nothing of ours imported, and writes down what it got.

Run in a process of its own: ``python -I plain_client.py WISH.json FOUND.json``.
"""

import hashlib
import importlib.util
import json
import sys
from itertools import islice
from pathlib import Path

import datasets
import fsspec

AUDIO = ("input_audio", "output_audio")
DECODED_ROWS = 2
"""Rows that are decoded of each split of each config."""


def main(wish, found):
    wish = json.loads(Path(wish).read_text())
    assert "audio_flan" not in sys.modules
    assert (importlib.util.find_spec("audio_flan") is not None) == wish["package"]
    datasets.disable_progress_bars()
    repo, streaming = wish["repo"], wish["streaming"]
    sample = datasets.load_dataset(repo, streaming=streaming)
    result = {
        "datasets": datasets.__version__,
        "configs": datasets.get_dataset_config_names(repo),
        "sample": {name: [row["task"] for row in hear(rows)] for name, rows in sample.items()},
        "rows": {},
        "clips": {},
    }
    for config in wish["configs"]:
        splits = datasets.load_dataset(repo, config, streaming=streaming)
        result["rows"][config] = {name: count(rows) for name, rows in splits.items()}
        for rows in splits.values():
            list(hear(islice(rows, DECODED_ROWS)))
            if config in wish["hashed"]:
                result["clips"] |= hashes(rows)
    assert wish["package"] or "audio_flan" not in sys.modules
    Path(found).write_text(json.dumps(result))


def count(rows):
    return sum(len(table) for table in rows.select_columns(["uuid"]).with_format("arrow").iter(10_000))


def hear(rows):
    """Decode the clips of rows as they are passed on."""
    for row in rows:
        clips = [clip for column in AUDIO for clip in row[column]]
        assert clips, row
        assert all(clip["array"].size and clip["sampling_rate"] for clip in clips), row
        yield row


def hashes(rows):
    """Hashes of the bytes of the clips of each row, by its uuid."""
    for column in AUDIO:
        rows = rows.cast_column(column, [datasets.Audio(decode=False)])
    return {row["uuid"]: [hash_of(cell) for column in AUDIO for cell in row[column]] for row in rows}


def hash_of(cell):
    data = cell["bytes"]
    if data is None:
        with fsspec.open(cell["path"]) as file:
            data = file.read()
    return hashlib.sha256(data).hexdigest()


main(*sys.argv[1:])
