"""The ``datasets`` feature of an audio column: cells as `datasets.Audio` stores them, decoded by `LazyAudio`.

In a schema that is written for others it calls itself ``Audio``, so that what a user saves loads in plain
``datasets`` without this package.
"""

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import datasets

from audio_flan.waveform.cell_path import clip_of_cell
from audio_flan.waveform.lazy import LazyAudio
from audio_flan.waveform.sources import UrlSource


@dataclass
class Waveform(datasets.Audio):  # type: ignore[misc]
    """An audio column that decodes without torch and without FFmpeg, when the samples are asked for.

    Parameters
    ----------
    sampling_rate : int, optional
        Rate in Hz to resample to; the clip's own by default.
    num_channels : int, optional
        1 averages the channels; the clip's own number by default.
    decode : bool
        Whether a cell becomes a `LazyAudio` (the default) or stays ``{"bytes": ..., "path": ...}``.
    """

    def encode_example(self, value: Any) -> Any:  # noqa: ANN401 - as the base class
        """Return the cell of `value`: a path, bytes, a cell, ``{"array", "sampling_rate"}`` or a `LazyAudio`.

        A `LazyAudio` is its own cell, and is passed on as it is.
        """
        if isinstance(value, LazyAudio):
            return value
        if isinstance(value, str | os.PathLike):
            return {"bytes": None, "path": os.fspath(value)}
        if isinstance(value, bytes | bytearray):
            return {"bytes": bytes(value), "path": None}
        if isinstance(value, Mapping) and "array" in value:
            return {"bytes": _as_wav(value["array"], value["sampling_rate"]), "path": value.get("path")}
        if isinstance(value, Mapping) and (value.get("bytes") is not None or value.get("path") is not None):
            return {"bytes": value.get("bytes"), "path": value.get("path"), "id": value.get("id")}
        return super().encode_example(value)

    def decode_example(self, value: Any, token_per_repo_id: dict[str, Any] | None = None) -> LazyAudio:  # noqa: ANN401
        """Return the clip of a cell; nothing is read yet.

        Raises
        ------
        ValueError
            For a cell that has neither bytes nor a path.
        """
        if not self.decode:
            raise RuntimeError("decoding is switched off for this feature; use Waveform(decode=True)")
        rate, channels = self.sampling_rate, getattr(self, "num_channels", None)
        if isinstance(value, LazyAudio):
            if rate is None and channels is None:
                return value
            return value.with_options(sampling_rate=rate, channels=channels)
        audio = LazyAudio(value, sampling_rate=rate, channels=channels)
        if clip_of_cell(value) is not None:
            return audio
        options = _storage_options(audio.location, token_per_repo_id or {})
        if options:
            source = UrlSource(audio.location, options)
            return LazyAudio(source, audio.id, sampling_rate=rate, channels=channels)
        return audio


def _storage_options(location: str, token_per_repo_id: dict[str, Any]) -> dict[str, Any]:
    if not token_per_repo_id or not location.startswith("hf://datasets/"):
        return {}
    repo_id = "/".join(location.removeprefix("hf://datasets/").split("/")[:2]).partition("@")[0]
    token = token_per_repo_id.get(repo_id)
    return {} if token is None else {"token": token}


def _as_wav(array: Any, sampling_rate: int) -> bytes:  # noqa: ANN401 - any array of samples
    """Encode samples, (frames,) or (channels, frames), as 32-bit float WAV: nothing is lost."""
    import numpy as np
    import soundfile

    samples = np.asarray(array, np.float32)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples.T, sampling_rate, format="WAV", subtype="FLOAT")
    return buffer.getvalue()
