"""``audio_flan.stream``: one thread, or two that decode ahead and batches collated flat."""

from collections.abc import Iterator
from typing import Any

import numpy as np

import audio_flan
from peers.clips import ROWS_PER_BATCH, WORKERS, Place

CONFIG = "speech_asr"


def clips(place: Place, *, shuffle: bool = False) -> Iterator[np.ndarray]:
    """Yield the samples of each row."""
    for row in audio_flan.stream(place.root, CONFIG, shuffle=shuffle):
        yield row["input_audio"][0].decode()[0]


def batches(place: Place, *, shuffle: bool = False) -> Iterator[tuple[Any, Any]]:
    """Yield flat batches, decoded ahead by two threads of this process."""
    stream = audio_flan.stream(place.root, CONFIG, shuffle=shuffle, decode_threads=WORKERS)
    for batch in audio_flan.batches(stream, ROWS_PER_BATCH, collate=audio_flan.collate):
        yield batch["input_audio"], batch["input_audio_lengths"]
