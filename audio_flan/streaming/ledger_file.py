"""The files of a ledger: which rows a pass has given out, in chunks that are appended and whole or not there.

A file begins with a line of JSON, its header. Each chunk has a head (magic, bytes of its body, and their
XXH3) and a body: MessagePack, deflated. The header is written together with the first chunk. What a crash
has cut off is left out by the reader, and counted.
"""

import json
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
from audio_flan.streaming.share import Share, Uneven, whole

LEDGER_VERSION: Final = 2
"""Raise it whenever a file of the same rows comes to say something else."""
LEDGER_SUFFIX: Final = ".ledger"
_HEAD: Final = struct.Struct("<4sIQ")
_MAGIC: Final = b"rows"
_MOST_HEADER_BYTES: Final = 1 << 16
_MOST_BODY_BYTES: Final = 1 << 28


class LedgerError(ValueError):
    """A file that is no ledger, or ledgers that do not belong together."""


class LedgerHeader(msgspec.Struct, frozen=True):
    """Whose rows they are: those of one pass, of a rank or of one of its workers, through a stream.

    Attributes
    ----------
    ledger : int
        The version of the file.
    pass_id : str
        No other pass has it; copies of a file do.
    stream : str
        The identity of the stream.
    config : str
    splits : tuple of str
    seed : int or None
    plan : str or None
        The hash of the plan.
    part : tuple of int
        Of how many parts of the stream it is which: (index, parts).
    epoch : int
    start : int
        Position at which the pass began.
    rank, world_size, uneven
        As in `Share`: with the start, they say which position each step is.

    Raises
    ------
    ValueError
        For a part, an epoch, a start or a rank that there cannot be.
    """

    ledger: int
    pass_id: str
    stream: str
    config: str
    splits: tuple[str, ...]
    seed: int | None
    plan: str | None
    part: tuple[int, int]
    epoch: int
    start: int
    rank: int
    world_size: int
    uneven: Uneven

    def __post_init__(self) -> None:
        index, parts = self.part
        if not 0 <= index < parts:
            raise ValueError(f"there is no part {index} of {parts}")
        whole("epoch", self.epoch)
        whole("start", self.start)
        _ = self.share

    @property
    def share(self) -> Share:
        """The part of the rank."""
        return Share(self.rank, self.world_size, self.uneven)


class Chunk(msgspec.Struct, frozen=True):
    """Some rows of a pass, in the order in which they were given out.

    ``steps`` are those of the rank, from 0, ``rows`` their numbers in the row files one after the other, both
    int64 of shape (rows,); ``skipped`` says which were left out, bool of shape (rows,).
    """

    steps: Numbers
    rows: Numbers
    skipped: "np.ndarray[tuple[int], np.dtype[np.bool_]]"


class _Version(msgspec.Struct):
    ledger: int


class _Body(msgspec.Struct, array_like=True):
    steps: bytes
    rows: bytes
    skipped: bytes


def header_bytes(header: LedgerHeader) -> bytes:
    """Return what a file begins with."""
    return json.dumps(msgspec.to_builtins(header)).encode() + b"\n"


def chunk_bytes(chunk: Chunk) -> bytes:
    """Return what a file has of a chunk."""
    skipped = np.packbits(chunk.skipped).tobytes() if chunk.skipped.any() else b""
    body = _Body(_packed(chunk.steps), _packed(chunk.rows), skipped)
    data = zlib.compress(msgspec.msgpack.encode(body), 1)
    return _HEAD.pack(_MAGIC, len(data), xxh3_64_intdigest(data)) + data


def append(file: BinaryIO, path: Path, data: bytes) -> None:
    """Append data to an unbuffered file, with one write unless the disk takes less; all of it or nothing.

    Raises
    ------
    OSError
        When not all can be written; it names the file, which is as it was.
    """
    begin, left = file.tell(), memoryview(data)
    try:
        while left:
            left = left[file.write(left) :]
    except OSError as error:
        file.truncate(begin)
        file.seek(begin)
        raise OSError(error.errno, f"{error.strerror} (the ledger)", str(path)) from error


def read_header(path: Path) -> LedgerHeader | None:
    """Read the header of a file; None where a crash has cut it off.

    Raises
    ------
    LedgerError
        When it is no ledger, or of another version.
    """
    if not path.is_file():
        raise LedgerError(f"{path} is no file")
    with path.open("rb") as file:
        line = file.readline(_MOST_HEADER_BYTES)
    if not line.endswith(b"\n") and len(line) < _MOST_HEADER_BYTES:
        return None
    try:
        version = msgspec.json.decode(line, type=_Version).ledger
        if version == LEDGER_VERSION:
            return msgspec.json.decode(line, type=LedgerHeader)
    except ValueError as error:  # also those of msgspec and of the header itself
        raise LedgerError(f"{path} is no ledger: {error}") from None
    raise LedgerError(f"{path} is a ledger of version {version}, expected {LEDGER_VERSION}")


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
            if place >= size:
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
            try:
                chunk = _chunk(zlib.decompressobj().decompress(data, _MOST_BODY_BYTES))
            except (ValueError, zlib.error) as error:
                raise LedgerError(f"{path} is damaged at byte {place:,}: {error}") from None
            yield chunk


def _packed(numbers: Numbers) -> bytes:
    """Return the differences, all first bytes before all second ones: they deflate to half the size."""
    return np.diff(numbers, prepend=0).astype("<i8").view(np.uint8).reshape(-1, 8).T.tobytes()


def _unpacked(data: bytes) -> Numbers:
    differences = np.frombuffer(data, np.uint8).reshape(8, -1).T.copy().view("<i8")
    return np.cumsum(differences[:, 0]).astype(np.int64)


def _chunk(data: bytes) -> Chunk:
    """Return a chunk; `ValueError` for what is none."""
    body = msgspec.msgpack.decode(data, type=_Body)
    steps, rows = _unpacked(body.steps), _unpacked(body.rows)
    if len(rows) != len(steps) or len(body.skipped) not in (0, -(-len(steps) // 8)):
        raise ValueError(f"it has {len(steps)} steps, {len(rows)} rows and {len(body.skipped)} bytes of bits")
    skipped = np.zeros(len(steps), bool)
    if body.skipped:
        skipped = np.unpackbits(np.frombuffer(body.skipped, np.uint8), count=len(steps)).astype(bool)
    return Chunk(steps, rows, skipped)
