"""Which decoder reads which format, tried on clips that are made on the spot."""

import io
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Final

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from audio_flan.extras import install_command
from audio_flan.installation.findings import Finding, State
from audio_flan.waveform import ClipError, read_header
from audio_flan.waveform.decoders.ladder import DECODERS, DecoderName, decoder_for

_RATE: Final = 48_000
_FRAMES: Final = 24_000
_LONGEST_PADDING: Final = 4_096
"""Frames that a codec may add in front of the sound and behind it."""
_LEVEL_TOLERANCE: Final = 0.2
"""By how much lossy codecs may change the level."""
_WRITTEN: Final = {
    "WAV": ("WAV", "PCM_16"),
    "FLAC": ("FLAC", "PCM_16"),
    "Ogg Vorbis": ("OGG", "VORBIS"),
    "Ogg Opus": ("OGG", "OPUS"),
    "MP3": ("MP3", "MPEG_LAYER_III"),
    "AIFF": ("AIFF", "PCM_16"),
}
"""Container and subtype, as libsndfile calls them."""
_MUXED: Final = {"M4A (AAC)": ("ipod", "aac"), "WebM (Opus)": ("webm", "libopus")}
"""Container and codec, as FFmpeg calls them."""
_LIBRARIES: Final[dict[DecoderName, str]] = {
    "wav": f"NumPy {np.__version__}",
    "flac": f"dr_flac in miniaudio {version('miniaudio')}",
    "libsndfile": f"libsndfile {soundfile.__libsndfile_version__}",
    "pyav": f"FFmpeg {av.ffmpeg_version_info} in PyAV {av.__version__}",
}
_FFMPEG: Final = f"apt install ffmpeg, or its libraries from elsewhere; {install_command('torch')}"
"""What torchcodec may lack: FFmpeg's shared libraries, or the torch that it was built for."""
_decoder = partial(Finding, "decoders")


def check_decoders() -> Iterator[Finding]:
    """Decode a clip of each format with the decoder that all clips of the format get."""
    for name, (container, subtype) in _WRITTEN.items():
        yield _tried(name, partial(_written, container, subtype))
    for name, (container, codec) in _MUXED.items():
        yield _tried(name, partial(_muxed, container, codec))
    yield _torchcodec()


def _tried(name: str, make: Callable[[], bytes]) -> Finding:
    try:
        data = make()
        header = read_header(data)
        decoder = decoder_for(header)
        problem = difference(decoder(data, header, 0, header.frames))
    except (ClipError, ImportError, OSError, RuntimeError, ValueError, av.FFmpegError) as error:
        problem = str(error)
    if problem:
        return _decoder(name, State.BROKEN, problem, "pip install --force-reinstall av miniaudio soundfile")
    library = next(_LIBRARIES[each] for each, decode in DECODERS.items() if decode is decoder)
    return _decoder(name, State.OK, library)


def difference(samples: NDArray[np.float32]) -> str:
    """Say how decoded samples differ from what was encoded; nothing where they do not."""
    channels, frames = samples.shape
    if channels != 1 or not _FRAMES <= frames <= _FRAMES + _LONGEST_PADDING:
        return f"{frames} frames of {channels} channels decode, of {_FRAMES} of one"
    energy = float(np.square(samples, dtype=np.float64).sum() / np.square(_tone()).sum())
    if abs(energy**0.5 - 1) > _LEVEL_TOLERANCE:
        return f"the level of what decodes is {energy**0.5:.2f} of what was encoded"
    return ""


def _tone() -> NDArray[np.float64]:
    """Half a second of 440 Hz at half of full scale, shape (frames,)."""
    tone: NDArray[np.float64] = 0.5 * np.sin(2 * np.pi * 440 / _RATE * np.arange(_FRAMES))
    return tone


def _written(container: str, subtype: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, _tone(), _RATE, format=container, subtype=subtype)
    return buffer.getvalue()


def _muxed(container: str, codec: str) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=_RATE, layout="mono")
        planes = _tone().astype(np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = _RATE, 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def _torchcodec() -> Finding:
    """Try torchcodec, with which `datasets` decodes from version 4 on; nothing here needs it."""
    if find_spec("torchcodec") is None:
        return _decoder("torchcodec", State.MISSING, "is not installed", install_command("torch"))
    data = _written(*_WRITTEN["WAV"])
    header = read_header(data)
    try:
        problem = difference(DECODERS["torchcodec"](data, header, 0, header.frames))
    except ClipError as error:
        problem = error.detail
    if problem:
        return _decoder("torchcodec", State.MISSING, problem, _FFMPEG)
    ffmpeg = getattr(sys.modules["torchcodec"], "ffmpeg_major_version", "")
    return _decoder("torchcodec", State.OK, f"FFmpeg {ffmpeg} by torchcodec {version('torchcodec')}")
