"""The table of ids of a corpus: a search tree on disk, of which a look-up reads a few blocks of 5 to 15 kB.

Its leaves hold the clips, sorted by id; a block above holds the first id of each block below it and where
that is. Blocks are written as they become full, each after those it points to, and the facts of the table
last: their JSON, then `_TRAILER`. A pointer has the hash of what it points to, so that whatever is damaged
is noticed before it is believed.
"""

from collections.abc import Callable, Iterable, Iterator
from struct import Struct
from typing import BinaryIO, Final

import msgspec
from xxhash import xxh3_64_intdigest

from audio_flan.shards.id_blocks import CLIP_RECORD, POINTER_RECORD, Block, BlockBuilder, Pointer
from audio_flan.shards.indexed_clip import IndexedClip
from audio_flan.shards.layout import CLIP_KINDS, clip_file, parse_clip_file

TABLE_VERSION: Final = 1
LEAF_CLIPS: Final = 64
INNER_BLOCKS: Final = 256
BLOCK_TEXT_BYTES: Final = 1 << 14
"""A block ends when its ids have so many bytes, but has two of them."""
_MAX_DEPTH: Final = 16
_MAX_FACTS_BYTES: Final = 1 << 24
_TRAILER: Final = Struct("<IQ8s")
"""Length and hash of the facts, and `_MAGIC`."""
_MAGIC: Final = b"AFLANIDS"

ReadRange = Callable[[int, int], bytes]
"""Called with offset and length in bytes; gives these bytes, or fewer where the file ends before."""


class IdTableError(ValueError):
    """A table of ids that is damaged or not whole."""


class _Facts(msgspec.Struct, frozen=True):
    version: int
    clips: int
    depth: int
    root: Pointer | None
    last: str
    kind: str
    formats: list[str]


class IdTableWriter:
    """Writes the table of a corpus; its clips come sorted by id.

    Parameters
    ----------
    file : binary file
        Open for writing, and empty.
    corpus : str
        The corpus in whose shards the clips are.
    """

    def __init__(self, file: BinaryIO, corpus: str) -> None:
        self._file, self._corpus = file, corpus
        self._levels = [BlockBuilder()]
        """The block at each height that is not full yet."""
        self._offset = self.clips = 0
        self._last = ""
        self._kind = ""
        self._shards: dict[str, int] = {}
        self._formats: dict[str, int] = {}

    def add(self, clip: IndexedClip) -> None:
        """Take in a clip.

        Raises
        ------
        ValueError
            When its id does not follow the one before, or its shard is none of the corpus.
        """
        if clip.id <= self._last and self.clips:
            raise ValueError(f"ids come sorted, each once: got {clip.id!r} after {self._last!r}")
        shard = self._shards.get(clip.shard)
        if shard is None:
            shard = self._shards[clip.shard] = self._number(clip.shard)
        audio_format = self._formats.setdefault(clip.format, len(self._formats))
        record = CLIP_RECORD.pack(
            clip.offset, clip.nbytes, clip.frames, clip.xxh3, shard, clip.sampling_rate, clip.channels,
            audio_format,
        )  # fmt: skip
        self._add(0, clip.id.encode(), record)
        self._last = clip.id
        self.clips += 1

    def over(self, clips: Iterable[IndexedClip]) -> Iterator[IndexedClip]:
        """Take in clips on their way to somewhere else; errors as in `add`."""
        for clip in clips:
            self.add(clip)
            yield clip

    def finish(self) -> None:
        """Write what is left, and the facts."""
        depth, root = self._close_all() if self.clips else (0, None)
        facts = _Facts(TABLE_VERSION, self.clips, depth, root, self._last, self._kind, list(self._formats))
        data = msgspec.json.encode(facts)
        self._file.write(data + _TRAILER.pack(len(data), xxh3_64_intdigest(data), _MAGIC))

    def _number(self, shard: str) -> int:
        number, kind = parse_clip_file(shard)
        self._kind = self._kind or kind
        if clip_file(self._corpus, number, self._kind) != shard:
            raise ValueError(
                f"expected a shard such as {clip_file(self._corpus, 0, self._kind)}, got {shard}"
            )
        return number

    def _add(self, level: int, audio_id: bytes, record: bytes) -> None:
        if level == len(self._levels):
            self._levels.append(BlockBuilder())
        block = self._levels[level]
        block.add(audio_id, record)
        limit = INNER_BLOCKS if level else LEAF_CLIPS
        if len(block) == limit or (block.text_bytes >= BLOCK_TEXT_BYTES and len(block) > 1):
            self._close(level)

    def _close(self, level: int) -> None:
        """Write a block, and take its pointer into the block above."""
        block = self._levels[level]
        data = block.data()
        pointer = Pointer(self._offset, xxh3_64_intdigest(data), len(data))
        self._offset += self._file.write(data)
        self._levels[level] = BlockBuilder()
        self._add(level + 1, block.first, POINTER_RECORD.pack(*pointer))

    def _close_all(self) -> tuple[int, Pointer]:
        """Write the blocks that are not full, until one pointer is left; return its height and it."""
        level = 0
        while level == 0 or level < len(self._levels) - 1 or len(self._levels[level]) > 1:
            if len(self._levels[level]):
                self._close(level)
            level += 1
        root = Block(self._levels[level].data(), POINTER_RECORD).record(0)
        return level, Pointer(*root)


class IdTable:
    """The table of a corpus, opened for looking up; nothing of it is kept but its topmost block.

    Safe to be shared by threads if `read` is.

    Parameters
    ----------
    name : str
        For messages.
    corpus : str
    nbytes : int
        Size of the file.
    read : callable
        Reads a run of its bytes.

    Raises
    ------
    IdTableError
        When it is no such table, or not whole. The methods raise it as well.
    OSError
        When it cannot be read. The methods raise it as well.
    """

    def __init__(self, name: str, corpus: str, nbytes: int, read: ReadRange) -> None:
        self.name, self._corpus, self._nbytes, self._read = name, corpus, nbytes, read
        self._facts = self._read_facts()
        clip_files = clip_file(corpus, 0, self._facts.kind)
        self._shard_prefix, _, self._shard_suffix = clip_files.rpartition("00000")
        self._last = self._facts.last.encode()
        root = self._facts.root
        self._top = self._block(root, self._facts.depth) if root else None

    def __len__(self) -> int:
        return self._facts.clips

    def __iter__(self) -> Iterator[IndexedClip]:
        """Yield the clips, sorted by id; leaves that stand together are read together."""
        if self._top is not None:
            for leaf in self._leaves(self._top, self._facts.depth):
                for number in range(leaf.count):
                    yield self._clip(leaf.id(number).decode(), leaf, number)

    def find(self, audio_id: str) -> IndexedClip | None:
        """Return the clip, or None for an id that this corpus does not store."""
        wanted = _encoded(audio_id)
        leaf = self._leaf(wanted)
        if leaf is None:
            return None
        number = leaf.last_up_to(wanted)
        if number < 0 or leaf.id(number) != wanted:
            return None
        return self._clip(audio_id, leaf, number)

    def neighbours(self, audio_id: str) -> list[str]:
        """Return ids that stand near where `audio_id` would, sorted."""
        wanted = _encoded(audio_id)
        if self._top is None:
            return []
        leaf = self._leaf(min(max(wanted, self._top.id(0)), self._last))
        return [leaf.id(number).decode() for number in range(leaf.count)] if leaf else []

    def _clip(self, audio_id: str, leaf: Block, number: int) -> IndexedClip:
        offset, nbytes, frames, xxh3, shard, rate, channels, audio_format = leaf.record(number)
        path = f"{self._shard_prefix}{shard:05d}{self._shard_suffix}"
        try:
            name = self._facts.formats[audio_format]
        except IndexError:
            raise self._damaged(f"the clip {audio_id!r} has a format that is not in its list") from None
        return IndexedClip(audio_id, path, offset, nbytes, rate, channels, frames, name, xxh3)

    def _leaf(self, wanted: bytes) -> Block | None:
        """Return the leaf that has `wanted` if any has; None when it is below the first id or above all."""
        block = self._top
        if block is None or wanted > self._last:
            return None
        for height in range(self._facts.depth - 1, 0, -1):
            number = block.last_up_to(wanted)
            if number < 0:
                return None
            block = self._block(Pointer(*block.record(number)), height)
        return block

    def _leaves(self, block: Block, height: int) -> Iterator[Block]:
        if height == 1:
            yield block
            return
        pointers = [Pointer(*block.record(number)) for number in range(block.count)]
        if height > 2:
            for pointer in pointers:
                yield from self._leaves(self._block(pointer, height - 1), height - 1)
            return
        start, stop = pointers[0].offset, pointers[-1].offset + pointers[-1].nbytes
        if sum(pointer.nbytes for pointer in pointers) != stop - start:
            raise self._damaged(f"the leaves between bytes {start} and {stop} do not stand together")
        run = self._run(start, stop - start)
        for pointer in pointers:
            place = pointer.offset - start
            yield self._parsed(pointer, run[place : place + pointer.nbytes], 1)

    def _block(self, pointer: Pointer, height: int) -> Block:
        return self._parsed(pointer, self._run(pointer.offset, pointer.nbytes), height)

    def _run(self, offset: int, nbytes: int) -> bytes:
        """Read blocks; nothing is believed of what would lie beyond the file."""
        within = offset >= 0 and 0 <= nbytes <= self._nbytes - offset
        return self._read(offset, nbytes) if within else b""

    def _parsed(self, pointer: Pointer, data: bytes, height: int) -> Block:
        if xxh3_64_intdigest(data) != pointer.xxh3:
            raise self._damaged(f"the block at {pointer.offset}+{pointer.nbytes} has changed or is cut")
        try:
            return Block(data, POINTER_RECORD if height > 1 else CLIP_RECORD)
        except ValueError as error:
            raise self._damaged(str(error)) from None

    def _read_facts(self) -> _Facts:
        end = self._nbytes - _TRAILER.size
        trailer = self._read(end, _TRAILER.size) if end >= 0 else b""
        if len(trailer) < _TRAILER.size or not trailer.endswith(_MAGIC):
            raise self._damaged("it does not end as such a table does")
        nbytes, xxh3, _ = _TRAILER.unpack(trailer)
        data = self._read(end - nbytes, nbytes) if nbytes <= min(end, _MAX_FACTS_BYTES) else b""
        if xxh3_64_intdigest(data) != xxh3:
            raise self._damaged("its facts have changed or are cut")
        try:
            version = msgspec.json.decode(data, type=_Version).version
            if version != TABLE_VERSION:
                message = (
                    f"{self.name} has version {version}, this version of audio-flan reads {TABLE_VERSION}"
                )
                raise IdTableError(message)
            facts = msgspec.json.decode(data, type=_Facts)
        except msgspec.MsgspecError as error:
            raise self._damaged(str(error)) from None
        if not 0 <= facts.depth <= _MAX_DEPTH or (facts.depth == 0) != (facts.root is None):
            raise self._damaged(f"a depth of {facts.depth}")
        if facts.root and facts.kind not in CLIP_KINDS:
            raise self._damaged(f"clip shards of the kind {facts.kind!r}")
        return facts

    def _damaged(self, what: str) -> IdTableError:
        message = f"{self.name} is no whole table of ids: {what}; fetch it again, or build anew"
        return IdTableError(message)


class _Version(msgspec.Struct):
    version: int


def _encoded(audio_id: str) -> bytes:
    return audio_id.encode("utf-8", "surrogatepass")  # what is no text is no id, and no error
