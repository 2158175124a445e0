"""Change of the number of channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def remix(samples: NDArray[np.float32], channels: int, audio_id: str) -> NDArray[np.float32]:
    """Average to mono or copy mono; anything else would be a choice that nobody made.

    Parameters
    ----------
    samples
        Sound of shape (channels, frames), float32.
    channels
        Channels to return: 1, the number that there are, or any of a mono sound.
    audio_id
        For the message.

    Returns
    -------
    ndarray of float32, shape (channels, frames)
        C-contiguous; `samples` itself when it has as many channels.

    Raises
    ------
    ValueError
        When the channels cannot be had without a choice.
    """
    if channels == len(samples):
        return samples
    if channels == 1:
        mono: NDArray[np.float32] = samples.mean(axis=0, keepdims=True)
        return mono
    if len(samples) == 1 and channels > 1:
        return np.repeat(samples, channels, axis=0)
    message = (
        f"audio {audio_id!r} has {len(samples)} channels; {channels!r} were asked for\n\n"
        "Hint: decode(channels=1) averages them, decode() keeps them."
    )
    raise ValueError(message)
