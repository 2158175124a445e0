"""A small corpus made offline in the released form: all 80 tasks, every label true by construction.

Nothing in it was recorded. Speech is espeak-ng's, music and sounds are synthesised here, pairs are simulated;
where a word of the task promises more (an emotion, an artist, a scene, a device, a bona fide voice), the
record's `other` says which preset stands behind it.

The data's way through the room: sources (`voices`, `instruments`, `singing`, `songs`, `events`) and recipes
(`degrade`, `vocoders`) feed the task builders (`speech_*`, `music_*`, `audio_*`), which yield instances
(`parts`); `wording` phrases them, `writer` and `encode` lay them down, `corpus` is the entry point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audio_flan.demo.corpus import DemoSummary, make_demo

__all__ = ["DemoSummary", "make_demo"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from audio_flan.demo import corpus

    found: object = getattr(corpus, name)
    return found
