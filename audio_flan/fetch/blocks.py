"""Runs of bytes of files, held in memory up to a budget; those used before, longest ago, go first."""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Block:
    """Bytes [start, end) of a file, and the clips that begin in it and have been handed out."""

    start: int
    data: bytes
    handed_out: dict[int, int] = field(default_factory=dict)
    """Bytes of clips by their offset."""

    @property
    def end(self) -> int:
        return self.start + len(self.data)


class Blocks:
    """The blocks of all files. Not safe to be shared by threads.

    Parameters
    ----------
    budget_bytes : int
        What is held altogether is never more.
    """

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self._held: OrderedDict[tuple[Hashable, int], _Block] = OrderedDict()
        """Blocks by file and start; the one used last is the last one."""
        self._starts: dict[Hashable, list[int]] = {}
        self._nbytes = 0
        self._handed_out_bytes = 0

    @property
    def unread_bytes(self) -> int:
        """Bytes held that belong to no clip that was handed out."""
        return max(0, self._nbytes - self._handed_out_bytes)

    def take(self, file: Hashable, start: int, stop: int) -> bytes | None:
        """Return the bytes [start, stop) of a file; None unless all of them are held."""
        parts: list[bytes] = []
        for block in self._run(file, start):
            begin = start + sum(len(part) for part in parts) - block.start
            parts.append(block.data[begin : stop - block.start])
            if block.end >= stop:
                return parts[0] if len(parts) == 1 else b"".join(parts)
        return None

    def held_until(self, file: Hashable, start: int) -> int:
        """Return where the bytes that are held from `start` on end; `start` when there are none."""
        end = start
        for block in self._run(file, start):
            end = block.end
        return end

    def end_before(self, file: Hashable, offset: int) -> int | None:
        """Return the end of the last block that begins before `offset`."""
        starts = self._starts.get(file, ())
        i = bisect_left(starts, offset)
        return self._held[file, starts[i - 1]].end if i else None

    def start_after(self, file: Hashable, offset: int) -> int | None:
        """Return the start of the first block that begins at `offset` or after."""
        starts = self._starts.get(file, ())
        i = bisect_left(starts, offset)
        return starts[i] if i < len(starts) else None

    def add(self, file: Hashable, start: int, data: bytes) -> None:
        """Hold a block, and let go of those inside it, and of others until the budget is kept."""
        stop = start + len(data)
        if not data or len(data) > self.budget_bytes or self._is_inside(file, start, stop):
            return
        block = _Block(start, data)
        for begin in [begin for begin in self._starts.get(file, ()) if start <= begin < stop]:
            if self._held[file, begin].end <= stop:
                block.handed_out |= self._held[file, begin].handed_out
                self._drop(file, begin)
        self._held[file, start] = block
        starts = self._starts.setdefault(file, [])
        starts.insert(bisect_left(starts, start), start)
        self._nbytes += len(data)
        self._handed_out_bytes += sum(block.handed_out.values())
        while self._nbytes > self.budget_bytes:
            # What nobody has had yet was fetched because somebody will.
            used = (key for key, block in self._held.items() if block.handed_out and key != (file, start))
            self._drop(*next(used, next(iter(self._held))))

    def hand_out(self, file: Hashable, offset: int, nbytes: int) -> bool:
        """Note that a clip was handed out; False when that is known or the clip is not held."""
        block = next(self._run(file, offset), None)
        if block is None or offset in block.handed_out:
            return False
        block.handed_out[offset] = nbytes
        self._handed_out_bytes += nbytes
        return True

    def forget(self, file: Hashable, start: int, stop: int) -> None:
        """Let go of the blocks that hold any of the bytes [start, stop)."""
        for begin in list(self._starts.get(file, ())):
            if begin < stop and self._held[file, begin].end > start:
                self._drop(file, begin)

    def holds(self, file: Hashable, start: int) -> bool:
        """Say whether a block begins at `start`."""
        return (file, start) in self._held

    def trim(self, file: Hashable, start: int) -> int:
        """Let go of the block that begins at `start`, but for the clips of it that were handed out.

        Returns
        -------
        int
            Bytes that are no longer held.
        """
        block = self._held.get((file, start))
        if block is None:
            return 0
        before = self._nbytes
        self._drop(file, start)
        for offset, nbytes in block.handed_out.items():
            begin = offset - start
            self.add(file, offset, block.data[begin : begin + nbytes])
            self.hand_out(file, offset, nbytes)
        return before - self._nbytes

    def _is_inside(self, file: Hashable, start: int, stop: int) -> bool:
        """Say whether one block holds the bytes [start, stop). No block is inside another."""
        starts = self._starts.get(file, ())
        i = bisect_right(starts, start)
        return bool(i) and self._held[file, starts[i - 1]].end >= stop

    def _run(self, file: Hashable, start: int) -> Iterator[_Block]:
        """Yield the blocks that hold the bytes from `start` on, without a gap."""
        starts = self._starts.get(file, ())
        while i := bisect_right(starts, start):
            block = self._held[file, starts[i - 1]]
            if block.end <= start:
                return
            self._held.move_to_end((file, block.start))
            yield block
            start = block.end

    def _drop(self, file: Hashable, start: int) -> None:
        block = self._held.pop((file, start), None)
        if block is None:
            return
        self._nbytes -= len(block.data)
        self._handed_out_bytes -= sum(block.handed_out.values())
        starts = self._starts[file]
        del starts[bisect_left(starts, start)]
        if not starts:
            del self._starts[file]
