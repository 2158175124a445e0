"""Ogg with Vorbis or Opus: every page's checksum and number are verified, frames come from granules."""

from __future__ import annotations

import itertools
import struct
import zlib
from typing import NamedTuple

from audio_flan.waveform.containers.facts import AudioHeader
from audio_flan.waveform.errors import ClipError, ClipFault

_page_at = struct.Struct("<4sBBqIIIB").unpack_from
_PAGE_HEADER = 27
_CHECKSUM = slice(22, 26)
_END_OF_STREAM = 4

# Ogg's CRC-32 is zlib's polynomial with the bits of every byte in the other order, so mirrored bytes let
# zlib compute it. Written without zlib's inversion of the first and last value.
_MIRROR = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_INVERT = 0xFFFFFFFF

OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
_OPUS_CLOCK = 48_000
# Frames of one Opus frame at 48 kHz, by the upper five bits of a packet's first byte (RFC 6716, table 2).
_OPUS_FRAME = (480, 960, 1920, 2880) * 3 + (480, 960) * 2 + (120, 240, 480, 960) * 4


def parse(data: bytes) -> AudioHeader | None:
    """Read the header of an Ogg clip and verify its pages.

    Parameters
    ----------
    data
        The whole clip.

    Returns
    -------
    AudioHeader or None
        None for anything but one Vorbis or Opus stream that begins at time zero: FLAC or Speex in Ogg,
        several streams, a cut without a new clock. libsndfile or FFmpeg must say what that is.

    Raises
    ------
    ClipError
        A page is missing, damaged or cut, or the stream has no end.
    """
    pages = _verified_pages(data)
    if len({page.serial for page in pages}) > 1:
        return None
    if not pages[-1].flags & _END_OF_STREAM:
        detail = f"Ogg without a last page after {len(pages)} pages"
        raise ClipError(ClipFault.TRUNCATED_AUDIO, detail)
    marker = data[pages[0].body : pages[0].body + 8]
    if marker == b"OpusHead":
        return _opus(data, pages)
    if marker[:7] == b"\x01vorbis":
        return _vorbis(data, pages)
    return None


def with_serial(data: bytes, serial: int) -> bytes:
    """Give every page of a clip of one stream this serial number (32 bits), and mend the checksums.

    Parameters
    ----------
    data
        The whole clip.
    serial
        The number of the stream, which encoders choose by chance.

    Raises
    ------
    ClipError
        A page is missing, damaged or cut.
    """
    changed, start = bytearray(data), 0
    for page in _verified_pages(data):
        changed[start + 14 : start + 18] = serial.to_bytes(4, "little")
        mirrored = memoryview(bytes(changed[start : page.end]).translate(_MIRROR))
        checksum = _checksum(mirrored, 0, len(mirrored)).to_bytes(4, "big").translate(_MIRROR)
        changed[start + _CHECKSUM.start : start + _CHECKSUM.stop] = checksum
        start = page.end
    return bytes(changed)


class _Page(NamedTuple):
    flags: int
    granule: int
    serial: int
    body: int
    """Offset of the page's body."""
    lacing: bytes
    end: int


def _verified_pages(data: bytes) -> list[_Page]:
    """Walk the pages of a clip; each must follow the last, be complete and match its checksum."""
    mirrored = memoryview(data.translate(_MIRROR))
    numbers: dict[int, int] = {}
    pages: list[_Page] = []
    position = 0
    while position < len(data):
        page, number = _page(data, position, len(pages))
        if _checksum(mirrored, position, page.end) != int.from_bytes(
            mirrored[position + 22 : position + 26], "big"
        ):
            raise ClipError(ClipFault.DAMAGED_AUDIO, f"Ogg page {len(pages)} does not match its checksum")
        if number != numbers.setdefault(page.serial, number):
            raise ClipError(ClipFault.DAMAGED_AUDIO, f"Ogg page missing before page {len(pages)}")
        numbers[page.serial] += 1
        pages.append(page)
        position = page.end
    return pages


def _page(data: bytes, position: int, count: int) -> tuple[_Page, int]:
    """Read the page header at `position`, and the page's number."""
    if position + _PAGE_HEADER > len(data):
        raise ClipError(ClipFault.TRUNCATED_AUDIO, f"Ogg ends inside page {count}")
    magic, version, flags, granule, serial, number, _, segments = _page_at(data, position)
    if magic != b"OggS" or version:
        raise ClipError(ClipFault.DAMAGED_AUDIO, f"no Ogg page at byte {position}, after {count} pages")
    body = position + _PAGE_HEADER + segments
    lacing = data[position + _PAGE_HEADER : body]
    end = body + sum(lacing)
    if len(lacing) < segments or end > len(data):
        raise ClipError(ClipFault.TRUNCATED_AUDIO, f"Ogg ends inside page {count}")
    return _Page(flags, granule, serial, body, lacing, end), number


def _checksum(mirrored: memoryview, start: int, stop: int) -> int:
    """CRC of a page, its own four bytes taken as zero, with mirrored bits."""
    crc = zlib.crc32(mirrored[start : start + _CHECKSUM.start], _INVERT)
    crc = zlib.crc32(bytes(4), crc)
    return zlib.crc32(mirrored[start + _CHECKSUM.stop : stop], crc) ^ _INVERT


def _packets(data: bytes, pages: list[_Page]) -> list[list[bytes]]:
    """Packets by the page they end on, up to the first page on which sound ends (granule above zero)."""
    by_page: list[list[bytes]] = []
    open_packet = b""
    for page in pages:
        ended: list[bytes] = []
        position = page.body
        for lace in page.lacing:
            open_packet += data[position : position + lace]
            position += lace
            if lace < 255:
                ended.append(open_packet)
                open_packet = b""
        by_page.append(ended)
        if page.granule > 0:
            break
    return by_page


def _opus(data: bytes, pages: list[_Page]) -> AudioHeader | None:
    head = pages[0].body
    channels = data[head + 9]
    pre_skip, rate = struct.unpack_from("<HI", data, head + 10)
    if rate not in OPUS_RATES:
        return None  # libsndfile chooses a rate
    by_page = _packets(data, pages)
    sound = [packet for ended in by_page for packet in ended][2:]
    begun = len(by_page)
    if not _starts_at_zero(pages, begun, sum(map(_opus_frames, sound))):
        return None
    frames = max(pages[-1].granule - pre_skip, 0) // (_OPUS_CLOCK // rate)
    return AudioHeader("OGG", rate, channels, frames, "OPUS", 0)


def _opus_frames(packet: bytes) -> int:
    """Frames at 48 kHz that an Opus packet decodes to."""
    if not packet:
        return 0
    count = (1, 2, 2, packet[1] & 63 if len(packet) > 1 else 0)[packet[0] & 3]
    return count * _OPUS_FRAME[packet[0] >> 3]


def _vorbis(data: bytes, pages: list[_Page]) -> AudioHeader | None:
    head = pages[0].body
    channels, rate = struct.unpack_from("<BI", data, head + 11)
    if not (channels and rate):
        raise ClipError(ClipFault.DAMAGED_AUDIO, f"Vorbis header with {channels} channels at {rate} Hz")
    by_page = _packets(data, pages)
    packets = [packet for ended in by_page for packet in ended]
    if len(packets) < 3:
        raise ClipError(ClipFault.TRUNCATED_AUDIO, "Ogg Vorbis ends inside its headers")
    long_modes = _vorbis_long_modes(packets[2])
    if long_modes is None:
        return None
    exponents = data[head + 28]
    sizes = 1 << (exponents & 15), 1 << (exponents >> 4)
    blocks = [sizes[_vorbis_is_long(packet, long_modes)] for packet in packets[3:] if packet]
    sound = sum(before + after for before, after in itertools.pairwise(blocks)) // 4
    if not _starts_at_zero(pages, len(by_page), sound):
        return None
    return AudioHeader("OGG", rate, channels, max(pages[-1].granule, 0), "VORBIS", 0)


def _starts_at_zero(pages: list[_Page], begun: int, frames: int) -> bool:
    """Whether the first page that ends sound says just what its packets decode to.

    The last page may say less: that is how the end of a clip is cut to the frame.
    """
    granule = pages[begun - 1].granule
    return granule == frames or (begun == len(pages) and granule <= frames)


def _vorbis_is_long(packet: bytes, long_modes: list[bool]) -> bool:
    mode = packet[0] >> 1 & (1 << (len(long_modes) - 1).bit_length()) - 1
    return mode < len(long_modes) and long_modes[mode]


def _vorbis_long_modes(setup: bytes) -> list[bool] | None:
    """For each mode, whether its blocks are long; read from the end of the setup packet backwards.

    The modes are the last thing in the packet: 41 bits each (flag, two 16-bit zeros, 8-bit mapping), after
    a 6-bit count, before the framing bit. Reading from the front would mean to parse all codebooks.
    """
    value = int.from_bytes(setup, "little")
    top = value.bit_length() - 1  # the framing bit
    flags: list[bool] = []
    best = None
    while len(flags) < 64 and top >= 41 + 6:
        mode = value >> (top - 41) & (1 << 41) - 1
        if mode >> 1 & 0xFFFFFFFF or mode >> 33 > 63:
            break
        top -= 41
        flags.insert(0, bool(mode & 1))
        if (value >> (top - 6) & 63) + 1 == len(flags):
            best = list(flags)
    return best
