"""Clips out of blocks that were fetched with clips before them; one for each process, for all its threads."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterable
from functools import cache
from typing import Final

from xxhash import xxh3_64_intdigest

from audio_flan.fetch.blocks import Blocks
from audio_flan.fetch.remote import RemoteFile, fetch_range
from audio_flan.fetch.retry import TransientError, is_too_late
from audio_flan.fetch.runs import Run, clip_bytes, first_runs
from audio_flan.fetch.window import NEAR_BYTES, Account, extra_bytes
from audio_flan.waveform import ClipError, ClipFault

BUDGET_BYTES: Final = 64 << 20
_LOOK_S: Final = 0.5
"""How often a thread that waits for another one looks whether it is still to wait."""
Fetch = Callable[[RemoteFile, int, int], bytes]


def check_clip(data: bytes, xxh3: int) -> None:
    """Raise `ClipError` when the bytes of a clip do not have the hash that its cell has."""
    found = xxh3_64_intdigest(data)
    if found != xxh3:
        detail = f"its bytes have the xxh3 {found:016x}, by its cell {xxh3:016x}"
        raise ClipError(ClipFault.DAMAGED_AUDIO, detail)


class ReadAhead:
    """Hands out byte ranges of remote files, and fetches ahead of clips that are read as they stand.

    What is fetched in vain is bounded, see `audio_flan.fetch.window`. Safe to be shared by threads: no two
    fetch the same bytes at a time.

    Parameters
    ----------
    fetch : callable
        Fetches the bytes [start, stop) of a file.
    budget_bytes : int
        Memory for blocks, and for what is claimed. A clip that was not claimed is fetched all the same: those
        of threads that do so at this moment are beside it.
    """

    def __init__(self, fetch: Fetch, budget_bytes: int = BUDGET_BYTES) -> None:
        self._fetch = fetch
        self._blocks = Blocks(budget_bytes)
        self._changed = threading.Condition()
        self._coming: dict[RemoteFile, list[tuple[int, int]]] = {}
        """Runs of bytes that some thread is fetching."""
        self._to_keep: set[Run] = set()
        """Of these, what was claimed and not released meanwhile."""
        self._wanted_bytes: dict[Run, int] = {}
        """Bytes of the clips that those were claimed for."""
        self.account = Account()

    def clip(self, file: RemoteFile, offset: int, nbytes: int, xxh3: int) -> bytes:
        """Return the bytes [offset, offset + nbytes) of a file.

        Parameters
        ----------
        file, offset, nbytes
            The clip.
        xxh3 : int
            Its hash, checked once as long as it stays in memory.

        Raises
        ------
        ClipError
            When the file ends before, or its bytes are others.
        OSError
            When they cannot be fetched.
        """
        data, checked = self._clip(file, offset, nbytes) if nbytes else (b"", None)
        if checked is None or (offset, nbytes, xxh3) not in checked:
            check_clip(data, xxh3)
            if checked is not None:
                checked.add((offset, nbytes, xxh3))
        return data

    def _clip(
        self, file: RemoteFile, offset: int, nbytes: int
    ) -> tuple[bytes, set[tuple[int, int, int]] | None]:
        """Return the bytes of a clip, and `Blocks.checked` for these bytes where they were held."""
        stop = offset + nbytes
        with self._changed:
            while (data := self._held(file, offset, stop)) is None and self._is_coming(file, offset, stop):
                if is_too_late():
                    raise TransientError("given up while others were fetching it")
                self._changed.wait(_LOOK_S)
            if data is not None:
                return data, self._blocks.checked(file, offset, nbytes)
            begin = self._blocks.held_until(file, offset)
            head = self._blocks.take(file, offset, begin) or b""
            self.account = self.account.after(stop - begin, nbytes)
            end = self._window_end(file, begin, stop)
            self.account = self.account.after(end - stop, 0)
            self._coming.setdefault(file, []).append((begin, end))
        fetched = used = 0
        try:
            got = self._fetch(file, begin, end)
            data, fetched = head + got[: stop - begin], len(got)
            used = nbytes if len(data) == nbytes else 0
        finally:
            with self._changed:
                self._arrived(file, begin, end)
                # What was planned is replaced by what came: a file may end early, fetching may fail.
                self.account = self.account.after(fetched - (end - begin), used - nbytes)
                if fetched:
                    self._blocks.add(file, begin, got)
                    self._blocks.hand_out(file, offset, nbytes)
                self._changed.notify_all()
        if not used:
            detail = f"the file ends after {len(data)} of the clip's {nbytes} bytes"
            raise ClipError(ClipFault.TRUNCATED_AUDIO, detail)
        return data, None

    @property
    def free_bytes(self) -> int:
        """Bytes that can be claimed now."""
        with self._changed:
            return self._blocks.free_bytes

    def claim(self, clips: Iterable[Run]) -> list[Run]:
        """Plan requests for clips that neither are held nor come yet; let them count as coming.

        Clips are claimed in their order as long as there is room; one larger than all of it is left alone.
        Each run is to be fetched with `fetch_claimed` or given up: whoever reads a clip in it waits for that.
        What is claimed stays in memory until all of it was read, or it is released or let go.
        """
        with self._changed:
            missing = [
                clip
                for clip in dict.fromkeys(clips)
                if clip.stop - clip.start <= self._blocks.budget_bytes
                and self._blocks.held_until(clip.file, clip.start) < clip.stop
                and not self._is_coming(*clip)
            ]
            runs = first_runs(missing, self._blocks.free_bytes)
            self._wanted_bytes.update(clip_bytes(runs, missing))
            for run in runs:
                self._coming.setdefault(run.file, []).append((run.start, run.stop))
                self._blocks.reserve(run.stop - run.start)
            self._to_keep.update(runs)
        return runs

    def fetch_claimed(self, run: Run) -> None:
        """Fetch a claimed run, and hold it. Failures are left to `clip`, which asks again."""
        data = b""
        try:
            with contextlib.suppress(OSError):
                data = self._fetch(*run)
        finally:
            self._settle(run, data)

    def give_up(self, run: Run) -> None:
        """Let others fetch what was claimed."""
        self._settle(run, b"")

    def release(self, run: Run) -> None:
        """Let a run that was claimed go when there is need of its room."""
        with self._changed:
            self._to_keep.discard(run)
            self._blocks.release(run.file, run.start)

    def holds(self, run: Run) -> bool:
        """Say whether a run that was claimed is held as it was fetched."""
        with self._changed:
            return self._blocks.holds(run.file, run.start)

    def let_go(self, run: Run) -> None:
        """Let go of what nobody has read of a run that was claimed. It was not fetched in vain by reading."""
        with self._changed:
            self.account = self.account.after(-self._blocks.trim(run.file, run.start), 0)

    def let_go_of_spent(self, run: Run) -> None:
        """Let go of a run if all clips that it was claimed for were read, and half of the memory is used."""
        with self._changed:
            self._blocks.drop_spent(run.file, run.start)

    def _settle(self, run: Run, data: bytes) -> None:
        with self._changed:
            self._arrived(*run)
            self.account = self.account.after(len(data), 0)
            self._blocks.end_reservation(run.stop - run.start)
            wanted_bytes = self._wanted_bytes.pop(run, 0)
            self._blocks.add(run.file, run.start, data, keep=run in self._to_keep, wanted_bytes=wanted_bytes)
            self._to_keep.discard(run)
            self._changed.notify_all()

    def forget(self, file: RemoteFile, offset: int, nbytes: int) -> None:
        """Let go of bytes that turned out to be wrong."""
        with self._changed:
            self._blocks.forget(file, offset, offset + nbytes)

    def _held(self, file: RemoteFile, offset: int, stop: int) -> bytes | None:
        data = self._blocks.take(file, offset, stop)
        if data is not None and self._blocks.hand_out(file, offset, stop - offset):
            self.account = self.account.after(0, stop - offset)
        return data

    def _is_coming(self, file: RemoteFile, offset: int, stop: int) -> bool:
        return any(start < stop and offset < end for start, end in self._coming.get(file, ()))

    def _arrived(self, file: RemoteFile, begin: int, end: int) -> None:
        coming = self._coming[file]
        coming.remove((begin, end))
        if not coming:
            del self._coming[file]

    def _window_end(self, file: RemoteFile, begin: int, stop: int) -> int:
        """Say how far to fetch for a clip of which the bytes [begin, stop) are missing."""
        ends = [0, *(end for _, end in self._coming.get(file, ())), self._blocks.end_before(file, begin + 1)]
        follows = any(end is not None and 0 <= begin - end <= NEAR_BYTES for end in ends)
        # Half of the memory is for what nobody has asked for yet, a quarter of what is left of it for each.
        room = (self._blocks.budget_bytes // 2 - self._blocks.unread_bytes) // 4
        room = min(room, self._blocks.free_bytes - (stop - begin))
        end = stop + extra_bytes(self.account, stop - begin, follows=follows, room=room)
        # Not what is held or comes already.
        others = (self._blocks.start_after(file, stop), *(start for start, _ in self._coming.get(file, ())))
        return min([end, *(start for start in others if start is not None and start >= stop)])


@cache
def read_ahead() -> ReadAhead:
    """Return the one of this process; a forked child starts with one of its own."""
    return ReadAhead(fetch_range)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=read_ahead.cache_clear)
