"""Sizes that other containers declare, so that a cut clip is told from a whole one.

libsndfile reads a cut AIFF, AU, CAF or W64 file as a shorter one, without an error, and FFmpeg a cut WebM.
"""

from __future__ import annotations

import struct

_UNKNOWN = 0xFFFFFFFF


def declared_bytes(data: bytes) -> int | None:
    """Size a clip must have, by its own header.

    Parameters
    ----------
    data
        The clip.

    Returns
    -------
    int or None
        Bytes; None when the format is another one or the size is not written down.
    """
    measure = _mp4 if data[4:8] == b"ftyp" else _MEASURES.get(data[:4])
    try:
        return measure(data) if measure else None
    except struct.error:
        return len(data) + 1  # the header itself is cut


def _aiff(data: bytes) -> int:
    return 8 + int(struct.unpack_from(">I", data, 4)[0])


def _au(data: bytes) -> int | None:
    offset, size = struct.unpack_from(">II", data, 4)
    return None if size == _UNKNOWN else int(offset + size)


def _w64(data: bytes) -> int:
    return int(struct.unpack_from("<Q", data, 16)[0])


def _caf(data: bytes) -> int | None:
    position = 8
    while position < len(data):
        name, size = struct.unpack_from(">4sq", data, position)
        if size < 0:
            return None
        position += 12 + int(size)
        if name == b"data":
            break
    return position


def _mp4(data: bytes) -> int:
    """End of the last box; boxes follow one another up to the end of the clip."""
    position = 0
    while position < len(data):
        size, _ = struct.unpack_from(">I4s", data, position)
        if size == 1:
            size = struct.unpack_from(">Q", data, position + 8)[0]
        if size < 8:
            break  # 0: up to the end, whatever that is
        position += int(size)
    return position


def _ebml(data: bytes) -> int | None:
    """End of the segment, which follows the EBML header and holds everything else."""
    position, size = 0, 0
    for mark in (b"\x1aE\xdf\xa3", b"\x18S\x80g"):
        if data[position : position + 4] != mark or position + 12 > len(data):
            return len(data) + 1 if position + 12 > len(data) else None
        first = data[position + 4]
        width = 9 - first.bit_length()
        size = int.from_bytes(data[position + 4 : position + 4 + width], "big") & (1 << 7 * width) - 1
        position += 4 + width + (size if mark[0] == 0x1A else 0)
    return None if size == (1 << 7 * width) - 1 else position + size


_MEASURES = {b"FORM": _aiff, b".snd": _au, b"riff": _w64, b"caff": _caf, b"\x1aE\xdf\xa3": _ebml}
