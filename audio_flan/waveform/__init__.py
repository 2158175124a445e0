"""Lazily decoded audio: where a clip's bytes are, what its header says, its samples when asked for.

Importing this package imports numpy and msgspec, nothing heavier; decoders are imported when first used.
"""

from audio_flan.waveform.errors import AudioError, ClipError, ClipFault
from audio_flan.waveform.header import AudioHeader, read_header
from audio_flan.waveform.lazy import LazyAudio
from audio_flan.waveform.samples import AudioSamples
from audio_flan.waveform.sources import (
    BytesSource,
    ClipSource,
    FileSource,
    RangeSource,
    UrlSource,
)

__all__ = [
    "AudioError",
    "AudioHeader",
    "AudioSamples",
    "BytesSource",
    "ClipError",
    "ClipFault",
    "ClipSource",
    "FileSource",
    "LazyAudio",
    "RangeSource",
    "UrlSource",
    "read_header",
]
