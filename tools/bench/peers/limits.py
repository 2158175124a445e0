"""The limit: clips are in memory as they are stored, and are decoded one after the other; nothing else."""

import multiprocessing
import time
from collections.abc import Callable, Iterator

import numpy as np

from peers.clips import WORKERS, Place, decode, rows_of


def clips(place: Place, decoder: str = "soundfile") -> Iterator[np.ndarray]:
    """Yield the samples of each row."""
    data, decode_one = _in_memory(place), _decoder(decoder)
    for clip in data:
        yield decode_one(clip)


def frames_and_seconds(place: Place, decoder: str = "soundfile") -> tuple[list[int], float]:
    """Decode with two processes that send nothing back; return the frames of rows, and seconds taken."""
    data = _in_memory(place)
    jobs = [(decoder, data[part::WORKERS]) for part in range(WORKERS)]
    context = multiprocessing.get_context("fork")
    with context.Pool(WORKERS) as pool:
        parts = pool.starmap(_decode_all, jobs, chunksize=1)
    return [frames for part, _ in parts for frames in part], max(seconds for _, seconds in parts)


def _in_memory(place: Place) -> list[bytes]:
    rows = rows_of(place.folder)
    held = {clip: clip.read_bytes() for clip in {row.clip for row in rows}}
    return [held[row.clip] for row in rows]


def _decoder(name: str) -> Callable[[bytes], np.ndarray]:
    if name == "soundfile":
        return decode
    from audio_flan.waveform import BytesSource, LazyAudio

    return lambda data: LazyAudio(BytesSource(data, "clip"), "clip").decode()[0]


def _decode_all(decoder: str, clips: list[bytes]) -> tuple[list[int], float]:
    decode_one = _decoder(decoder)
    begin = time.perf_counter()
    frames = [len(decode_one(clip)) for clip in clips]
    return frames, time.perf_counter() - begin
