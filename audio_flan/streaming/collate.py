"""Rows into one batch: the sound of all of them in one vector, padded, or as a list."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from audio_flan.extras import require
from audio_flan.records.schema import AUDIO_COLUMNS
from audio_flan.streaming.rows import Row
from audio_flan.streaming.share import positive
from audio_flan.taxonomy.errors import UnknownNameError, nearest_names
from audio_flan.waveform import LazyAudio
from audio_flan.waveform.memory import empty

Layout = Literal["flat", "padded", "list"]
SampleType = Literal["float32", "int16"]
Tensors = Literal["torch", "numpy"]
_CHOICES: Final = {
    "layout": ("flat", "padded", "list"),
    "dtype": ("float32", "int16"),
    "tensors": ("torch", "numpy"),
}
_FULL_SCALE: Final = 32768
Samples = NDArray[Any]


def collate(
    rows: Iterable[Row],
    audio: str | Sequence[str] = "input_audio",
    layout: Layout = "flat",
    *,
    sampling_rate: int | None = None,
    channels: int | None = None,
    dtype: SampleType = "float32",
    tensors: Tensors = "torch",
) -> dict[str, Any]:
    """Put rows into a batch, and decode their clips where that has not been done ahead.

    Flat is the cheapest to make and to send from one process to another. A clip that `on_error` left out is
    not in the batch; ``_rows`` says whose the others are.

    Parameters
    ----------
    rows : iterable of dict
        Rows of a stream.
    audio : str or sequence of str
        ``input_audio``, ``output_audio`` or both.
    layout : {"flat", "padded", "list"}
        One vector of all clips; one matrix, with zeros behind shorter clips; or an array for each clip.
    sampling_rate : int, optional
        Resample to this rate, in Hz; None leaves each clip at its own.
    channels : int, optional
        1 averages channels, n copies mono clips n times; None takes mono clips only.
    dtype : {"float32", "int16"}
        int16 is half as large and exact for clips of 16 bits; divide by 32768 where it is used.
    tensors : {"torch", "numpy"}
        What arrays are.

    Returns
    -------
    dict
        All other columns as lists, and for each of `audio` (called ``X`` here; clips are those of all rows
        in their order, and one axis of channels stands before that of frames if `channels` is above 1):

        - ``X``: shape (frames of all clips,) if flat, (clips, frames of the longest) if padded; or a list;
        - ``X_lengths``: int64, shape (clips,), in frames;
        - ``X_offsets``: int64, shape (clips + 1,), flat only: where each clip begins and the last one ends;
        - ``X_mask``: bool, shape (clips, frames of the longest), padded only: True where there is sound;
        - ``X_sampling_rates``: int64, shape (clips,), in Hz;
        - ``X_rows``: int64, shape (clips,): the row of each clip.

    Raises
    ------
    AudioError
        For a clip that does not decode.
    ValueError
        For a clip that is not mono, with ``channels=None``; for an unknown choice; for no rows; for a rate or
        a number of channels that is no positive whole number.
    ImportError
        For ``tensors="torch"`` without torch.
    """
    for name, choice in (("layout", layout), ("dtype", dtype), ("tensors", tensors)):
        if choice not in _CHOICES[name]:
            raise ValueError(f"{name} must be one of {', '.join(_CHOICES[name])}, got {choice!r}")
    sampling_rate, channels = positive("sampling_rate", sampling_rate), positive("channels", channels)
    rows = list(rows)
    if not rows:
        raise ValueError("there are no rows to collate")
    wanted = (audio,) if isinstance(audio, str) else tuple(audio)
    for column in wanted:
        if column not in AUDIO_COLUMNS:
            raise UnknownNameError("audio column", column, nearest_names(column, AUDIO_COLUMNS))
        if column not in rows[0]:
            raise ValueError(f"these rows have no {column!r}: ask for it with columns=")
    batch: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0] if name not in wanted}
    as_array = _tensor_of(tensors)
    for column in wanted:
        arrays = _collated([row[column] for row in rows], layout, sampling_rate, channels, dtype)
        for name, value in arrays.items():
            whole = as_array(value) if isinstance(value, np.ndarray) else [as_array(each) for each in value]
            batch[f"{column}_{name}" if name else column] = whole
    return batch


def _collated(
    clips: Sequence[Sequence[LazyAudio | None]],
    layout: Layout,
    sampling_rate: int | None,
    channels: int | None,
    dtype: SampleType,
) -> dict[str, Samples | list[Samples]]:
    """Return the arrays of one column by the ends of their names, given the clips of each row."""
    placed = [(number, clip) for number, row in enumerate(clips) for clip in row if clip is not None]
    decoded = [_decoded(clip, sampling_rate, channels) for _, clip in placed]
    if dtype == "int16":
        decoded = [_as_int16(samples) for samples in decoded]
    lengths = np.array([samples.shape[-1] for samples in decoded], np.int64)
    arrays: dict[str, Samples | list[Samples]] = {
        "lengths": lengths,
        "sampling_rates": np.array([sampling_rate or clip.sampling_rate for _, clip in placed], np.int64),
        "rows": np.array([number for number, _ in placed], np.int64),
    }
    leading = () if channels in (None, 1) else (channels,)
    if layout == "list":
        return {"": decoded} | arrays
    if layout == "flat":
        flat = empty((*leading, int(lengths.sum())), dtype)
        if decoded:
            np.concatenate(decoded, axis=-1, out=flat)
        return {"": flat, "offsets": np.append(0, np.cumsum(lengths))} | arrays
    longest = int(lengths.max(initial=0))
    padded = empty((len(decoded), *leading, longest), dtype)
    for line, samples in zip(padded, decoded, strict=True):
        line[..., : samples.shape[-1]] = samples
        line[..., samples.shape[-1] :] = 0
    return {"": padded, "mask": np.arange(longest) < lengths[:, None]} | arrays


def _decoded(clip: LazyAudio, sampling_rate: int | None, channels: int | None) -> Samples:
    """Decode a clip to shape (frames,) if it is to be mono, else (channels, frames)."""
    samples = clip.decode(sampling_rate=sampling_rate, channels=channels)
    if channels is None and len(samples) != 1:
        raise ValueError(
            f"audio {clip.id!r} has {len(samples)} channels\n\n"
            f"Hint: pass channels=1 to average them, or channels={len(samples)} to keep them."
        )
    return samples[0] if channels in (None, 1) else samples


def _as_int16(samples: Samples) -> Samples:
    """Round to 16 bits, in place as far as it goes."""
    samples *= np.float32(_FULL_SCALE)
    np.rint(samples, out=samples)
    np.clip(samples, -_FULL_SCALE, _FULL_SCALE - 1, out=samples)
    return samples.astype(np.int16)


def _tensor_of(tensors: Tensors) -> Callable[[Samples], Any]:
    if tensors == "numpy":
        return np.asarray
    require("torch", "tensors='torch' (tensors='numpy' does without)")
    import torch

    return torch.from_numpy
