"""Many clips at once, in the order in which they stand in their shards."""

from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from typing import Final

from audio_flan.fetch.clip import ShardClip
from audio_flan.fetch.prefetch import Prefetch
from audio_flan.fetch.read_ahead import BUDGET_BYTES
from audio_flan.waveform import AudioError, ClipError

_WINDOW_BYTES: Final = BUDGET_BYTES // 2
"""Remote clips are fetched and taken out of memory in portions of this size."""


def read_many(clips: Collection[ShardClip]) -> Iterator[tuple[ShardClip, bytes]]:
    """Read clips, check them, and yield them in the order in which they stand in their shards.

    Remote clips that stand close together are fetched together, with several requests at a time. Local ones
    are read one by one: the kernel reads ahead, and cutting them out of longer runs costs more than calls do.

    Raises
    ------
    AudioError
        When a clip cannot be read or is not what its cell says.
    """
    for window in _windows(sorted(clips, key=lambda clip: (clip.place.shard, clip.place.offset))):
        with Prefetch() as prefetch:
            prefetch.want(window)
            for clip in window:
                yield clip, _read(clip)


def _read(clip: ShardClip) -> bytes:
    try:
        return clip.read()
    except (ClipError, OSError) as error:
        raise AudioError.of(error, clip.place.audio_id, clip.location) from error


def _windows(clips: Iterable[ShardClip]) -> Iterator[list[ShardClip]]:
    """Cut clips into portions of up to `_WINDOW_BYTES`, each of one clip at least."""
    end, number = 0, 0
    numbered: list[tuple[int, ShardClip]] = []
    for clip in clips:
        if end and end + clip.place.nbytes > _WINDOW_BYTES:
            end, number = 0, number + 1
        end += clip.place.nbytes
        numbered.append((number, clip))
    for _, window in groupby(numbered, key=lambda item: item[0]):
        yield [clip for _, clip in window]
