"""Clips on a disk: the system is told which come next, so that it reads them meanwhile."""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final

from audio_flan.building.measure_clips import PlannedClip
from audio_flan.waveform import AudioError, ClipSource, FileSource, RangeSource

AHEAD_CLIPS: Final = 16
AHEAD_BYTES: Final = 16 << 20
"""What is read ahead amounts to no more; larger clips are not read ahead."""


def read_ahead(
    locate: Callable[[str], ClipSource], clips: Iterable[PlannedClip]
) -> Iterator[tuple[PlannedClip, Callable[[], ClipSource]]]:
    """Yield each clip, in order, with a function that finds its source."""
    ahead: deque[PlannedClip] = deque()
    held = 0
    for clip in clips:
        while ahead and (len(ahead) == AHEAD_CLIPS or held + clip.nbytes > AHEAD_BYTES):
            first = ahead.popleft()
            held -= first.nbytes
            yield first, partial(locate, first.audio_id)
        ahead.append(clip)
        held += clip.nbytes
        if clip.nbytes <= AHEAD_BYTES:
            with contextlib.suppress(OSError, AudioError):  # whoever reads the clip will say so
                _announce(locate(clip.audio_id))
    for clip in ahead:
        yield clip, partial(locate, clip.audio_id)


def _announce(source: ClipSource) -> None:
    """Tell the system that a clip is about to be read, where it can be told."""
    if not hasattr(os, "posix_fadvise") or not isinstance(source, FileSource | RangeSource):
        return
    offset, nbytes = (source.offset, source.nbytes) if isinstance(source, RangeSource) else (0, 0)
    descriptor = os.open(source.path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.posix_fadvise(descriptor, offset, nbytes, os.POSIX_FADV_WILLNEED)
    finally:
        os.close(descriptor)
