"""What a built table left out, kept beside it: whoever loads it from the cache is told, too."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from xxhash import xxh3_64_hexdigest

from audio_flan.release import Entry, Quarantine
from audio_flan.waveform import ClipFault

logger = logging.getLogger("audio_flan")

_PATTERN = "quarantine-*.jsonl"


def keep_quarantine(folder: Path, split: str, files: Sequence[Any], quarantine: Quarantine) -> None:
    """Write down what one job of a build left out of `files`, a JSON line for each entry."""
    if quarantine:
        job = xxh3_64_hexdigest(repr([file.path for file in files]).encode())
        lines = [msgspec.json.encode(entry.as_json()) for entry in quarantine]
        (folder / f"quarantine-{split}-{job}.jsonl").write_bytes(b"\n".join(lines) + b"\n")


def read_quarantine(folder: Path) -> Quarantine:
    """Return what the table in `folder` left out; empty when there is none."""
    lines = (line for path in sorted(folder.glob(_PATTERN)) for line in path.read_bytes().splitlines())
    found = Quarantine()
    found.extend(dict.fromkeys(Entry(**msgspec.json.decode(line)) for line in lines))  # splits share files
    return found


def lost_a_clip(quarantine: Quarantine) -> bool:
    """Say whether rows were left out for their clips, which may be there by now."""
    return not set(quarantine.by_reason).isdisjoint(ClipFault)


def report(folder: Path, quarantine: Quarantine) -> None:
    """Say aloud what a table left out, and where it is listed."""
    if quarantine:
        logger.warning("%s; listed in %s", quarantine, folder / _PATTERN)
