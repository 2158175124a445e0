"""Decoded sound in the shape that torchcodec gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, eq=False)
class AudioSamples:
    """Decoded samples and where they lie, with the fields of torchcodec's class of the same name."""

    data: Any
    """float32 of shape (channels, frames): a torch tensor if torch is installed, else a numpy array."""
    pts_seconds: float
    """When the first sample plays, in seconds from the clip's beginning."""
    duration_seconds: float
    """How long the samples last, in seconds."""
    sample_rate: int
    """Samples per second and channel, in Hz."""

    @classmethod
    def of(cls, samples: NDArray[np.float32], start_seconds: float, sample_rate: int) -> AudioSamples:
        """Wrap an array of samples, without a copy.

        Parameters
        ----------
        samples
            float32 of shape (channels, frames).
        start_seconds
            When the first of them plays, in seconds from the clip's beginning.
        sample_rate
            In Hz.
        """
        return cls(_as_tensor(samples), start_seconds, samples.shape[1] / sample_rate, sample_rate)


@dataclass(frozen=True, slots=True)
class AudioStreamMetadata:
    """Facts of a clip, with the field names of torchcodec's class of the same name."""

    sample_rate: int
    """Of what decoding returns, in Hz."""
    num_channels: int
    """Of what decoding returns."""
    duration_seconds: float
    """Length in seconds."""
    duration_seconds_from_header: float
    """The same: lengths always come from the header and are checked when decoding."""
    codec: str
    """Encoding in small letters, such as ``pcm_16``, ``flac`` or ``vorbis``."""
    path: str
    """The path or URL of the clip."""


def _as_tensor(samples: NDArray[np.float32]) -> torch.Tensor | NDArray[np.float32]:
    try:
        import torch
    except ImportError:
        return samples
    return torch.from_numpy(samples)
