"""What only FFmpeg reads: AAC in M4A and MP4, WebM and Matroska, WavPack, AMR, WMA, ...

FFmpeg conceals damage by default. It is told to stop at it, and the length decoded is compared with the
one the container declares.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audio_flan.waveform.containers.facts import AudioHeader
from audio_flan.waveform.errors import ClipError, ClipFault

if TYPE_CHECKING:
    from av import AudioStream
    from av.container import InputContainer

_STRICT = {"err_detect": "crccheck+bitstream+buffer+explode"}
_NAMES = {"mov": "M4A", "matroska": "WEBM", "aac": "AAC", "wv": "WAVPACK", "asf": "WMA"}
_DECLARE_LENGTH = frozenset({"mov", "matroska", "wv", "tta", "ape"})
"""Containers that write down how long their sound is; others let FFmpeg estimate."""


@functools.cache
def _av() -> ModuleType:
    import av
    import av.logging

    av.logging.set_level(None)  # failures are raised, not printed
    return av


def read_header(data: bytes) -> AudioHeader:
    """Read the facts of a clip; its length is that of its decoded sound, so it is decoded once.

    Containers state the length in other units (milliseconds, packets with padding) than frames of sound.

    Parameters
    ----------
    data
        The whole encoded clip.

    Raises
    ------
    ClipError
        FFmpeg does not know the format, finds no sound in it, finds damage, or decodes less than declared.
    """
    frames = sum(block.shape[1] for block in _blocks(data))
    try:
        with _open(data) as container:
            stream = container.streams.audio[0]
            context, kind = stream.codec_context, container.format.name.split(",")[0]
            rate, channels = context.sample_rate, context.layout.nb_channels
            declared = _declared_seconds(container, stream) if kind in _DECLARE_LENGTH else None
            name, codec = _NAMES.get(kind, kind.upper()), context.name.upper()
    except (_av().FFmpegError, ValueError) as error:
        raise _fault(error) from error
    # Containers count whole packets and, in WebM, round to milliseconds.
    if declared is not None and frames < (declared - 0.1) * rate:
        detail = f"{frames} of about {round(declared * rate)} frames decode"
        raise ClipError(ClipFault.TRUNCATED_AUDIO, detail)
    return AudioHeader(name, rate, channels, frames, codec, 0)


def decode(data: bytes, header: AudioHeader, start_frame: int, stop_frame: int) -> NDArray[np.float32]:
    """Decode the frames [start_frame, stop_frame) of a clip.

    FFmpeg's codecs depend on the frames before, so decoding begins at the beginning; it ends with the
    segment.

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
        The samples.

    Raises
    ------
    ClipError
        The clip is damaged or truncated, or FFmpeg does not read it.
    """
    samples = np.empty((header.channels, stop_frame - start_frame), np.float32)
    position = 0
    for block in _blocks(data):
        if position >= stop_frame:
            break
        if len(block) != header.channels:
            raise ClipError(ClipFault.DAMAGED_AUDIO, f"{len(block)} channels after {header.channels}")
        end = position + block.shape[1]
        first, last = max(position, start_frame), min(end, stop_frame)
        if first < last:
            samples[:, first - start_frame : last - start_frame] = block[
                :, first - position : last - position
            ]
        position = end
    if position < stop_frame:
        raise ClipError(ClipFault.TRUNCATED_AUDIO, f"{position} of {header.frames} frames decode")
    return samples


def _open(data: bytes) -> InputContainer:
    container: InputContainer = _av().open(io.BytesIO(data), options=_STRICT, metadata_errors="replace")
    return container


def _blocks(data: bytes) -> Iterator[NDArray[np.float32]]:
    """Decode a clip block by block, each float32 of shape (channels, frames)."""
    av = _av()
    try:
        with _open(data) as container:
            if not container.streams.audio:
                raise ClipError(ClipFault.NOT_AUDIO, "no sound in it")
            stream = container.streams.audio[0]
            if stream.codec_context is None:
                raise ClipError(ClipFault.UNSUPPORTED_AUDIO, "FFmpeg has no decoder for its codec")
            stream.codec_context.options = _STRICT
            # Interleaved: PyAV reads past the end of a frame of more than eight planes.
            converter = av.AudioResampler(format="flt")
            for frame in container.decode(stream):
                for block in converter.resample(frame):
                    yield block.to_ndarray().reshape(-1, block.layout.nb_channels).T
    except (av.FFmpegError, ValueError) as error:
        raise _fault(error) from error


def _declared_seconds(container: InputContainer, stream: AudioStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else float(container.duration / 1_000_000)


def _fault(error: Exception) -> ClipError:
    """Put FFmpeg's error, or PyAV's about values it did not expect, into our words."""
    av = _av()
    unsupported = isinstance(error, av.error.DecoderNotFoundError | av.error.DemuxerNotFoundError)
    fault = ClipFault.UNSUPPORTED_AUDIO if unsupported else ClipFault.DAMAGED_AUDIO
    return ClipError(fault, f"FFmpeg: {getattr(error, 'strerror', None) or error}")
