"""Rows as samples of WebDataset tars, which other loaders read."""

import re
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import PurePosixPath
from typing import Final

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_MOST_SHAPE_LENGTH: Final = 60
_HASH_BYTES: Final = 8


def sample_name(uuid: str, task: str) -> str:
    """Return a name for a row: letters, digits, ``-`` and ``_``, at most 64 of them.

    Its dots are what readers cut keys at, so it has none. The task is a hash of its name: names of tasks
    are longer than a tar allows for.
    """
    tag = blake2b(task.encode(), digest_size=4).hexdigest()
    if _PLAIN.fullmatch(uuid):
        return f"{uuid}-{tag}"
    return f"{_UNSAFE.sub('_', uuid)[:20]}-{_hash(uuid)}-{tag}"


def field_names(clips: Sequence[str], inputs: int) -> list[str]:
    """Name the clips of a row: ``input0.flac``, ``output0.wav``."""
    names = []
    for number, clip in enumerate(clips):
        side, place = ("input", number) if number < inputs else ("output", number - inputs)
        names.append(f"{side}{place}{PurePosixPath(clip).suffix}")
    return names


def shape_folder(fields: Sequence[str]) -> str:
    """Return the folder of rows with these fields: `datasets` takes tars whose samples have the same fields.

    ``text`` without clips, ``input0-flac``, ``input0-flac_output0-wav``; cut and with a hash when long.
    """
    name = "_".join(field.replace(".", "-") for field in fields) or "text"
    if len(name) <= _MOST_SHAPE_LENGTH:
        return name
    return f"{name[:_MOST_SHAPE_LENGTH]}-{_hash(name)}"


def _hash(text: str) -> str:
    return blake2b(text.encode(), digest_size=_HASH_BYTES).hexdigest()
