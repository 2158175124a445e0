"""Clips that will be wanted soon, fetched together with few requests while the consumer works."""

import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Self

from audio_flan.fetch.clip import ShardClip
from audio_flan.fetch.read_ahead import read_ahead
from audio_flan.fetch.retry import stop_retrying_when
from audio_flan.fetch.runs import LONG_RUN_BYTES, Run

_REQUESTS_AT_ONCE: Final = 8
_LONG_REQUESTS_AT_ONCE: Final = 3
"""They share the line, and the first one is wanted first."""


class Prefetch:
    """Fetches clips ahead in threads, into the memory that `ShardClip` reads from; to be closed."""

    def __init__(self) -> None:
        self._ahead = read_ahead()
        self._closed = threading.Event()
        self._short, self._long = (
            ThreadPoolExecutor(most, "audio-flan-prefetch", stop_retrying_when, (self._closed,))
            for most in (_REQUESTS_AT_ONCE, _LONG_REQUESTS_AT_ONCE)
        )
        self._claimed: set[Run] = set()
        """Not begun and not given up yet."""
        self._runs: dict[Future[None], Run] = {}
        """On their way, or held."""

    @property
    def free_bytes(self) -> int:
        """Bytes of clips that there is room for now."""
        return self._ahead.free_bytes

    def want(self, clips: Iterable[ShardClip]) -> list[Run]:
        """Begin to fetch clips, in their order as far as there is room for them.

        Those that are local, held or on their way are left alone. What cannot be fetched is asked for again
        when the clip is read, and raised then.

        Returns
        -------
        list of Run
            What stays in memory for these clips until it is released.
        """
        self._runs = {
            future: run for future, run in self._runs.items() if not future.done() or self._ahead.holds(run)
        }
        places = (clip.remote_place() for clip in clips)
        claimed = self._ahead.claim(Run(*place) for place in places if place is not None)
        try:
            self._claimed.update(claimed)
            for run in claimed:
                pool = self._long if run.stop - run.start >= LONG_RUN_BYTES else self._short
                self._runs[pool.submit(self._fetch, run)] = run
        except BaseException:  # no thread can be started
            self._give_up(claimed)
            raise
        return claimed

    def holds(self, runs: Iterable[Run]) -> bool:
        """Say whether all runs that were wanted have come."""
        return all(self._ahead.holds(run) for run in runs)

    def release(self, runs: Iterable[Run]) -> None:
        """Let what was fetched for clips go when there is need of its room: their turn is over."""
        for run in runs:
            self._ahead.release(run)

    def let_go_of_spent(self, runs: Iterable[Run]) -> None:
        """Let go of those whose clips were read, all of them, while more than half of the memory is used.

        What is used again soon is in the processor's cache, and need not be had from the system.
        """
        for run in runs:
            self._ahead.let_go_of_spent(run)

    def close(self) -> None:
        """Give up what has not begun, wait for the requests that are out, let go of what nobody has read."""
        self._closed.set()
        try:
            for pool in (self._short, self._long):
                pool.shutdown(wait=True, cancel_futures=True)
        finally:
            self._give_up(tuple(self._claimed))
            for run in self._runs.values():
                self._ahead.let_go(run)

    def _fetch(self, run: Run) -> None:
        if self._closed.is_set():
            self._give_up([run])
        elif self._take(run):
            self._ahead.fetch_claimed(run)

    def _give_up(self, runs: Iterable[Run]) -> None:
        for run in runs:
            if self._take(run):
                self._ahead.give_up(run)

    def _take(self, run: Run) -> bool:
        """Say whether a claim is still to be settled; once, as a run may be given up while it is queued."""
        try:
            self._claimed.remove(run)
        except KeyError:
            return False
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
