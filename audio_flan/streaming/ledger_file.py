"""The files of a ledger: which rows were given out, in chunks that are appended and whole or not there.

A file begins with a line of JSON, its header. Each chunk has a head (magic, bytes of its body, and their
XXH3) and a body: MessagePack, deflated. A chunk that a crash has cut off is left out by the reader, and
counted.
"""

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import numpy as np
from xxhash import xxh3_64_intdigest

from audio_flan.streaming.order import Numbers

LEDGER_VERSION: Final = 1
LEDGER_SUFFIX: Final = ".ledger"
_HEAD: Final = struct.Struct("<4sIQ")
_MAGIC: Final = b"rows"
_MOST_HEADER_BYTES: Final = 1 << 16
_MOST_BODY_BYTES: Final = 1 << 28


class LedgerError(ValueError):
    """A file that is no ledger, or ledgers that do not belong together."""


class LedgerHeader(msgspec.Struct, frozen=True):
    """Whose rows they are: of which stream, and which rank and worker.

    ``stream`` is the identity of the stream, ``plan`` the hash of its plan.
    """

    ledger: int
    stream: str
    revision: str
    config: str
    splits: tuple[str, ...]
    seed: int | None
    plan: str | None
    rank: int
    world_size: int
    worker: int


class Chunk(msgspec.Struct, frozen=True):
    """Some rows of an epoch, in the order in which they were given out.

    ``positions`` are those in the order of the epoch, ``rows`` their numbers in the row files one after the
    other, both int64 of shape (rows,); ``skipped`` says which were left out, bool of shape (rows,).
    """

    epoch: int
    positions: Numbers
    rows: Numbers
    skipped: "np.ndarray[tuple[int], np.dtype[np.bool_]]"


class _Body(msgspec.Struct, array_like=True):
    epoch: int
    positions: bytes
    rows: bytes
    skipped: bytes


def create_ledger_file(path: Path, header: LedgerHeader) -> BinaryIO:
    """Create the file of one rank and worker; it must not be there."""
    file = path.open("xb", buffering=0)
    file.write(msgspec.json.encode(header) + b"\n")
    return file


def append_chunk(file: BinaryIO, chunk: Chunk) -> None:
    """Append a chunk, with one write."""
    skipped = np.packbits(chunk.skipped).tobytes() if chunk.skipped.any() else b""
    body = _Body(chunk.epoch, _packed(chunk.positions), _packed(chunk.rows), skipped)
    data = zlib.compress(msgspec.msgpack.encode(body), 1)
    file.write(_HEAD.pack(_MAGIC, len(data), xxh3_64_intdigest(data)) + data)


def read_header(path: Path) -> LedgerHeader:
    """Read the header of a file.

    Raises
    ------
    LedgerError
        When it is no ledger, or of another version.
    """
    with path.open("rb") as file:
        line = file.readline(_MOST_HEADER_BYTES)
    try:
        header = msgspec.json.decode(line, type=LedgerHeader)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise LedgerError(f"{path} is no ledger: {error}") from None
    if header.ledger != LEDGER_VERSION:
        raise LedgerError(f"{path} is a ledger of version {header.ledger}, expected {LEDGER_VERSION}")
    return header


def read_chunks(path: Path, cut_off: Callable[[Path], None]) -> Iterator[Chunk]:
    """Yield the chunks of a file up to its end; `cut_off` is called for one that a crash has cut off.

    Raises
    ------
    LedgerError
        When what is there is damaged, which no crash does.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.readline(_MOST_HEADER_BYTES)
        while True:
            place = file.tell()
            if place == size:
                return
            head = file.read(_HEAD.size)
            if len(head) < _HEAD.size:
                return cut_off(path)
            magic, nbytes, digest = _HEAD.unpack(head)
            data = file.read(min(nbytes, _MOST_BODY_BYTES)) if magic == _MAGIC else b""
            if magic == _MAGIC and file.tell() == size and len(data) < nbytes:
                return cut_off(path)
            if magic != _MAGIC or xxh3_64_intdigest(data) != digest:
                raise LedgerError(f"{path} is damaged at byte {place:,}")
            yield _chunk(zlib.decompressobj().decompress(data, _MOST_BODY_BYTES))


def _packed(numbers: Numbers) -> bytes:
    """Return the differences, all first bytes before all second ones: they deflate to half the size."""
    return np.diff(numbers, prepend=0).astype("<i8").view(np.uint8).reshape(-1, 8).T.tobytes()


def _unpacked(data: bytes) -> Numbers:
    differences = np.frombuffer(data, np.uint8).reshape(8, -1).T.copy().view("<i8")
    return np.cumsum(differences[:, 0]).astype(np.int64)


def _chunk(data: bytes) -> Chunk:
    body = msgspec.msgpack.decode(data, type=_Body)
    positions = _unpacked(body.positions)
    skipped = np.zeros(len(positions), bool)
    if body.skipped:
        skipped = np.unpackbits(np.frombuffer(body.skipped, np.uint8), count=len(positions)).astype(bool)
    return Chunk(body.epoch, positions, _unpacked(body.rows), skipped)
