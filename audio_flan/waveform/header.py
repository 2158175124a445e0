"""The header of an encoded clip, read without decoding it."""

from __future__ import annotations

from audio_flan.waveform.containers import flac, mp3, ogg, wav
from audio_flan.waveform.containers.declared import declared_bytes
from audio_flan.waveform.containers.facts import AudioHeader, NeedsWholeClip
from audio_flan.waveform.errors import ClipError, ClipFault

__all__ = ["AudioHeader", "NeedsWholeClip", "read_header"]

# Magic bytes of the formats that FFmpeg reads and libsndfile does not: (offset, bytes).
_FFMPEG_MAGIC = (
    (4, b"ftyp"),
    (0, b"\x1aE\xdf\xa3"),
    (0, b"\xff\xf1"),
    (0, b"\xff\xf9"),
    (0, b"wvpk"),
    (0, b"MAC "),
    (0, b"TTA1"),
    (0, b"#!AMR"),
    (0, b"\x30\x26\xb2\x75"),
    (0, b"\x0b\x77"),
    (0, b"DSD "),
)


def read_header(data: bytes, total_bytes: int | None = None) -> AudioHeader:
    """Read the facts of an encoded clip.

    Parameters
    ----------
    data
        The clip, or its beginning.
    total_bytes
        Size of the whole clip in bytes; None when `data` is all of it.

    Returns
    -------
    AudioHeader
        Format, sampling rate (Hz), channels, frames.

    Raises
    ------
    ClipError
        The clip is empty, truncated, damaged, no audio or of a kind that no installed decoder reads.
    NeedsWholeClip
        `data` is only the beginning and does not tell; call again with the whole clip. WAV and FLAC rarely
        need it, other formats do.
    """
    total = len(data) if total_bytes is None else total_bytes
    magic = data[:4]
    if magic == b"fLaC":
        return flac.parse(data, total, 0)
    if magic in (b"RIFF", b"RF64", b"BW64") and data[8:12] == b"WAVE":
        return wav.parse(data, total) or _by_library(_whole(data, total))
    if not total:
        raise ClipError(ClipFault.EMPTY_AUDIO, "zero bytes")
    return _read_other(_whole(data, total))


def _whole(data: bytes, total_bytes: int) -> bytes:
    if len(data) < total_bytes:
        raise NeedsWholeClip
    return data


def _read_other(data: bytes) -> AudioHeader:
    """Header of a format whose length is not at the beginning."""
    if data[:4] == b"OggS":
        return ogg.parse(data) or _by_library(data)
    start = _after_id3(data)
    if start < len(data) and data[start : start + 4] == b"fLaC":
        return flac.parse(data, len(data), start)
    if len(data) < start + 4:
        raise ClipError(*_too_short(data, start))
    if mp3.frame(int.from_bytes(data[start : start + 4], "big")):
        return mp3.parse(data, start) or _by_library(data)
    return _by_library(data)


def _too_short(data: bytes, start: int) -> tuple[ClipFault, str]:
    """Say what a clip is that ends before its format can be told."""
    if start:
        return ClipFault.TRUNCATED_AUDIO, f"the clip ends after {len(data)} bytes, inside its ID3 tag"
    return ClipFault.NOT_AUDIO, f"{len(data)} bytes"


def _after_id3(data: bytes) -> int:
    """Find the byte after an ID3v2 tag; 0 when there is none."""
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    size = data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9]
    return 10 + size + (10 if data[5] & 16 else 0)


def _by_library(data: bytes) -> AudioHeader:
    """Ask libsndfile, then FFmpeg, what a clip is."""
    size = declared_bytes(data)
    if size is not None and size > len(data):
        raise ClipError(ClipFault.TRUNCATED_AUDIO, f"{len(data)} of {size} bytes")
    from audio_flan.waveform.decoders import libsndfile, pyav

    header = libsndfile.read_header(data)
    # libmpg123 puts up with anything before the first frame, but guesses the length then.
    if header.subtype == "MPEG_LAYER_III" if header else not is_known(data):
        start = mp3.find(data)
        header = None if start is None else mp3.parse(data, start)
    if header is not None:
        return header
    try:
        return pyav.read_header(data)
    except ClipError as error:
        if is_known(data):
            raise
        raise ClipError(ClipFault.NOT_AUDIO, f"no audio format begins with {data[:12]!r}") from error


def is_known(data: bytes) -> bool:
    """Whether a clip begins like a format that some decoder might read.

    Parameters
    ----------
    data
        The clip, or its beginning.
    """
    if data[:4] in (b"RIFF", b"RF64", b"BW64", b"OggS", b"FORM", b".snd", b"riff", b"caff", b"fLaC"):
        return True
    return data[:3] == b"ID3" or any(data.startswith(magic, at) for at, magic in _FFMPEG_MAGIC)
