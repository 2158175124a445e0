"""``datasets``: its builder for tars, undecoded, soundfile. It reads the tars of `webdataset_tars`."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from peers.clips import ROWS_PER_BATCH, WORKERS, Place, decode, flat
from peers.webdataset_tars import write

__all__ = ["batches", "clips", "write"]


def clips(place: Place) -> Iterator[np.ndarray]:
    """Yield the samples of each row."""
    for row in _dataset(place):
        yield _samples(row)


def batches(place: Place) -> Any:
    """Return a loader of flat batches."""
    from torch.utils.data import DataLoader

    return DataLoader(_dataset(place), batch_size=ROWS_PER_BATCH, num_workers=WORKERS, collate_fn=_collate)


def _dataset(place: Place) -> Any:
    from datasets import Audio, load_dataset

    dataset = load_dataset("webdataset", data_files=place.files(".tar"), split="train", streaming=True)
    return dataset.cast_column(_column(dataset.column_names), Audio(decode=False))


def _column(names: Any) -> str:
    return "flac" if "flac" in names else "wav"


def _samples(row: dict[str, Any]) -> np.ndarray:
    return decode(row[_column(row)]["bytes"])


def _collate(rows: list[dict[str, Any]]) -> tuple[Any, Any]:
    return flat(_samples(row) for row in rows)
