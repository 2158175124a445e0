"""The bytes of one clip on their way into a shard: read once, header checked, hashed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from xxhash import xxh3_64, xxh3_64_intdigest

from audio_flan.building.transcode import transcode
from audio_flan.waveform import (
    AudioError,
    AudioHeader,
    BytesSource,
    ClipError,
    ClipFault,
    FileSource,
    LazyAudio,
    RangeSource,
    read_header,
)
from audio_flan.waveform.header import NeedsWholeClip

if TYPE_CHECKING:
    from audio_flan.waveform import ClipSource

WHOLE_BYTES: Final = 32 << 20
"""A clip up to this size is read at once; a larger one in pieces, where its header allows that."""
_PIECE_BYTES = 4 << 20
_HEAD_BYTES = 1 << 20


@dataclass
class Payload:
    """A clip that is good: its facts, and its bytes in one or more parts, to be taken once."""

    header: AudioHeader
    nbytes: int
    source_bytes: int
    """Size before it was transcoded."""
    transcoded: bool
    _source: RangeSource | BytesSource
    _xxh3: int | None = None

    def parts(self) -> Iterator[bytes]:
        """Yield the bytes."""
        if isinstance(self._source, BytesSource):
            self._xxh3 = xxh3_64_intdigest(self._source.data)
            yield self._source.data
            return
        digest = xxh3_64()
        whole = self._source
        for done in range(0, self.nbytes, _PIECE_BYTES):
            size = min(_PIECE_BYTES, self.nbytes - done)
            part = replace(whole, offset=whole.offset + done, nbytes=size).read()
            digest.update(part)
            yield part
        self._xxh3 = digest.intdigest()

    @property
    def xxh3(self) -> int:
        """64-bit XXH3 of the bytes, known when they have been taken."""
        if self._xxh3 is None:
            raise RuntimeError("the hash of a clip is known when its bytes have been taken")
        return self._xxh3


def read_payload(
    source: "ClipSource", audio_id: str, nbytes: int, *, decode: bool = False, transcoding: str = "none"
) -> Payload:
    """Read a clip and check it: its header, and with `decode` every sample; and maybe encode it anew.

    Raises
    ------
    AudioError
        For a clip that is not good.
    OSError
        When it cannot be read.
    """
    try:
        whole = decode or transcoding != "none" or nbytes <= WHOLE_BYTES
        payload = None if whole else _in_pieces(source, nbytes)
        if payload is None:
            data = source.read()
            header = read_header(data)
            if decode:
                LazyAudio(BytesSource(data, audio_id), audio_id, header=header).preload()
            payload = _transcoded(data, header, audio_id, transcoding)
    except ClipError as error:
        raise AudioError.of(error, audio_id, source.location) from error
    if not payload.header.frames:
        raise AudioError(audio_id, source.location, ClipFault.EMPTY_AUDIO, "the clip has no frames")
    return payload


def _transcoded(data: bytes, header: AudioHeader, audio_id: str, transcoding: str) -> Payload:
    changed = transcode(data, header, audio_id, transcoding) if header.frames else None
    if changed is None:
        return Payload(header, len(data), len(data), False, BytesSource(data, audio_id))
    return Payload(read_header(changed), len(changed), len(data), True, BytesSource(changed, audio_id))


def _in_pieces(source: "ClipSource", nbytes: int) -> Payload | None:
    """Read the header of a large clip on a disk; None where it does not tell without the rest."""
    if not isinstance(source, FileSource | RangeSource):
        return None
    head, total = source.start(_HEAD_BYTES)
    try:
        header = read_header(head, total)
    except NeedsWholeClip:
        return None
    offset = source.offset if isinstance(source, RangeSource) else 0
    path = source.path
    return Payload(header, total, total, False, RangeSource(path, offset, total, path)) if nbytes else None
