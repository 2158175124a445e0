"""FLAC by dr_flac (in miniaudio), straight into the result's memory: about twice as fast as libFLAC.

dr_flac checks the CRC-16 of every FLAC frame, but skips a frame that fails and goes on with the next one.
Only the number of frames it delivers up to the very end of the clip tells, so that is what is checked.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from audio_flan.waveform.containers.facts import AudioHeader
from audio_flan.waveform.errors import ClipError, ClipFault
from audio_flan.waveform.memory import empty

_EXACT = frozenset({"PCM_S8", "PCM_16", "PCM_24"})
"""Subtypes for which dr_flac's floats equal libsndfile's bit for bit."""
_SEEK_BONUS = 2
"""How much faster dr_flac decodes a frame than libFLAC."""
_LENGTH = slice(22, 26)
"""Where STREAMINFO has the lower 32 of its 36 bits of length, counted from the ``fLaC`` marker."""
_MD5 = slice(26, 42)
_ALL = 2**36


def decode(data: bytes, header: AudioHeader, start_frame: int, stop_frame: int) -> NDArray[np.float32]:
    """Decode the frames [start_frame, stop_frame) of a FLAC clip.

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
        The samples, equal to libsndfile's bit for bit.

    Raises
    ------
    ClipError
        A frame is damaged or missing, or the clip has another length than its header says.
    """
    frames = stop_frame - start_frame
    if not frames:
        return np.empty((header.channels, 0), np.float32)
    # Whatever lies behind the segment must be decoded too, to be sure that nothing in it was skipped.
    # libFLAC reports damage where it is, so it is the cheaper one for an early part of a long clip.
    to_the_end = header.frames - start_frame
    if header.subtype not in _EXACT or to_the_end > _SEEK_BONUS * frames + 8192:
        from audio_flan.waveform.decoders import libsndfile

        return libsndfile.decode(_with_length(data, header), header, start_frame, stop_frame)
    return _decode_to_end(data, header, start_frame, stop_frame)


def _decode_to_end(data: bytes, header: AudioHeader, start: int, stop: int) -> NDArray[np.float32]:
    from miniaudio import ffi, lib

    channels = header.channels
    with _stream(data, header.data_offset or 0) as stream:
        if stream.channels != channels or stream.sampleRate != header.sampling_rate:
            raise ClipError(ClipFault.DAMAGED_AUDIO, "FLAC frames of another rate or channel count")
        if start and not lib.ma_dr_flac_seek_to_pcm_frame(stream, start):
            raise ClipError(ClipFault.DAMAGED_AUDIO, f"FLAC does not seek to frame {start}")
        samples = empty((stop - start, channels))
        got = lib.ma_dr_flac_read_pcm_frames_f32(stream, stop - start, ffi.from_buffer("float[]", samples))
        # A null buffer decodes without storing. One frame more is asked for than there should be.
        got += lib.ma_dr_flac_read_pcm_frames_f32(stream, header.frames - stop + 1, ffi.NULL)
    if start + got != header.frames:
        raise _wrong_count(data, header, start + got)
    return samples.reshape(1, -1) if channels == 1 else np.ascontiguousarray(samples.T)


@contextlib.contextmanager
def _stream(data: bytes, offset: int) -> Iterator[Any]:
    """Open dr_flac's stream on a clip's bytes."""
    from miniaudio import ffi, lib

    encoded = ffi.from_buffer(data)
    stream = lib.ma_dr_flac_open_memory(encoded + offset, len(data) - offset, ffi.NULL)
    if not stream:
        raise ClipError(ClipFault.DAMAGED_AUDIO, "FLAC does not open")
    try:
        yield stream
    finally:
        lib.ma_dr_flac_close(stream)


def _wrong_count(data: bytes, header: AudioHeader, got: int) -> ClipError:
    """Tell a clip that was cut from one with damage inside."""
    from miniaudio import ffi, lib

    if got > header.frames:
        detail = f"more frames than the {header.frames} of the header"
        return ClipError(ClipFault.DAMAGED_AUDIO, detail)
    with _stream(data, header.data_offset or 0) as stream:
        # Only the last block of a clip is shorter than the others: if it is there, one before it is not.
        inside = got % (stream.maxBlockSizeInPCMFrames or 1) or (
            lib.ma_dr_flac_seek_to_pcm_frame(stream, header.frames - 1)
            and lib.ma_dr_flac_read_pcm_frames_f32(stream, 1, ffi.NULL)
        )
    fault = ClipFault.DAMAGED_AUDIO if inside else ClipFault.TRUNCATED_AUDIO
    return ClipError(fault, f"{got} of {header.frames} frames decode")


def count_frames(data: bytes, header: AudioHeader) -> int:
    """Count the frames of a FLAC stream whose header leaves the number open.

    The whole stream is decoded twice: by dr_flac, which counts but skips damage, then by libFLAC, which
    reports damage but must be told the length. The MD5 in the header, if the encoder could enter one,
    decides. Without it, whole FLAC frames missing at the end of the clip go unnoticed.

    Parameters
    ----------
    data
        The whole encoded clip.
    header
        Its header, whatever its length says.

    Returns
    -------
    int
        Frames (samples per channel).

    Raises
    ------
    ClipError
        A frame is damaged, the last one is cut, or the samples do not match the MD5.
    """
    from audio_flan.waveform.decoders import libsndfile

    offset = header.data_offset or 0
    frames = _readable_frames(data, offset)
    if not frames:
        raise ClipError(ClipFault.DAMAGED_AUDIO, "no FLAC frame decodes")
    counted = _with_length(data, structs.replace(header, frames=frames))
    samples, bits = libsndfile.read_integers(counted[offset:])
    stored = data[offset + _MD5.start : offset + _MD5.stop]
    if any(stored):
        if _md5(samples, bits) != stored:
            raise ClipError(ClipFault.DAMAGED_AUDIO, "FLAC samples do not match their MD5")
    elif _readable_frames(data[:-1], offset) == frames:
        # The last byte belongs to no whole frame.
        raise ClipError(ClipFault.TRUNCATED_AUDIO, f"FLAC ends inside a frame after {frames} frames of sound")
    return frames


def _readable_frames(data: bytes, offset: int) -> int:
    from miniaudio import ffi, lib

    with _stream(data, offset) as stream:
        return int(lib.ma_dr_flac_read_pcm_frames_f32(stream, _ALL, ffi.NULL))


def _with_length(data: bytes, header: AudioHeader) -> bytes:
    """Enter the length into STREAMINFO if it is missing; without it libsndfile does not seek or end."""
    start = header.data_offset or 0
    high, low = divmod(header.frames, 2**32)
    if data[start + 21] & 15 or any(data[start + _LENGTH.start : start + _LENGTH.stop]):
        return data
    high_byte = bytes([data[start + 21] | high])
    return data[: start + 21] + high_byte + low.to_bytes(4, "big") + data[start + _LENGTH.stop :]


def _md5(samples: NDArray[np.int32], bits: int) -> bytes:
    """MD5 of samples as FLAC defines it: interleaved, little-endian, in as few bytes as they need."""
    width = (bits + 7) // 8
    packed = (samples >> (32 - bits)).astype("<i4").reshape(-1, 1).view(np.uint8)[:, :width]
    return hashlib.md5(packed.tobytes(), usedforsecurity=False).digest()
