"""What each of the 80 tasks is called, where it belongs and how it is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from audio_flan.demo.wording.audio import AUDIO
from audio_flan.demo.wording.form import Wording
from audio_flan.demo.wording.music import MUSIC
from audio_flan.demo.wording.speech import SPEECH


@dataclass(frozen=True)
class Task:
    """A minor task: its domain, its major task and its wordings."""

    domain: str
    major: str
    wording: Wording


TASKS = {
    minor: Task(domain, major, wording)
    for domain, table in (("speech", SPEECH), ("music", MUSIC), ("audio", AUDIO))
    for major, minors in table.items()
    for minor, wording in minors.items()
}
"""Minor task, spelt as in the taxonomy, to what the corpus needs to know of it."""

__all__ = ["TASKS", "Task", "Wording"]
