"""torchcodec (FFmpeg through torch): only when it is asked for by name."""

from __future__ import annotations

import functools
import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_flan.extras import require
from audio_flan.waveform.containers.facts import AudioHeader
from audio_flan.waveform.errors import ClipError, ClipFault


@functools.cache
def _decoder_class() -> type[Any]:
    try:
        require("torchcodec", "this decoder")
        decoders = importlib.import_module("torchcodec.decoders")
    except (ImportError, OSError, RuntimeError) as error:
        # A torchcodec that does not fit torch or finds no FFmpeg fails with any of the three.
        detail = f"torchcodec: {str(error).splitlines()[0]}"
        raise ClipError(ClipFault.UNSUPPORTED_AUDIO, detail) from error
    decoder: type[Any] = decoders.AudioDecoder
    return decoder


def decode(data: bytes, header: AudioHeader, start_frame: int, stop_frame: int) -> NDArray[np.float32]:
    """Decode the frames [start_frame, stop_frame) of a clip.

    Parameters
    ----------
    data
        The whole encoded clip.
    header
        Its header.
    start_frame, stop_frame
        Half-open range of frames inside the clip.

    Returns
    -------
    ndarray of float32, shape (channels, frames)
        The samples, decoded from the beginning so that segments equal slices of the whole.

    Raises
    ------
    ClipError
        torchcodec is not installed, or the clip is damaged or has another length than its header says.
    """
    try:
        samples = _decoder_class()(data, sample_rate=header.sampling_rate).get_all_samples().data.numpy()
    except (RuntimeError, ValueError) as error:
        detail = f"torchcodec: {str(error).splitlines()[0]}"
        raise ClipError(ClipFault.DAMAGED_AUDIO, detail) from error
    if samples.shape != (header.channels, header.frames):
        detail = f"{samples.shape[1]} of {header.frames} frames and {samples.shape[0]} channels decode"
        raise ClipError(ClipFault.TRUNCATED_AUDIO, detail)
    return np.array(samples[:, start_frame:stop_frame], np.float32, order="C")
