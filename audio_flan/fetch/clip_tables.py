"""The tables of ids of a built root, wherever it is: one for each corpus, opened when it is first asked."""

import os
import threading
import weakref
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Final, TypeVar

from audio_flan.fetch.place import local_file
from audio_flan.fetch.stores import LocalStore
from audio_flan.shards import FileFacts, Manifest, ManifestError, id_table_file
from audio_flan.shards.id_table import IdTable, IdTableError
from audio_flan.shards.indexed_clip import IndexedClip
from audio_flan.shards.store import Store
from audio_flan.taxonomy.errors import UnknownNameError, nearest_names
from audio_flan.waveform import ClipError

_TAIL_BYTES: Final = 1 << 16
"""Fetched from the end of a remote table at first: its facts, its top, and all of a small one."""
_CACHED_BLOCKS: Final = 1024
"""Of remote tables, 5 to 15 kB each."""
_REQUESTS_AT_ONCE: Final = 8
_SHOWN_CORPORA: Final = 3
Answer = TypeVar("Answer")


class UnknownClipError(KeyError):
    """An id that a root has no clip of.

    Attributes
    ----------
    audio_id : str
    nearest : tuple of str
        Up to three ids that there are, best first.
    searched : tuple of str
        The corpora that were searched.
    """

    def __init__(self, root: str, audio_id: str, nearest: Collection[str], searched: Collection[str]) -> None:
        super().__init__(root, audio_id, tuple(nearest), tuple(searched))
        self.audio_id, self.nearest, self.searched = audio_id, tuple(nearest), tuple(searched)
        self._root = root

    def __str__(self) -> str:
        names = ", ".join(self.searched[:_SHOWN_CORPORA])
        more = len(self.searched) - _SHOWN_CORPORA
        searched = f"searched: {names}{f' and {more} more corpora' if more > 0 else ''}"
        meant = f" Did you mean {' or '.join(map(repr, self.nearest))}?" if self.nearest else ""
        return f"{self._root} has no clip {self.audio_id[:200]!r} ({searched}).{meant}"


class ClipTables:
    """Finds the clips of a root by their ids. Threads may share it; a fork may use it, too.

    A local table is read in place and not mapped into memory: pages of a mapping would count as memory of the
    process, and a file cut short meanwhile would kill it.

    Parameters
    ----------
    store : Store
        The files of the root.
    manifest : Manifest
        Of the indexed form.

    Raises
    ------
    ManifestError
        When a corpus with clips has no table.
    """

    def __init__(self, store: Store, manifest: Manifest) -> None:
        self._store = store
        files = {file.path: file for file in manifest.files}
        self._files: dict[str, FileFacts] = {}
        """Tables by corpus."""
        for corpus in manifest.corpora:
            if corpus.clips:
                path = id_table_file(corpus.corpus)
                if path not in files:
                    message = f"{store.root} has no {path}, by which clips are found: build it again"
                    raise ManifestError(message)
                self._files[corpus.corpus] = files[path]
        self._lengths = sorted({len(corpus) for corpus in self._files}, reverse=True)
        self._tables: dict[str, IdTable] = {}
        self._lock = threading.Lock()
        self._fetch = lru_cache(_CACHED_BLOCKS)(store.read_range)

    @property
    def corpora(self) -> tuple[str, ...]:
        """The corpora that have clips."""
        return tuple(self._files)

    def __len__(self) -> int:
        return sum(file.clips for file in self._files.values())

    def find(self, audio_id: str) -> IndexedClip | None:
        """Return the clip; None for an id that there is none of.

        Raises
        ------
        IdTableError
            When a table is damaged.
        OSError
            When it cannot be read.
        """
        for corpus in self._in_order(audio_id):
            found = self._ask(corpus, lambda table: table.find(audio_id))
            if found is not None:
                return found
        return None

    def find_many(self, audio_ids: Collection[str]) -> dict[str, IndexedClip]:
        """Return the clips by id, those that there are; errors as in `find`."""
        ids = sorted(set(audio_ids))
        if isinstance(self._store, LocalStore):
            found = [self.find(audio_id) for audio_id in ids]
        else:
            with ThreadPoolExecutor(_REQUESTS_AT_ONCE, "audio-flan-lookup") as pool:
                found = list(pool.map(self.find, ids))
        return {clip.id: clip for clip in found if clip is not None}

    def ids(self, corpus: str) -> Iterator[str]:
        """Yield the ids of a corpus, sorted.

        Raises
        ------
        UnknownNameError
            When there is no such corpus, or it has no clips.
        """
        if corpus not in self._files:
            raise UnknownNameError("corpus with clips", corpus, nearest_names(corpus, self._files))
        return (clip.id for clip in self._table(corpus))

    def unknown(self, audio_id: str) -> UnknownClipError:
        """Return the error for an id that there is no clip of; it names the nearest ids that there are."""
        likely = self._likely(audio_id) or nearest_names(audio_id, self._files, 1)
        near = [name for corpus in likely for name in self._neighbours(corpus, audio_id)]
        searched = list(self._in_order(audio_id))
        return UnknownClipError(self._store.root, audio_id, nearest_names(audio_id, near), searched)

    def _neighbours(self, corpus: str, audio_id: str) -> list[str]:
        meant = corpus + audio_id[len(corpus) :]
        return self._ask(corpus, lambda table: table.neighbours(meant))

    def _likely(self, audio_id: str) -> list[str]:
        """Return the corpora whose name the id begins with, which those of most ids do; the longest first."""
        files = self._files
        return [name for length in self._lengths if (name := audio_id[:length]) in files]

    def _in_order(self, audio_id: str) -> Iterator[str]:
        """Yield all corpora, the likely ones first."""
        likely = self._likely(audio_id)
        yield from likely
        yield from (corpus for corpus in self._files if corpus not in likely)

    def _ask(self, corpus: str, question: Callable[[IdTable], Answer]) -> Answer:
        try:
            return question(self._table(corpus))
        except IdTableError:
            if isinstance(self._store, LocalStore):
                raise
        # Maybe it was damaged on its way.
        file = self._files[corpus]
        with self._lock:
            self._tables.pop(corpus, None)
            self._fetch.cache_clear()
            self._store.forget(file.path, 0, file.nbytes)
        return question(self._table(corpus))

    def _table(self, corpus: str) -> IdTable:
        table = self._tables.get(corpus)
        if table is None:
            with self._lock:
                table = self._tables.get(corpus)
                if table is None:
                    table = self._tables[corpus] = self._open(corpus)
        return table

    def _open(self, corpus: str) -> IdTable:
        file = self._files[corpus]
        name = f"{self._store.root}/{file.path}"
        if not isinstance(self._store, LocalStore):
            return IdTable(name, corpus, file.nbytes, self._with_tail(file))
        try:
            path = local_file(self._store.root, file.path)
        except ClipError as error:
            raise OSError(f"{name}: {error.detail}") from None
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        try:
            table = IdTable(name, corpus, file.nbytes, lambda offset, n: os.pread(descriptor, n, offset))
        except BaseException:
            os.close(descriptor)
            raise
        weakref.finalize(table, os.close, descriptor)
        return table

    def _with_tail(self, file: FileFacts) -> Callable[[int, int], bytes]:
        start = max(0, file.nbytes - _TAIL_BYTES)
        tail = self._store.read_range(file.path, start, file.nbytes - start)

        def read(offset: int, nbytes: int) -> bytes:
            if offset >= start:
                return tail[offset - start : offset - start + nbytes]
            return self._fetch(file.path, offset, nbytes)

        return read
