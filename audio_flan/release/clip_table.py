"""The scp files of a tree as one sorted table on disk, so that an id is found without reading them again.

The table has, for every id line, the 64-bit hash of the id and the place of its text: 16 bytes, whatever the
length of the id. It is memory-mapped; a look-up bisects the hashes and reads one line of text.
"""

import contextlib
import mmap
import shutil
import tempfile
import time
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from xxhash import xxh3_64_intdigest, xxh3_128_hexdigest

from audio_flan.records import Reason
from audio_flan.release.lines import FileFault, Line, read_lines
from audio_flan.release.quarantine import Entry, Quarantine
from audio_flan.release.scp import ScpFault, ScpLine, parse_scp_line
from audio_flan.release.tree import Entity, Tree

TABLE_VERSION = 2
MAX_SCP_LINE_BYTES = 1 << 16
FAULT_LIMIT = 100_000
"""Faults of scp lines that are kept; beyond it they are only counted."""
_STALE_SECONDS = 24 * 3600


class ClipTable:
    """Paths by audio id, read from a table folder.

    Attributes
    ----------
    faults : Quarantine
        Lines of the scp files that were not taken: malformed, unsafe, or a second path for an id.
    """

    def __init__(self, folder: Path) -> None:
        self._text = _map_file(folder / "lines.tsv")
        self._hash_array = np.load(folder / "hashes.npy", mmap_mode="r")
        self._hashes = memoryview(self._hash_array)
        self._offsets = memoryview(np.load(folder / "offsets.npy", mmap_mode="r"))
        self._ids = np.load(folder / "ids.npy", mmap_mode="r")
        stored = msgspec.json.decode((folder / "facts.json").read_bytes(), type=_Facts)
        if len(self._text) != stored.text_bytes:
            raise ValueError(f"expected {stored.text_bytes} bytes of text in {folder}, got {len(self._text)}")
        self.faults = Quarantine(FAULT_LIMIT, stored.entries, Counter(stored.by_reason))

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[ScpLine]:
        """Yield every id once, with the path that counts, in the order of the scp files."""
        return (self._line_at(offset) for offset in self._ids.tolist())

    def path(self, audio_id: str) -> str | None:
        """Return the path of the clip relative to the root, or None for an id that no scp file lists.

        Of several lines for one id the first in the order of the files counts.
        """
        key = xxh3_64_intdigest(audio_id.encode())
        for i in range(bisect_left(self._hashes, key), bisect_right(self._hashes, key)):
            line = self._line_at(self._offsets[i])
            if line.audio_id == audio_id:
                return line.path
        return None

    def _line_at(self, offset: int) -> ScpLine:
        return _split_line(self._text, offset)


def open_clip_table(tree: Tree, scp: Sequence[Entity], cache: Path) -> ClipTable:
    """Return the table of the scp files `scp`: the one kept in `cache` while they and it stay as they are."""
    key = xxh3_128_hexdigest(repr((TABLE_VERSION, [(e.path, e.size, e.mark) for e in scp])).encode())
    folder = cache / f"clips-{key[:16]}"
    if folder.exists():
        try:
            return ClipTable(folder)
        except (OSError, ValueError, EOFError, msgspec.MsgspecError):  # damaged
            shutil.rmtree(folder, ignore_errors=True)
    building = Path(tempfile.mkdtemp(dir=cache, prefix=".clips-"))
    try:
        _Builder(tree, scp).write(building)
        with contextlib.suppress(OSError):  # another process was faster
            building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    _remove_stale(cache, folder)
    return ClipTable(folder)


def _remove_stale(cache: Path, current: Path) -> None:
    """Remove tables of earlier states of the tree, and what killed builds left, once they are a day old."""
    for folder in cache.glob("*clips-*"):
        with contextlib.suppress(OSError):
            if folder != current and folder.stat().st_mtime < time.time() - _STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


class _Facts(msgspec.Struct):
    text_bytes: int
    entries: list[Entry]
    by_reason: dict[str, int]


class _Builder:
    """Reads scp files, and writes the table."""

    def __init__(self, tree: Tree, scp: Sequence[Entity]) -> None:
        self._tree, self._scp = tree, scp
        self._faults = Quarantine(FAULT_LIMIT)
        self._origins = array("Q")
        """(file, line number, byte offset) of each line taken, flat."""

    def write(self, folder: Path) -> None:
        hashes, offsets = array("Q"), array("Q")
        end = 0
        with (folder / "lines.tsv").open("wb") as text:
            for file, entity in enumerate(self._scp):
                for line, parsed in self._lines_of(entity):
                    hashes.append(xxh3_64_intdigest(parsed.audio_id.encode()))
                    offsets.append(end)
                    self._origins.extend((file, line.number, line.byte_offset))
                    end += text.write(f"{parsed.audio_id}\t{parsed.path}\n".encode())
        hash_array, offset_array = np.array(hashes, np.uint64), np.array(offsets, np.uint64)
        order = np.argsort(hash_array, kind="stable")
        hash_array, offset_array = hash_array[order], offset_array[order]
        firsts = self._first_lines(folder, hash_array, offset_array, order)
        np.save(folder / "hashes.npy", hash_array)
        np.save(folder / "offsets.npy", offset_array)
        np.save(folder / "ids.npy", np.sort(offset_array[firsts]))
        facts = _Facts(end, self._faults.entries, dict(self._faults.by_reason))
        (folder / "facts.json").write_bytes(msgspec.json.encode(facts))

    def _lines_of(self, entity: Entity) -> Iterator[tuple[Line, ScpLine]]:
        try:
            with self._tree.open(entity.path) as handle:
                for line in read_lines(handle, max_bytes=MAX_SCP_LINE_BYTES):
                    try:
                        yield line, _parse(line)
                    except ScpFault as fault:
                        place = (entity.path, line.number, line.byte_offset)
                        self._faults.add(Entry(*place, fault.reason, fault.detail, fault.audio_id))
        except FileFault as fault:
            self._faults.add(Entry(entity.path, None, None, fault.reason, fault.detail))
        except OSError as error:
            self._faults.add(Entry(entity.path, None, None, Reason.UNREADABLE_FILE, str(error)))

    def _first_lines(
        self, folder: Path, hashes: np.ndarray, offsets: np.ndarray, order: np.ndarray
    ) -> np.ndarray:
        """Mark the line that counts for each id; report the later ones that give it another path."""
        firsts = np.ones(len(hashes), bool)
        text = _map_file(folder / "lines.tsv")
        known: dict[str, str] = {}
        previous = -1
        for i in (np.flatnonzero(hashes[1:] == hashes[:-1]) + 1).tolist():
            if i - 1 != previous:
                known = dict([_split_line(text, int(offsets[i - 1]))])
            previous = i
            audio_id, path = _split_line(text, int(offsets[i]))
            if audio_id not in known:  # another id with the same hash
                known[audio_id] = path
                continue
            firsts[i] = False
            if known[audio_id] != path:
                file, number, byte_offset = self._origins[3 * int(order[i]) : 3 * int(order[i]) + 3]
                detail = f"already listed with the path {known[audio_id]!r}, which is used; here {path!r}"
                place = (self._scp[file].path, number, byte_offset)
                self._faults.add(Entry(*place, Reason.SCP_CONFLICT, detail, audio_id))
        return firsts


def _parse(line: Line) -> ScpLine:
    if line.data is None:
        raise ScpFault(Reason.LINE_TOO_LONG, f"the line is over {MAX_SCP_LINE_BYTES:,} bytes long")
    return parse_scp_line(line.data)


def _split_line(text: mmap.mmap | bytes, offset: int) -> ScpLine:
    audio_id, _, path = text[offset : text.find(b"\n", offset)].decode().partition("\t")
    return ScpLine(audio_id, path)


def _map_file(path: Path) -> mmap.mmap | bytes:
    """Map a file into memory; an empty one cannot be mapped."""
    if path.stat().st_size == 0:
        return b""
    with path.open("rb") as handle:
        return mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
