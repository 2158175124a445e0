"""WAV samples of whole bytes: a view of the clip's bytes and one conversion.

Samples carry no checksum: a flipped bit in them is a slightly different sound and cannot be found. A cut
clip and a broken header can, and are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_flan.waveform.containers.facts import AudioHeader
from audio_flan.waveform.errors import ClipError, ClipFault
from audio_flan.waveform.memory import empty

_DTYPES: dict[str, np.dtype[Any]] = {
    "PCM_U8": np.dtype("u1"),
    "PCM_16": np.dtype("<i2"),
    "PCM_24": np.dtype("<i4"),  # overlapping, see _converted
    "PCM_32": np.dtype("<i4"),
    "FLOAT": np.dtype("<f4"),
    "DOUBLE": np.dtype("<f8"),
}
_SAMPLE_BYTES = {"PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}
# Powers of two, so that scaling is exact.
_SCALES = {
    "PCM_U8": np.float32(2**-7),
    "PCM_16": np.float32(2**-15),
    "PCM_24": np.float32(2**-23),
    "PCM_32": np.float32(2**-31),
}
SUBTYPES = frozenset(_DTYPES)
"""Subtypes this decoder reads."""


def decode(data: bytes, header: AudioHeader, start_frame: int, stop_frame: int) -> NDArray[np.float32]:
    """Decode the frames [start_frame, stop_frame) of a WAV clip.

    Parameters
    ----------
    data
        The whole encoded clip.
    header
        Its header, of format ``WAV`` and a subtype in `SUBTYPES`.
    start_frame, stop_frame
        Half-open range of frames inside the clip.

    Returns
    -------
    ndarray of float32, shape (channels, frames)
        The samples, equal to libsndfile's bit for bit.

    Raises
    ------
    ClipError
        The clip ends before its header says it does.
    """
    subtype, channels = header.subtype, header.channels
    sample_bytes = _SAMPLE_BYTES[subtype]
    frames = stop_frame - start_frame
    offset = (header.data_offset or 0) + start_frame * channels * sample_bytes
    count = frames * channels
    if offset + count * sample_bytes > len(data):
        raise ClipError(ClipFault.TRUNCATED_AUDIO, f"WAV ends before frame {stop_frame} of {header.frames}")
    if not count:
        return np.empty((channels, 0), np.float32)
    samples = _converted(data, subtype, channels, frames, offset)
    scale = _SCALES.get(subtype)
    if scale is not None:
        if subtype == "PCM_U8":
            samples -= np.float32(128)
        samples *= scale
    return samples


def _converted(data: bytes, subtype: str, channels: int, frames: int, offset: int) -> NDArray[np.float32]:
    """Convert interleaved samples to float32 of shape (channels, frames), not yet scaled."""
    samples = empty((channels, frames))
    if subtype == "PCM_24":
        for channel in range(channels):
            # A view of four bytes at every sample, the first of them the byte before it, which is shifted
            # out. There is always one: the header.
            first = offset + 3 * channel - 1
            four_bytes = np.ndarray((frames,), _DTYPES[subtype], data, first, (3 * channels,))
            samples[channel] = four_bytes >> 8
        return samples
    stored = np.frombuffer(data, _DTYPES[subtype], frames * channels, offset).reshape(frames, channels)
    if subtype == "DOUBLE":
        with np.errstate(over="ignore"):  # beyond float32 is infinite, as in libsndfile
            samples[:] = stored.T
    else:
        samples[:] = stored.T
    return samples
