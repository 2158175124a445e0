"""What a header tells about a clip, and what parsers say when they cannot tell yet."""

from __future__ import annotations

import msgspec


class AudioHeader(msgspec.Struct, frozen=True, gc=False):
    """Facts of an encoded clip that are known without decoding it."""

    format: str
    """Container format in capitals: ``WAV``, ``FLAC``, ``OGG``, ``MP3``, ``AIFF``, ``M4A``, ``WEBM``, ..."""
    sampling_rate: int
    """Samples per second and channel, in Hz."""
    channels: int
    """Number of channels, at least 1."""
    frames: int
    """Length in frames (samples per channel)."""
    subtype: str
    """Encoding as soundfile names it: ``PCM_16``, ``FLOAT``, ``VORBIS``, ...; empty when unknown."""
    data_offset: int | None = None
    """Byte at which the decoder begins; None when the facts come from an index and not from the clip."""

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.sampling_rate

    def agrees(self, other: AudioHeader) -> bool:
        """Whether both describe the same sound: rate, channels and frames."""
        return (
            self.frames == other.frames
            and self.sampling_rate == other.sampling_rate
            and self.channels == other.channels
        )


class NeedsWholeClip(Exception):
    """The facts lie beyond the bytes given: call again with all of them."""
