"""Runs of bytes of files, held in memory up to a budget; those used before, longest ago, go first."""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from itertools import chain


@dataclass(slots=True)
class _Block:
    """Bytes [start, end) of a file, and the clips that begin in it and have been handed out."""

    start: int
    data: bytes
    handed_out: dict[int, int] = field(default_factory=dict)
    """Bytes of clips by their offset."""
    handed_out_bytes: int = 0
    checked: set[tuple[int, int, int]] = field(default_factory=set)
    """Offset, bytes and hash of clips that were found to be right."""
    wanted_bytes: int = 0
    """Bytes of the clips that it was fetched for."""
    is_kept: bool = False
    """Whether it stays, whatever else is to be held."""

    @property
    def end(self) -> int:
        return self.start + len(self.data)


class Blocks:
    """The blocks of all files. Not safe to be shared by threads.

    Parameters
    ----------
    budget_bytes : int
        What is held altogether, and what there is a reservation for, is never more.
    """

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self._held: OrderedDict[tuple[Hashable, int], _Block] = OrderedDict()
        """Blocks by file and start; the one used last is the last one."""
        self._starts: dict[Hashable, list[int]] = {}
        self._nbytes = self._handed_out_bytes = 0
        self._reserved_bytes = self._kept_bytes = 0

    @property
    def unread_bytes(self) -> int:
        """Bytes held that belong to no clip that was handed out."""
        return max(0, self._nbytes - self._handed_out_bytes)

    @property
    def free_bytes(self) -> int:
        """Bytes that can be reserved: neither reserved nor in blocks that are kept."""
        return self.budget_bytes - self._reserved_bytes - self._kept_bytes

    def reserve(self, nbytes: int) -> None:
        """Make room for up to `free_bytes` that will be added."""
        self._reserved_bytes += nbytes
        self._fit()

    def end_reservation(self, nbytes: int) -> None:
        """Give back the room for bytes that were reserved."""
        self._reserved_bytes -= nbytes

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

    def add(
        self, file: Hashable, start: int, data: bytes, *, keep: bool = False, wanted_bytes: int = 0
    ) -> None:
        """Hold a block, if there is room, and let go of those inside it, and of others that are not kept.

        Parameters
        ----------
        file, start, data
            The block.
        keep : bool
            Whether it stays until all of it was handed out, or `release`. There must be room for it, by a
            reservation that has ended.
        wanted_bytes : int
            Bytes of the clips that it was fetched for, where that is known; see `drop_spent`.
        """
        stop = start + len(data)
        if not data or len(data) > self.free_bytes or self._is_inside(file, start, stop):
            return
        block = _Block(start, data, wanted_bytes=wanted_bytes, is_kept=keep)
        for begin in [begin for begin in self._starts.get(file, ()) if start <= begin < stop]:
            if self._held[file, begin].end <= stop:
                block.handed_out |= self._held[file, begin].handed_out
                self._drop(file, begin)
        block.handed_out_bytes = sum(block.handed_out.values())
        block.wanted_bytes += block.handed_out_bytes if wanted_bytes else 0
        self._held[file, start] = block
        starts = self._starts.setdefault(file, [])
        starts.insert(bisect_left(starts, start), start)
        self._nbytes += len(data)
        self._kept_bytes += len(data) if keep else 0
        self._handed_out_bytes += block.handed_out_bytes
        self._fit(block)

    def release(self, file: Hashable, start: int) -> None:
        """Let the block that begins at `start` go when there is need of its room."""
        block = self._held.get((file, start))
        if block is not None:
            self._release(block)

    def hand_out(self, file: Hashable, offset: int, nbytes: int) -> bool:
        """Note that a clip was handed out; False when that is known or the clip is not held."""
        block = next(self._run(file, offset), None)
        if block is None or offset in block.handed_out:
            return False
        block.handed_out[offset] = nbytes
        block.handed_out_bytes += nbytes
        self._handed_out_bytes += nbytes
        if block.handed_out_bytes == len(block.data):
            self._release(block)
        return True

    def checked(self, file: Hashable, offset: int, nbytes: int) -> set[tuple[int, int, int]] | None:
        """Return what was found to be right of the block that holds a clip: offset, bytes and hash of clips.

        None when no block holds all of it. Whoever finds the clip to be right adds it; it counts for these
        very bytes, and not for others that come in their place.
        """
        block = next(self._run(file, offset), None)
        return block.checked if block is not None and offset + nbytes <= block.end else None

    def forget(self, file: Hashable, start: int, stop: int) -> None:
        """Let go of the blocks that hold any of the bytes [start, stop)."""
        for begin in list(self._starts.get(file, ())):
            if begin < stop and self._held[file, begin].end > start:
                self._drop(file, begin)

    def holds(self, file: Hashable, start: int) -> bool:
        """Say whether a block begins at `start`."""
        return (file, start) in self._held

    def drop_spent(self, file: Hashable, start: int) -> None:
        """Let go of the block that begins at `start` if all clips that it was fetched for were handed out.

        Nothing while less than half of the budget is used, nor one with much between those clips: others may
        want it.
        """
        block = self._held.get((file, start))
        if block is None or 2 * (self._nbytes + self._reserved_bytes) <= self.budget_bytes:
            return
        is_dense = 4 * block.handed_out_bytes >= 3 * len(block.data)
        if is_dense and 0 < block.wanted_bytes <= block.handed_out_bytes:
            self._drop(file, start)

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

    def _release(self, block: _Block) -> None:
        if block.is_kept:
            block.is_kept = False
            self._kept_bytes -= len(block.data)

    def _fit(self, newest: _Block | None = None) -> None:
        """Let go of blocks until the budget is kept."""
        while self._nbytes + self._reserved_bytes > self.budget_bytes:
            others = ((key, block) for key, block in self._held.items() if not block.is_kept)
            oldest = next(others)
            # What nobody has had yet was fetched because somebody will.
            used = (each for each in chain([oldest], others) if each[1].handed_out and each[1] is not newest)
            self._drop(*next(used, oldest)[0])

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
        self._kept_bytes -= len(block.data) if block.is_kept else 0
        self._handed_out_bytes -= block.handed_out_bytes
        starts = self._starts[file]
        del starts[bisect_left(starts, start)]
        if not starts:
            del self._starts[file]
