"""Clips that will be wanted soon, fetched together with few requests while the consumer works."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple, Self

from audio_flan.fetch.clip import ShardClip
from audio_flan.fetch.read_ahead import read_ahead
from audio_flan.fetch.remote import RemoteFile

MAX_RUN_BYTES: Final = 8 << 20
MAX_GAP_BYTES: Final = 64 << 10
"""Between two clips so much is fetched in vain rather than asked for apart."""
_REQUESTS_AT_ONCE: Final = 8


class Run(NamedTuple):
    """The bytes [start, stop) of a file."""

    file: RemoteFile
    start: int
    stop: int


def runs_of(clips: Iterable[Run]) -> Iterator[Run]:
    """Join the places of clips that lie close together, up to `MAX_RUN_BYTES`; each byte is in one run."""
    open_run: Run | None = None
    for clip in sorted(set(clips), key=lambda clip: (str(clip.file), clip.start, clip.stop)):
        if open_run is not None:
            near = clip.file == open_run.file and clip.start - open_run.stop <= MAX_GAP_BYTES
            if near and max(clip.stop, open_run.stop) - open_run.start <= MAX_RUN_BYTES:
                open_run = open_run._replace(stop=max(clip.stop, open_run.stop))
                continue
            yield open_run
        open_run = clip
    if open_run is not None:
        yield open_run


class Prefetch:
    """Fetches clips ahead in threads, into the memory that `ShardClip` reads from; to be closed."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_REQUESTS_AT_ONCE, "audio-flan-prefetch")

    def want(self, clips: Iterable[ShardClip]) -> None:
        """Begin to fetch clips; those that are local are left alone.

        What cannot be fetched is asked for again when the clip is read, and raised then.
        """
        places = (clip.remote_place() for clip in clips)
        for run in runs_of(Run(*place) for place in places if place is not None):
            self._pool.submit(read_ahead().warm, run.file, run.start, run.stop)

    def close(self) -> None:
        """Give up what has not begun, and wait for the rest."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
