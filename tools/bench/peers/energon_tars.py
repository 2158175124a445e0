"""``megatron-energon``: tars with its index, raw bytes, soundfile in a cooker."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from peers import webdataset_tars
from peers.clips import ROWS_PER_BATCH, WORKERS, Place, Row, decode, flat


def write(rows: Sequence[Row], folder: Path) -> None:
    """Write tars, and let its command make the index."""
    webdataset_tars.write(rows, folder)
    options = ("--non-interactive", "--split-ratio", "1,0,0", "--sample-type", "CrudeWebdataset")
    command = [str(Path(sys.executable).with_name("energon")), "prepare", str(folder), *options]
    subprocess.run(command, check=True, capture_output=True)


def clips(place: Place) -> Iterator[np.ndarray]:
    """Yield the samples of each row."""
    for sample in _loader(place, workers=0, batch=None):
        yield sample.samples


def batches(place: Place) -> Any:
    """Return a loader of flat batches."""
    return _loader(place, workers=WORKERS, batch=ROWS_PER_BATCH)


def _loader(place: Place, workers: int, batch: int | None) -> Any:
    from megatron.energon import WorkerConfig, get_savable_loader, get_train_dataset

    dataset = get_train_dataset(
        str(place.folder),
        worker_config=WorkerConfig(rank=0, world_size=1, num_workers=workers),
        batch_size=batch,
        shuffle_buffer_size=None,
        max_samples_per_sequence=None,
        repeat=False,
        task_encoder=_task_encoder(),
    )
    return get_savable_loader(dataset)


def _task_encoder() -> Any:
    from dataclasses import dataclass

    from megatron.energon import Cooker, DefaultTaskEncoder, Sample, basic_sample_keys, stateless

    @dataclass
    class Spoken(Sample):
        samples: np.ndarray

    @stateless
    def cook(sample: dict[str, Any]) -> Spoken:
        data = sample["flac"] if "flac" in sample else sample["wav"]
        return Spoken(**basic_sample_keys(sample), samples=decode(data))

    class Encoder(DefaultTaskEncoder):
        cookers = (Cooker(cook),)
        decoder = None

        def batch(self, samples: list[Spoken]) -> tuple[Any, Any]:
            return flat(sample.samples for sample in samples)

    return Encoder()
