"""The entry point: build every instance, write the release, put it in place at once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import numpy as np

from audio_flan.demo import (
    audio_segments,
    audio_tasks,
    music_notes,
    music_songs,
    music_tracks,
    speech_generation,
    speech_pairs,
    speech_speakers,
    speech_understanding,
    takes,
)
from audio_flan.demo.parts import Instance
from audio_flan.demo.writer import Counts, write_release

VERSION = 1
"""Raise it when the same seed would give other bytes."""

MARK = "demo.json"


@dataclass(frozen=True)
class DemoSummary:
    """What `make_demo` made.

    Attributes
    ----------
    directory
        Root of the release.
    instances, tasks, clips
        Numbers of records, minor tasks and audio files.
    seconds
        Length of all clips together.
    bytes
        Size of all files but `demo.json`.
    """

    directory: Path
    instances: int
    tasks: int
    clips: int
    seconds: float
    bytes: int


@dataclass(frozen=True)
class Mark:
    """Content of `demo.json`: what the directory holds."""

    version: int
    seed: int
    counts: Counts


def make_demo(
    directory: Path | str, *, seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> DemoSummary:
    """Make the demo corpus, or reuse it when it is already there.

    Parameters
    ----------
    directory
        Root of the release to make. It appears under its name only when it is complete.
    seed
        The same seed gives the same bytes.
    progress
        Called with (steps done, steps in all).

    Raises
    ------
    FileExistsError
        When the directory holds anything that is not a demo corpus of this version and seed.
    ImportError
        When `espeakng-loader` is not installed.
    """
    root = Path(directory).absolute()
    found = existing(root, seed)
    if found is not None:
        return found
    root.parent.mkdir(parents=True, exist_ok=True)
    workshop = Path(tempfile.mkdtemp(prefix=f".{root.name}-", dir=root.parent))
    try:
        counts = _fill(workshop / "demo", seed, progress or (lambda _done, _all: None))
        if root.exists():
            root.rmdir()
        (workshop / "demo").rename(root)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
    return DemoSummary(root, **asdict(counts))


def existing(root: Path, seed: int) -> DemoSummary | None:
    """Return the demo corpus in a directory; None when the directory is missing or empty."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return None
    mark = _mark_of(root)
    if mark is not None and (mark.version, mark.seed) == (VERSION, seed):
        return DemoSummary(root, **asdict(mark.counts))
    what = f"version {mark.version}, seed {mark.seed} of it" if mark else "something else"
    message = (
        f"expected the demo corpus (version {VERSION}, seed {seed}) or nothing in {str(root)!r}, found {what}"
        "\n\nHint: name a new directory, or delete this one first."
    )
    raise FileExistsError(message)


def _mark_of(root: Path) -> Mark | None:
    try:
        return msgspec.json.decode((root / MARK).read_bytes(), type=Mark)
    except (OSError, msgspec.DecodeError):
        return None


def instances(seed: int, step: Callable[[], None] = lambda: None) -> Iterator[Instance]:
    """Yield every instance of the corpus; `step` is called after each room of the pipeline."""
    bank = takes.record()
    step()

    def rng(room: int) -> np.random.Generator:
        return np.random.default_rng([seed, room])

    rooms: tuple[Callable[[], Iterator[Instance]], ...] = (
        lambda: speech_understanding.build(bank),
        lambda: speech_generation.build(bank),
        lambda: speech_pairs.build(bank, rng(2)),
        lambda: speech_speakers.build(bank, rng(8)),
        lambda: music_notes.build(rng(3)),
        lambda: music_tracks.build(rng(4)),
        lambda: music_songs.build(rng(5)),
        lambda: audio_tasks.build(rng(6)),
        lambda: audio_segments.build(bank, rng(7)),
    )
    for room in rooms:
        yield from room()
        step()


_STEPS = 11  # the voices, nine rooms, the writer


def _fill(root: Path, seed: int, progress: Callable[[int, int], None]) -> Counts:
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress(done, _STEPS)

    made = list(instances(seed, step))
    counts = write_release(root, made, seed)
    (root / MARK).write_bytes(msgspec.json.encode(Mark(VERSION, seed, counts)) + b"\n")
    step()
    return counts
