"""Sizes and marks of the files of a release behind a URL: by listing folders, not by asking for each file."""

from array import array
from bisect import bisect_left
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from xxhash import xxh3_64_intdigest

from audio_flan.fetch.retry import TransientError, with_retries
from audio_flan.release.tree import RemoteTree

_FOLDERS = 4
"""Folders whose files are known at a time."""
_LASTING = (FileNotFoundError, PermissionError)
_Columns = tuple["array[int]", "array[int]", "array[int]"]


class Measure(NamedTuple):
    """Size of an encoded clip in bytes, and a 64-bit mark that changes with it."""

    nbytes: int
    mark: int


class Listing:
    """Measures files by path. A folder is listed when a file in it is asked for; 24 bytes a file are kept."""

    def __init__(self, tree: RemoteTree) -> None:
        self._tree = tree
        self._folder = lru_cache(_FOLDERS)(self._list)

    def measure(self, path: str) -> Measure | None:
        """Measure a file; None when there is no such file.

        Raises
        ------
        OSError
            When its folder cannot be listed.
        """
        keys, sizes, marks = self._folder(folder_of(path))
        key = _key(path)
        i = bisect_left(keys, key)
        return Measure(sizes[i], marks[i]) if i < len(keys) and keys[i] == key else None

    def _list(self, folder: str) -> _Columns:
        return with_retries(lambda: _read(self._tree, folder))


def folder_of(path: str) -> str:
    """Return the folder that is listed for a file: that of its corpus, or where it lies elsewhere its own."""
    parts = path.split("/")
    corpus = len(parts) >= 4 and parts[0] == "audio_files"
    return "/".join(parts[:3] if corpus else parts[:-1])


def _read(tree: RemoteTree, folder: str) -> _Columns:
    """Return hashes of paths, sizes and marks of the files below a folder, sorted by the hash."""
    columns = tuple(array(code) for code in "QqQ")
    try:
        for entity in tree.walk(folder):
            values = _key(entity.path), entity.size, xxh3_64_intdigest(entity.mark.encode())
            for column, value in zip(columns, values, strict=True):
                column.append(value)
    except _LASTING:
        raise
    except OSError as error:
        raise TransientError(f"{tree.root}/{folder} cannot be listed: {error}") from error
    order = np.argsort(np.frombuffer(columns[0], np.uint64), kind="stable")
    keys, sizes, marks = (array(c.typecode, np.asarray(c)[order].tobytes()) for c in columns)
    return keys, sizes, marks


def _key(path: str) -> int:
    return xxh3_64_intdigest(path.encode())
