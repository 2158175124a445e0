"""MPEG audio layer III: every frame header is walked; Xing, Info and LAME tags give the exact length."""

from __future__ import annotations

import struct
from typing import NamedTuple

from audio_flan.waveform.containers.facts import AudioHeader
from audio_flan.waveform.errors import ClipError, ClipFault

_word_at = struct.Struct(">I").unpack_from

# Sync, version, layer and sampling rate: what does not change from frame to frame.
_SAME = 0xFFFE0C00
_VERSION_1 = 3
_BITRATES = {  # kbit/s by the header's four bits
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {0: (11_025, 12_000, 8_000), 2: (22_050, 24_000, 16_000), 3: (44_100, 48_000, 32_000)}
_DECODER_DELAY = 529
"""Frames by which an MP3 decoder is late; LAME's padding includes them."""
_FIND_BYTES = 2**16
_TAGS = (b"Xing", b"Info")
_HAS_FRAMES = 1
_TAILS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3", b"3DI")


class _Frame(NamedTuple):
    version_1: bool
    rate: int
    channels: int
    nbytes: int
    samples: int

    @property
    def side_info(self) -> int:
        """Bytes between the header (without CRC) and the sound, where a tag begins."""
        if self.version_1:
            return 32 if self.channels == 2 else 17
        return 17 if self.channels == 2 else 9


def parse(data: bytes, offset: int) -> AudioHeader | None:
    """Read the headers of all frames of an MP3 clip.

    Parameters
    ----------
    data
        The whole clip.
    offset
        Where the first frame begins.

    Returns
    -------
    AudioHeader or None
        None when no MPEG frame of known length begins there.

    Raises
    ------
    ClipError
        The last frame is cut, frames are missing, or something that is no frame lies between frames.
    """
    first = frame(_word_at(data, offset)[0]) if len(data) >= offset + 4 else None
    if first is None:
        return None
    count = _walk(data, offset)
    tag = _Tag.read(data, offset, first)
    if tag is not None:
        frames = tag.length(count - 1, first.samples)
    else:
        if _useless_tag(data, offset, first):
            offset, count = offset + first.nbytes, count - 1
        frames = max(count * first.samples - _DECODER_DELAY, 0)  # as libmpg123 does with our own tag
    return AudioHeader("MP3", first.rate, first.channels, frames, "MPEG_LAYER_III", offset)


def find(data: bytes) -> int | None:
    """Find the first frame of a clip that begins with something else.

    Parameters
    ----------
    data
        The whole clip.

    Returns
    -------
    int or None
        Offset of the first of two frames that follow one another, in the first 64 KiB.
    """
    position = data.find(b"\xff", 0, _FIND_BYTES)
    while position >= 0 and position + 4 <= len(data):
        word = _word_at(data, position)[0]
        found = frame(word)
        following = position + found.nbytes if found else len(data)
        if following + 4 <= len(data) and _word_at(data, following)[0] & _SAME == word & _SAME:
            return position
        position = data.find(b"\xff", position + 1, _FIND_BYTES)
    return None


def with_length(data: bytes, header: AudioHeader) -> bytes:
    """Give a clip from its first frame on, with a tag that states its length if it has none.

    Without one libmpg123 guesses the length from the first frames' bitrate, and libsndfile ends there. With
    it the decoder's delay is cut off at the start, as for any tagged clip.

    Parameters
    ----------
    data
        The whole clip.
    header
        Its header.
    """
    stream = data[header.data_offset or 0 :]
    word = int.from_bytes(stream[:4], "big")
    first = frame(word)
    if first is None or _Tag.read(stream, 0, first) is not None:
        return stream
    # Of the middle bitrate, so that the tag fits; without padding, CRC.
    word = word & 0xFFFF0DFF | 0x00018000
    tag = frame(word)
    if tag is None:
        return stream
    count = (header.frames + _DECODER_DELAY) // first.samples
    body = word.to_bytes(4, "big") + bytes(first.side_info) + b"Info" + struct.pack(">II", 1, count)
    return body.ljust(tag.nbytes, b"\0") + stream


def frame(word: int) -> _Frame | None:
    """Read a frame header.

    Parameters
    ----------
    word
        Four bytes, big-endian.

    Returns
    -------
    _Frame or None
        None when these bytes are no layer III frame header of known length.
    """
    version, layer = word >> 19 & 3, word >> 17 & 3
    bitrate, rate = word >> 12 & 15, word >> 10 & 3
    if word >> 21 != 0x7FF or layer != 1 or version == 1 or not 0 < bitrate < 15 or rate == 3:
        return None
    hertz = _RATES[version][rate]
    samples = 1152 if version == _VERSION_1 else 576
    padding = word >> 9 & 1
    nbytes = samples // 8 * _BITRATES[version == _VERSION_1][bitrate] * 1000 // hertz + padding
    return _Frame(version == _VERSION_1, hertz, 1 if word >> 6 & 3 == 3 else 2, nbytes, samples)


def _walk(data: bytes, offset: int) -> int:
    """Count the frames; each must begin where the one before it ends."""
    same = _word_at(data, offset)[0] & _SAME
    lengths: dict[int, int] = {}
    position, count, end = offset, 0, len(data)
    while position + 4 <= end:
        word = _word_at(data, position)[0]
        if word & _SAME != same:
            break
        kind = word >> 9
        length = lengths.get(kind)
        if length is None:
            found = frame(word)
            if found is None:
                break
            length = lengths[kind] = found.nbytes
        position += length
        count += 1
    if position > end:
        raise ClipError(ClipFault.TRUNCATED_AUDIO, f"MP3 ends inside frame {count - 1}")
    rest = data[position : position + 11]
    if rest and not rest.startswith(_TAILS) and data.count(0, position) != end - position:
        raise ClipError(ClipFault.DAMAGED_AUDIO, f"MP3 without a frame header at byte {position}")
    return count


def _useless_tag(data: bytes, offset: int, first: _Frame) -> bool:
    """Whether the first frame is a tag that libmpg123 cannot use and would play as sound."""
    position = offset + 4 + first.side_info
    return data[position : position + 4] in _TAGS or data[offset + 36 : offset + 40] == b"VBRI"


class _Tag(NamedTuple):
    """The Xing or Info tag that stands in place of the first frame's sound."""

    frames: int
    """Number of frames that follow."""
    delay: int | None
    padding: int | None
    """Samples to drop at the start and at the end, if LAME wrote them."""

    @classmethod
    def read(cls, data: bytes, offset: int, first: _Frame) -> _Tag | None:
        side_info = (
            (32 if first.channels == 2 else 17) if first.version_1 else 17 if first.channels == 2 else 9
        )
        position = offset + 4 + side_info
        if data[position : position + 4] not in _TAGS:
            return None
        flags = _word_at(data, position + 4)[0]
        if not flags & _HAS_FRAMES:
            return None
        frames = _word_at(data, position + 8)[0]
        lame = position + 8 + sum(nbytes for bit, nbytes in ((1, 4), (2, 4), (4, 100), (8, 4)) if flags & bit)
        if lame + 24 > offset + first.nbytes:
            return cls(frames, None, None)
        packed = int.from_bytes(data[lame + 21 : lame + 24], "big")
        return cls(frames, packed >> 12, packed & 0xFFF)

    def length(self, count: int, samples: int) -> int:
        """Frames of sound, as libmpg123 counts them, in `count` MPEG frames of `samples` samples."""
        if count < self.frames:
            raise ClipError(ClipFault.TRUNCATED_AUDIO, f"{count} of {self.frames} MP3 frames")
        if count > self.frames:
            raise ClipError(
                ClipFault.DAMAGED_AUDIO, f"{count} MP3 frames after a tag that says {self.frames}"
            )
        total = count * samples
        if self.delay is None or self.padding is None:
            return total
        start = self.delay + _DECODER_DELAY
        return max(total - start - max(self.padding - _DECODER_DELAY, 0), 0)
