"""``webdataset``: tars, raw bytes, soundfile."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from peers.clips import ROWS_PER_BATCH, WORKERS, Place, Row, decode, flat, shards_of


def write(rows: Sequence[Row], folder: Path) -> None:
    """Write a tar for each shard, each row with its clip."""
    import webdataset

    for number, shard in enumerate(shards_of(rows)):
        with webdataset.TarWriter(str(folder / f"train-{number:05d}.tar")) as tar:
            for row in shard:
                suffix = row.clip.suffix.removeprefix(".")
                sample = {"json": row.text.encode(), suffix: row.clip.read_bytes()}
                tar.write({"__key__": f"{row.number:08d}", **sample})


def clips(place: Place) -> Iterator[np.ndarray]:
    """Yield the samples of each row."""
    for sample in _dataset(place):
        yield _samples(sample)


def batches(place: Place) -> Any:
    """Return a loader of flat batches, which are made in the workers."""
    import webdataset

    dataset = _dataset(place).map(_samples).batched(ROWS_PER_BATCH, collation_fn=flat)
    return webdataset.WebLoader(dataset, batch_size=None, num_workers=WORKERS)


def _dataset(place: Place) -> Any:
    import webdataset

    return webdataset.WebDataset(place.files(".tar"), shardshuffle=False)


def _samples(sample: dict[str, Any]) -> np.ndarray:
    return decode(sample["flac"] if "flac" in sample else sample["wav"])
