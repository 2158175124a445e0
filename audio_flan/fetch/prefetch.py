"""Clips that will be wanted soon, fetched together with few requests while the consumer works."""

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Self

from audio_flan.fetch.clip import ShardClip
from audio_flan.fetch.read_ahead import read_ahead
from audio_flan.fetch.runs import Run

_REQUESTS_AT_ONCE: Final = 8


class Prefetch:
    """Fetches clips ahead in threads, into the memory that `ShardClip` reads from; to be closed."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_REQUESTS_AT_ONCE, "audio-flan-prefetch")
        self._on_their_way: dict[Future[None], Run] = {}

    def want(self, clips: Iterable[ShardClip]) -> None:
        """Begin to fetch clips; those that are local, held or on their way are left alone.

        What cannot be fetched is asked for again when the clip is read, and raised then.
        """
        self._on_their_way = {each: run for each, run in self._on_their_way.items() if not each.done()}
        places = (clip.remote_place() for clip in clips)
        for run in read_ahead().claim(Run(*place) for place in places if place is not None):
            self._on_their_way[self._pool.submit(read_ahead().fetch_claimed, run)] = run

    def close(self) -> None:
        """Give up what has not begun, and wait for the rest."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for future, run in self._on_their_way.items():
            if future.cancelled():
                read_ahead().give_up(run)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
