"""Change of sampling rate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def resampled_frames(frames: int, source_rate: int, target_rate: int) -> int:
    """Length of a sound after `resample`.

    Parameters
    ----------
    frames
        Length before, in frames.
    source_rate, target_rate
        Sampling rates in Hz.
    """
    # In floating point and in this order, as soxr rounds: exact halves go either way.
    return int(frames / (source_rate / target_rate) + 0.5)


def resample(samples: NDArray[np.float32], source_rate: int, target_rate: int) -> NDArray[np.float32]:
    """Change the sampling rate with soxr at high quality.

    Parameters
    ----------
    samples
        Sound of shape (channels, frames), float32.
    source_rate, target_rate
        Sampling rates in Hz.

    Returns
    -------
    ndarray of float32, shape (channels, frames)
        C-contiguous; `samples` itself when the rates are equal.
    """
    if source_rate == target_rate:
        return samples
    import soxr

    channels, frames = samples.shape
    if not frames:
        return samples
    along_time = samples[0] if channels == 1 else samples.T
    if frames == 1:
        along_time = along_time.copy()  # by the strides of one frame soxr takes it for split channels
    changed = soxr.resample(along_time, source_rate, target_rate, quality="HQ")
    return np.ascontiguousarray(changed.reshape(-1, channels).T)
