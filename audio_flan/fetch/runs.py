"""Runs of bytes that are fetched with one request each."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from audio_flan.fetch.remote import RemoteFile

MAX_RUN_BYTES: Final = 8 << 20
MAX_GAP_BYTES: Final = 64 << 10
"""Between two clips so much is fetched in vain rather than asked for apart."""


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
