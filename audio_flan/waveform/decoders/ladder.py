"""Which decoder reads which clip: the fastest that is exact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from audio_flan.waveform.containers.facts import AudioHeader
from audio_flan.waveform.decoders import flac, libsndfile, pyav, torchcodec, wav

Decoder: TypeAlias = Callable[[bytes, AudioHeader, int, int], NDArray[np.float32]]
"""``decode(data, header, start_frame, stop_frame)``, float32 of shape (channels, frames)."""

DecoderName: TypeAlias = Literal["wav", "flac", "libsndfile", "pyav", "torchcodec"]

DECODERS: dict[DecoderName, Decoder] = {
    "wav": wav.decode,
    "flac": flac.decode,
    "libsndfile": libsndfile.decode,
    "pyav": pyav.decode,
    "torchcodec": torchcodec.decode,
}
"""All decoders by name. The packages behind them are imported when they are first used."""

# FFmpeg reads the header of what libsndfile does not open, and names encodings otherwise: container and
# subtype tell which of the two knows the clip.
_FFMPEG_ONLY = frozenset({"M4A", "WEBM", "AAC", "WAVPACK", "WMA"})
_LIBSNDFILE_SUBTYPES = frozenset(
    {"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM"}
    | {"MS_ADPCM", "GSM610", "VOX_ADPCM", "G721_32", "G723_24", "G723_40", "DWVW_12", "DWVW_16", "DWVW_24"}
    | {"DWVW_N", "DPCM_8", "DPCM_16", "VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III"}
    | {"ALAC_16", "ALAC_20", "ALAC_24", "ALAC_32", "NMS_ADPCM_16", "NMS_ADPCM_24", "NMS_ADPCM_32"}
)


def decoder_for(header: AudioHeader) -> Decoder:
    """Choose the decoder of a clip.

    Parameters
    ----------
    header
        The clip's header.

    Returns
    -------
    callable
        ``decode(data, header, start_frame, stop_frame)``.
    """
    if header.format == "WAV" and header.subtype in wav.SUBTYPES:
        return wav.decode
    if header.format == "FLAC":
        return flac.decode
    if header.format in _FFMPEG_ONLY or header.subtype not in _LIBSNDFILE_SUBTYPES:
        return pyav.decode
    return libsndfile.decode
