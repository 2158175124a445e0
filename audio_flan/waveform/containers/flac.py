"""Native FLAC: the STREAMINFO block, after an ID3v2 tag if there is one."""

from __future__ import annotations

import struct

from msgspec import structs

from audio_flan.waveform.containers.facts import AudioHeader, NeedsWholeClip
from audio_flan.waveform.errors import ClipError, ClipFault

_u64_at = struct.Struct(">Q").unpack_from

_SUBTYPES = {8: "PCM_S8", 16: "PCM_16", 24: "PCM_24", 32: "PCM_32"}
_STREAMINFO_END = 42
"""Bytes of marker, block header and STREAMINFO."""
# Sampling rates of a frame header's four bits; 0 refers to STREAMINFO, 12 to 14 write the rate out.
_FRAME_RATES = (None, 88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000)
_WRITTEN_RATES = {12: (1, 1000), 13: (2, 1), 14: (2, 10)}
"""Bytes and unit in Hz of a rate that is written out, by the same four bits."""


def parse(data: bytes, total_bytes: int, offset: int) -> AudioHeader:
    """Read the header of a FLAC clip.

    Parameters
    ----------
    data
        The clip, or its beginning.
    total_bytes
        Size of the whole clip in bytes.
    offset
        Where the ``fLaC`` marker is.

    Raises
    ------
    ClipError
        The clip is truncated or its header contradicts itself.
    NeedsWholeClip
        The header lies beyond `data`, or its length is not written down and frames must be counted.
    """
    if len(data) < offset + _STREAMINFO_END:
        if len(data) < total_bytes:
            raise NeedsWholeClip
        raise ClipError(ClipFault.TRUNCATED_AUDIO, f"FLAC ends after {total_bytes} bytes, inside its header")
    # 20 bits sampling rate, 3 bits channels - 1, 5 bits bits per sample - 1, 36 bits frames
    packed = _u64_at(data, offset + 18)[0]
    rate, bits, frames = packed >> 44, (packed >> 36 & 31) + 1, packed & 0xFFFFFFFFF
    if data[offset + 4] & 127 or not rate:
        raise ClipError(ClipFault.DAMAGED_AUDIO, "FLAC without a usable STREAMINFO block")
    channels = (packed >> 41 & 7) + 1
    subtype = _SUBTYPES.get(bits) or f"PCM_{bits}"
    header = AudioHeader("FLAC", rate, channels, frames, subtype, offset)
    if len(data) < total_bytes:
        if not frames:
            raise NeedsWholeClip
        return header
    return _checked(data, header)


def _checked(data: bytes, header: AudioHeader) -> AudioHeader:
    """Check the header of a whole clip against its first frame, and find the length if it is left open."""
    begin = first_frame(data, header.data_offset or 0)
    if begin == len(data) and not header.frames:
        return header
    rate = _frame_rate(data, begin)
    if rate is not None and rate != header.sampling_rate:
        detail = f"{header.sampling_rate} Hz by the FLAC header, {rate} Hz by its first frame"
        raise ClipError(ClipFault.DAMAGED_AUDIO, detail)
    if header.frames:
        return header
    from audio_flan.waveform.decoders import flac

    return structs.replace(header, frames=flac.count_frames(data, header))


def _frame_rate(data: bytes, position: int) -> int | None:
    """Read the sampling rate in Hz from a frame's own header; None when it refers to STREAMINFO."""
    if len(data) < position + 9:
        raise ClipError(ClipFault.TRUNCATED_AUDIO, f"FLAC ends after {len(data)} bytes, before its samples")
    if data[position] != 0xFF or data[position + 1] & 0xFC != 0xF8:
        raise ClipError(ClipFault.DAMAGED_AUDIO, f"no FLAC frame at byte {position}, after the header")
    block, code = divmod(data[position + 2], 16)
    if code < len(_FRAME_RATES):
        return _FRAME_RATES[code]
    if code not in _WRITTEN_RATES:
        raise ClipError(ClipFault.DAMAGED_AUDIO, "FLAC frame without a sampling rate")
    # Behind the frame number, as long as its first byte has leading ones, and the length if written out.
    number_bytes = max(8 - (data[position + 4] ^ 0xFF).bit_length(), 1)
    position += 4 + number_bytes + {6: 1, 7: 2}.get(block, 0)
    nbytes, unit = _WRITTEN_RATES[code]
    return int.from_bytes(data[position : position + nbytes], "big") * unit


def first_frame(data: bytes, offset: int) -> int:
    """Find the byte after the metadata blocks, where the audio frames begin.

    Parameters
    ----------
    data
        The clip.
    offset
        Where the ``fLaC`` marker is.

    Raises
    ------
    ClipError
        The clip ends inside its metadata.
    """
    position, last = offset + 4, False
    while not last:
        if position + 4 > len(data):
            raise ClipError(ClipFault.TRUNCATED_AUDIO, f"FLAC ends after {len(data)} bytes, in its metadata")
        last = data[position] >= 128
        position += 4 + int.from_bytes(data[position + 1 : position + 4], "big")
    if position > len(data):
        raise ClipError(ClipFault.TRUNCATED_AUDIO, f"FLAC ends after {len(data)} bytes, in its metadata")
    return position
