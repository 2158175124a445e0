"""``audio_flan.load_dataset``: the same stream as a `datasets.IterableDataset`."""

from collections.abc import Iterator

import numpy as np

import audio_flan
from peers.clips import Place


def clips(place: Place) -> Iterator[np.ndarray]:
    """Yield the samples of each row."""
    for row in audio_flan.load_dataset(place.root, "speech_asr", split="train", streaming=True):
        yield row["input_audio"][0]["array"]
