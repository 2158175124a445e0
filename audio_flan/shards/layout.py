"""What lies where below a root of the indexed or the embedded form, as pure functions.

``data/<domain>/<direction>/<major>/<minor>/<split>-00000-of-00007.parquet`` with the names of configs and the
taxonomy's direction, so that every config and split is one glob; ``sample/...``;
``audio/<corpus>/<corpus>-00000.tar`` or ``.parquet``;
``index/<corpus>.parquet`` and ``index/<corpus>.ids``; ``quarantine/<corpus>.jsonl``; ``audio_flan.json``.
"""

import re
from typing import Final

from xxhash import xxh3_64_hexdigest

from audio_flan.taxonomy import resolve_config, taxonomy

LAYOUT_VERSION: Final = 2
"""Raise it whenever files of the same release come to lie elsewhere or have another content."""
MANIFEST_NAME: Final = "audio_flan.json"
SAMPLE_FILE: Final = "sample/train-00000-of-00001.parquet"
"""A few rows of every task with embedded audio, in both forms."""
FORMS: Final = ("indexed", "embedded")
CLIP_KINDS: Final = ("tar", "parquet")
"""Files of clips of the indexed form; also their extensions."""
TREE_CORPUS: Final = "_tree"
"""Stands for a corpus where a fault belongs to none."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_MAX_FOLDER_LENGTH = 100
_CLIP_FILE = re.compile(r"audio/.+-(\d{5,})\.(tar|parquet)")
_ROW_FILE = re.compile(r"(train|validation|test)-(\d{5,})-of-(\d{5,})\.parquet")


def folder_name(corpus: str) -> str:
    """Return the name that `corpus` has on disk and in URLs: letters, digits and ``._-~``, never a path.

    Every other byte of its UTF-8 form is ``~`` and two hex digits, a dot at its beginning as well; a long
    name is cut and gets a hash.
    """
    name = _UNSAFE.sub(lambda match: "".join(f"~{byte:02X}" for byte in match[0].encode()), corpus)
    if name.startswith("."):
        name = f"~2E{name[1:]}"
    if len(name) > _MAX_FOLDER_LENGTH:
        name = f"{name[: _MAX_FOLDER_LENGTH - 17]}~{xxh3_64_hexdigest(corpus.encode())}"
    return name or "~"


def task_folder(task: str) -> str:
    """Return the folder of the row files of the minor config `task`."""
    found = taxonomy().tasks[task]
    return f"data/{found.domain}/{found.direction}/{found.major_config}/{found.config}"


def row_file(task: str, split: str, number: int, count: int) -> str:
    """Return the path of the row file `number` (from 0) of `count` of a minor config and split."""
    return f"{task_folder(task)}/{split}-{number:05d}-of-{count:05d}.parquet"


def split_of_row_file(path: str) -> tuple[str, str] | None:
    """Return (minor config, split) of a row file; None for a path that is none."""
    parts = path.split("/")
    named = _ROW_FILE.fullmatch(parts[-1])
    if named is None or len(parts) != 6 or parts[4] not in taxonomy().tasks:
        return None
    return (parts[4], named[1]) if task_folder(parts[4]) == "/".join(parts[:5]) else None


def row_glob(config: str, split: str) -> str:
    """Return the one glob that matches the row files of a config, group or not, and a split."""
    folders = [task_folder(task.config).split("/")[1:] for task in resolve_config(config).tasks]
    columns = [{folder[i] for folder in folders} for i in range(4)]
    parts = [names.pop() if len(names) == 1 else "*" for names in columns]
    return "/".join(("data", *parts, f"{split}-*.parquet"))


def clip_file(corpus: str, number: int, kind: str) -> str:
    """Return the path of the clip shard `number` (from 0) of a corpus; `kind` is one of `CLIP_KINDS`."""
    folder = folder_name(corpus)
    return f"audio/{folder}/{folder}-{number:05d}.{kind}"


def parse_clip_file(path: str) -> tuple[int, str]:
    """Return number and kind of a clip shard; `ValueError` for a path that is none."""
    found = _CLIP_FILE.fullmatch(path)
    if found is None:
        raise ValueError(f"{path!r} is no path of a clip shard")
    return int(found[1]), found[2]


def index_file(corpus: str) -> str:
    """Return the path of the clip index of a corpus."""
    return f"index/{folder_name(corpus)}.parquet"


def id_table_file(corpus: str) -> str:
    """Return the path of the table by which clips of a corpus are looked up."""
    return f"index/{folder_name(corpus)}.ids"


def quarantine_file(corpus: str) -> str:
    """Return the path of the list of what was not taken of a corpus."""
    return f"quarantine/{folder_name(corpus)}.jsonl"
