"""WAV: RIFF and RF64/BW64, plain and WAVE_FORMAT_EXTENSIBLE."""

from __future__ import annotations

import struct

from audio_flan.waveform.containers.facts import AudioHeader, NeedsWholeClip
from audio_flan.waveform.errors import ClipError, ClipFault

_chunk_at = struct.Struct("<4sI").unpack_from
_format_at = struct.Struct("<HHIIHH").unpack_from
_u16_at = struct.Struct("<H").unpack_from
_u32_at = struct.Struct("<I").unpack_from
_u64_at = struct.Struct("<Q").unpack_from

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_SUBTYPES = {
    (_PCM, 1): "PCM_U8",
    (_PCM, 2): "PCM_16",
    (_PCM, 3): "PCM_24",
    (_PCM, 4): "PCM_32",
    (_FLOAT, 4): "FLOAT",
    (_FLOAT, 8): "DOUBLE",
}
# Sizes that writers put down when they cannot seek back to enter the real one: FFmpeg's, sox's.
_UNKNOWN_SIZES = frozenset({0xFFFFFFFF, 0x7FFFF000})


def parse(data: bytes, total_bytes: int) -> AudioHeader | None:
    """Read the header of a WAV clip.

    Parameters
    ----------
    data
        The clip, or its beginning.
    total_bytes
        Size of the whole clip in bytes.

    Returns
    -------
    AudioHeader or None
        None when the samples are neither integers nor floats of whole bytes (A-law, ADPCM, ...).

    Raises
    ------
    ClipError
        The clip is truncated or its header contradicts itself.
    NeedsWholeClip
        The header is longer than `data`.
    """
    facts: tuple[int, int, int, int, int] | None = None
    long_size = None
    position, available = 12, len(data)
    while position + 8 <= available:
        name, size = _chunk_at(data, position)
        position += 8
        if name == b"data":
            if facts is None:
                raise ClipError(ClipFault.DAMAGED_AUDIO, "WAV without a format chunk before its samples")
            nbytes = _data_bytes(data, position, size, long_size, total_bytes)
            if position + nbytes + 1 < total_bytes == available:
                _check_tail(data, position + nbytes)
            return _header(facts, position, nbytes)
        if position + min(size, 40) > available:
            break
        if name == b"fmt ":
            facts = _format_chunk(data, position, size)
        elif name == b"ds64" and size >= 16:
            long_size = _u64_at(data, position + 8)[0]
        position += size + (size & 1)
    if available < total_bytes and position <= total_bytes:
        raise NeedsWholeClip
    raise ClipError(ClipFault.TRUNCATED_AUDIO, f"WAV ends after {total_bytes} bytes, before its samples")


def _format_chunk(data: bytes, position: int, size: int) -> tuple[int, int, int, int, int]:
    """Codec tag, channels, rate, bytes per frame and bits per sample."""
    if size < 16:
        raise ClipError(ClipFault.DAMAGED_AUDIO, f"WAV format chunk of {size} bytes")
    tag, channels, rate, byte_rate, frame_bytes, bits = _format_at(data, position)
    if tag == _EXTENSIBLE and size >= 40:
        tag = _u16_at(data, position + 24)[0]
    if not (channels and rate):
        raise ClipError(ClipFault.DAMAGED_AUDIO, f"WAV header with {channels} channels at {rate} Hz")
    if tag in (_PCM, _FLOAT) and byte_rate not in (0, rate * frame_bytes):
        detail = f"WAV header with {byte_rate} bytes/s, but {frame_bytes} bytes per frame at {rate} Hz"
        raise ClipError(ClipFault.DAMAGED_AUDIO, detail)
    return tag, channels, rate, frame_bytes, bits


def _data_bytes(data: bytes, offset: int, size: int, long_size: int | None, total_bytes: int) -> int:
    """Size of the samples in bytes, checked against the bytes that are there."""
    present = total_bytes - offset
    if size == 0xFFFFFFFF and long_size is not None:
        size = long_size
    elif size in _UNKNOWN_SIZES:
        return present
    elif size == 0 and _u32_at(data, 4)[0] in (0, 8):
        return present  # the recorder was stopped before it entered the sizes; libsndfile reads these too
    if size > present:
        raise ClipError(ClipFault.TRUNCATED_AUDIO, f"{max(present, 0)} of {size} bytes of samples")
    return size


def _check_tail(data: bytes, position: int) -> None:
    """Check that chunks fill the clip from the end of the samples on, which else are shorter than stored.

    Bytes behind the end that the file's own header declares are somebody else's and do not matter.
    """
    end = min(8 + _u32_at(data, 4)[0], len(data))
    position += position & 1
    while position + 8 <= end:
        name, size = _chunk_at(data, position)
        if not name.isascii() or position + 8 + size > len(data):
            break
        position += 8 + size + (size & 1)
    if position < end:
        raise ClipError(
            ClipFault.DAMAGED_AUDIO, f"{end - position} bytes of no chunk after the WAV's samples"
        )


def _header(facts: tuple[int, int, int, int, int], offset: int, nbytes: int) -> AudioHeader | None:
    tag, channels, rate, frame_bytes, bits = facts
    if tag not in (_PCM, _FLOAT):
        return None
    sample_bytes, rest = divmod(frame_bytes, channels)
    subtype = _SUBTYPES.get((tag, sample_bytes))
    if rest or subtype is None or not 0 < bits <= 8 * sample_bytes:
        detail = f"WAV header with {frame_bytes} bytes for {channels} channels of {bits} bits"
        raise ClipError(ClipFault.DAMAGED_AUDIO, detail)
    return AudioHeader("WAV", rate, channels, nbytes // frame_bytes, subtype, offset)
