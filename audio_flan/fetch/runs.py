"""Runs of bytes that are fetched with one request each."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from audio_flan.fetch.remote import RemoteFile

MAX_RUN_BYTES: Final = 8 << 20
LONG_RUN_BYTES: Final = 1 << 20
"""From so much on it is the line that takes the time, and not the answer's coming."""
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
    for clip in sorted(set(clips), key=lambda clip: (clip.file.root, clip.file.path, clip.start, clip.stop)):
        if open_run is not None:
            near = clip.file == open_run.file and clip.start - open_run.stop <= MAX_GAP_BYTES
            if near and max(clip.stop, open_run.stop) - open_run.start <= MAX_RUN_BYTES:
                open_run = open_run._replace(stop=max(clip.stop, open_run.stop))
                continue
            yield open_run
        open_run = clip
    if open_run is not None:
        yield open_run


def first_runs(clips: Sequence[Run], room: int) -> list[Run]:
    """Join the places of clips as `runs_of` does, of as many of the first ones as `room` in bytes allows."""
    count = sum(end <= room for end in accumulate(clip.stop - clip.start for clip in clips))
    runs = list(runs_of(clips[:count]))
    while sum(run.stop - run.start for run in runs) > room:  # with what lies between the clips
        count -= max(1, count // 8)
        runs = list(runs_of(clips[:count]))
    return runs


def clip_bytes(runs: Iterable[Run], clips: Iterable[Run]) -> dict[Run, int]:
    """Return how many bytes of each run are clips; the runs are of these clips, or of the first ones."""
    found = dict.fromkeys(runs, 0)
    ordered = sorted(found, key=_place)
    for clip in clips:
        i = bisect_right(ordered, _place(clip), key=_place)
        if i and ordered[i - 1].file == clip.file and clip.stop <= ordered[i - 1].stop:
            found[ordered[i - 1]] += clip.stop - clip.start
    return found


def _place(run: Run) -> tuple[str, str, int]:
    return run.file.root, run.file.path, run.start
