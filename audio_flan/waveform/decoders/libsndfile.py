"""Whatever libsndfile reads: Ogg Vorbis, Opus and FLAC, MP3, AIFF, AU, CAF, W64, compressed WAV."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audio_flan.waveform.containers import mp3
from audio_flan.waveform.containers.facts import AudioHeader
from audio_flan.waveform.errors import ClipError, ClipFault
from audio_flan.waveform.memory import empty

if TYPE_CHECKING:
    import soundfile

_LOSSY = frozenset({"VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III"})
"""Subtypes whose frames depend on the ones before: libsndfile's seek gives other samples there, by up to
0.7 of full scale in Vorbis, so segments are decoded from the beginning."""
_UNSUPPORTED_ENCODING = 4


class _Clip(io.BytesIO):
    """A clip's bytes as a file, in which a broken header may send libsndfile before the beginning.

    An exception there would not reach the caller: it comes up in a callback, where it is only printed.
    """

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return super().seek(max(offset, 0) if whence == io.SEEK_SET else offset, whence)


def read_header(data: bytes) -> AudioHeader | None:
    """Read the header of a clip.

    Parameters
    ----------
    data
        The whole encoded clip.

    Returns
    -------
    AudioHeader or None
        None when libsndfile does not know the format.
    """
    import soundfile

    try:
        with soundfile.SoundFile(_Clip(data)) as file:
            name = (
                "WAV" if file.format in ("WAVEX", "RF64") else "MP3" if file.format == "MPEG" else file.format
            )
            return AudioHeader(name, file.samplerate, file.channels, file.frames, file.subtype, 0)
    except soundfile.LibsndfileError:
        return None


def decode(data: bytes, header: AudioHeader, start_frame: int, stop_frame: int) -> NDArray[np.float32]:
    """Decode the frames [start_frame, stop_frame) of a clip.

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
        The samples.

    Raises
    ------
    ClipError
        The clip is damaged, truncated or of an encoding libsndfile does not read.
    """
    import soundfile

    wanted = stop_frame - start_frame
    if header.format == "MP3":
        data = mp3.with_length(data, header)
    elif header.data_offset:
        data = data[header.data_offset :]  # behind a tag that libsndfile may not know
    try:
        with soundfile.SoundFile(_Clip(data)) as file:
            _check_facts(file, header)
            if not wanted:
                return np.empty((header.channels, 0), np.float32)
            # soundfile seeks after every read, so one read must do for a codec that seeks inexactly.
            first = 0 if header.subtype in _LOSSY or not file.seekable() else start_frame
            if file.seekable():
                file.seek(first)  # even to 0, as soundfile.read does: libmpg123 rounds differently without
            read = file.read(out=empty((stop_frame - first, header.channels)))
    except soundfile.LibsndfileError as error:
        raise _fault(error) from error
    if first + len(read) != stop_frame:
        detail = f"{first + len(read)} of {header.frames} frames decode"
        raise ClipError(ClipFault.TRUNCATED_AUDIO, detail)
    samples: NDArray[np.float32] = read[start_frame - first :]
    if header.channels > 1:
        return np.ascontiguousarray(samples.T)
    return samples.reshape(1, -1) if first == start_frame else samples.reshape(1, -1).copy()


def read_integers(data: bytes) -> tuple[NDArray[np.int32], int]:
    """Decode a whole lossless clip to integers.

    Parameters
    ----------
    data
        The whole encoded clip.

    Returns
    -------
    ndarray of int32, shape (frames, channels)
        The samples, in the upper bits.
    int
        Bits per sample.

    Raises
    ------
    ClipError
        The clip is damaged.
    """
    import soundfile

    try:
        with soundfile.SoundFile(_Clip(data)) as file:
            samples: NDArray[np.int32] = file.read(dtype="int32", always_2d=True)
            return samples, int(file.subtype.lstrip("PCM_S"))
    except soundfile.LibsndfileError as error:
        raise _fault(error) from error


def _check_facts(file: soundfile.SoundFile, header: AudioHeader) -> None:
    if file.channels != header.channels or file.samplerate != header.sampling_rate:
        detail = (
            f"{file.channels} channels at {file.samplerate} Hz, by its header {header.channels} channels at "
        )
        raise ClipError(ClipFault.DAMAGED_AUDIO, f"{detail}{header.sampling_rate} Hz")


def _fault(error: soundfile.LibsndfileError) -> ClipError:
    """Put libsndfile's error into our words; its own prefix names a memory address."""
    fault = ClipFault.UNSUPPORTED_AUDIO if error.code == _UNSUPPORTED_ENCODING else ClipFault.DAMAGED_AUDIO
    return ClipError(fault, error.error_string.removeprefix("Error : ").rstrip("."))
