"""Clips in another encoding: FLAC, where that loses nothing, or Opus."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from audio_flan.waveform import AudioHeader, BytesSource, ClipError, LazyAudio, read_header
from audio_flan.waveform.containers.ogg import OPUS_RATES, with_serial
from audio_flan.waveform.resample import resample

if TYPE_CHECKING:
    pass

TRANSCODINGS: Final = ("none", "flac", "opus")
OPUS_CHANNEL_BITRATE: Final = 64_000
"""Bits per second and channel, on average."""
_FLAC_SUBTYPES = {"PCM_U8": "PCM_S8", "PCM_S8": "PCM_S8", "PCM_16": "PCM_16", "PCM_24": "PCM_24"}
_FLAC_CHANNELS = 8
_FLAC_RATE = 655_350
_OPUS_CHANNELS = 2
"""More have an order of their own in Opus."""
_BLOCK_FRAMES = 1 << 16
# libsndfile takes the bitrate as a level of compression between these bits per second, by channel and in all.
_LEVEL_BITRATE = 250_000
_LOWEST_BITRATE = 6_000


def transcode(data: bytes, header: AudioHeader, audio_id: str, transcoding: str) -> bytes | None:
    """Encode a clip anew.

    ``flac`` takes clips of whole numbers of up to 24 bits in up to 8 channels; every sample is compared with
    what was written. ``opus`` takes clips of one or two channels, at the next higher of the rates that Opus
    has.

    Parameters
    ----------
    data : bytes
        The clip.
    header : AudioHeader
        Its header.
    audio_id : str
        For messages.
    transcoding : {"none", "flac", "opus"}

    Returns
    -------
    bytes or None
        None for a clip that is to stay as it is: in that format already, or not fit for it. The same clip
        always gives the same bytes.

    Raises
    ------
    AudioError
        When the clip does not decode.
    """
    if transcoding == "none":
        return None
    import soundfile

    try:
        return _to_flac(data, header) if transcoding == "flac" else _to_opus(data, header, audio_id)
    except (soundfile.LibsndfileError, ClipError):
        return None  # libsndfile does not read it, or what it wrote is not whole


def opus_rate(sampling_rate: int) -> int:
    """Return the rate, in Hz, at which a clip becomes Opus: the next one that Opus has."""
    return next((rate for rate in OPUS_RATES if rate >= sampling_rate), OPUS_RATES[-1])


def _to_flac(data: bytes, header: AudioHeader) -> bytes | None:
    import soundfile

    subtype = _FLAC_SUBTYPES.get(header.subtype)
    fits = header.channels <= _FLAC_CHANNELS and header.sampling_rate <= _FLAC_RATE
    if header.format == "FLAC" or subtype is None or not fits:
        return None
    encoded = io.BytesIO()
    with soundfile.SoundFile(
        encoded, "w", header.sampling_rate, header.channels, subtype, format="FLAC"
    ) as target:
        for block in _integers(data):
            target.write(block)
    flac = encoded.getvalue()
    return flac if read_header(flac).agrees(header) and _same_samples(data, flac) else None


def _same_samples(one: bytes, other: bytes) -> bool:
    return all(
        np.array_equal(ours, theirs) for ours, theirs in zip(_integers(one), _integers(other), strict=True)
    )


def _integers(data: bytes) -> "Iterator[NDArray[np.int32]]":
    """Decode a clip block by block, to integers in the upper bits, of shape (frames, channels)."""
    import soundfile

    with soundfile.SoundFile(io.BytesIO(data)) as file:
        yield from file.blocks(_BLOCK_FRAMES, dtype="int32", always_2d=True)


def _to_opus(data: bytes, header: AudioHeader, audio_id: str) -> bytes | None:
    import soundfile

    if header.subtype == "OPUS" or header.channels > _OPUS_CHANNELS:
        return None
    samples = LazyAudio(BytesSource(data, audio_id), audio_id, header=header).decode()
    rate = opus_rate(header.sampling_rate)
    samples = resample(samples, header.sampling_rate, rate)
    encoded = io.BytesIO()
    with soundfile.SoundFile(
        encoded, "w", rate, header.channels, "OPUS", format="OGG", compression_level=_level(header.channels)
    ) as target:
        for start in range(0, samples.shape[1], _BLOCK_FRAMES):
            target.write(samples[:, start : start + _BLOCK_FRAMES].T)
    # libsndfile numbers the stream by chance.
    opus = with_serial(encoded.getvalue(), xxh3_64_intdigest(data) & 0xFFFF_FFFF)
    expected = AudioHeader("OGG", rate, header.channels, samples.shape[1], "OPUS")
    return opus if read_header(opus).agrees(expected) else None


def _level(channels: int) -> float:
    bitrate = OPUS_CHANNEL_BITRATE * channels
    return 1 - (bitrate - _LOWEST_BITRATE) / (_LEVEL_BITRATE * channels)
