"""Samples to the bytes of a file: FLAC, WAV, Ogg Vorbis, MP3; the same samples always give the same bytes."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import soundfile

from audio_flan.waveform.containers.ogg import with_serial

if TYPE_CHECKING:
    from audio_flan.demo.parts import Clip


@dataclass(frozen=True)
class Encoding:
    """A file form: its suffix and libsndfile's names for it."""

    suffix: str
    container: str
    subtype: str
    effort: float | None = None  # libsndfile's compression level, 0 to 1


ENCODINGS = {
    "flac": Encoding(".flac", "FLAC", "PCM_16", 1.0),
    "flac24": Encoding(".flac", "FLAC", "PCM_24"),
    "wav": Encoding(".wav", "WAV", "PCM_16"),
    "wav24": Encoding(".wav", "WAV", "PCM_24"),
    "wavfloat": Encoding(".wav", "WAV", "FLOAT"),
    "ogg": Encoding(".ogg", "OGG", "VORBIS"),
    "mp3": Encoding(".mp3", "MP3", "MPEG_LAYER_III", 0.7),
}


def encode(clip: Clip) -> bytes:
    """Encode a clip in its own form, free of time stamps and random serial numbers."""
    form = ENCODINGS[clip.encoding]
    buffer = io.BytesIO()
    soundfile.write(
        buffer,
        clip.samples,
        clip.rate,
        format=form.container,
        subtype=form.subtype,
        compression_level=form.effort,
    )
    data = buffer.getvalue()
    if clip.encoding == "ogg":
        return with_serial(data, zlib.crc32(clip.audio_id.encode()))
    return without_peak_time(data) if clip.encoding == "wavfloat" else data


def without_peak_time(wav: bytes) -> bytes:
    """Zero the time stamp that libsndfile writes into the PEAK chunk of a float WAV."""
    start = wav.find(b"PEAK")
    stamp = start + 12  # chunk name, size and version take four bytes each
    return wav if start < 0 else wav[:stamp] + bytes(4) + wav[stamp + 4 :]
