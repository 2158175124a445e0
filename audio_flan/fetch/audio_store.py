"""Clips of a built root by their ids."""

import os
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from audio_flan.fetch.clip import ShardClip
from audio_flan.fetch.stores import open_built
from audio_flan.shards import Cell, FileFacts, Manifest, ManifestError, index_file
from audio_flan.shards.index import ClipIndex, IndexedClip
from audio_flan.shards.names import extension_of
from audio_flan.shards.parquet_reader import ParquetReader
from audio_flan.waveform import AudioHeader, LazyAudio


class AudioStore(Mapping[str, LazyAudio]):
    """The clips of a root of the indexed form by id, wherever it is: ``store["07_AMI_1"]["array"]``.

    Finding a clip reads a part of an index, in a few requests where the root is remote; its rate, channels
    and length are known then, and its bytes are fetched when they are asked for. Threads may share a store.

    Parameters
    ----------
    root : path or str
        Folder, URL, or id of a dataset on the Hub.
    token : str or bool, optional
        Of the Hub, as in `huggingface_hub`; by default the user's own.
    revision : str, optional
        Branch, tag or commit on the Hub.

    Raises
    ------
    ManifestError
        When there is no finished build of the indexed form at `root`.
    OSError
        When it cannot be read.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        token: str | bool | None = None,
        revision: str | None = None,
    ) -> None:
        self._token = token
        self._store, manifest = open_built(root, token=token, revision=revision)
        self._files = _index_files(self.root, manifest)
        """Index files by corpus."""
        self._indexes: dict[str, ClipIndex] = {}
        self._lock = threading.Lock()

    @property
    def root(self) -> str:
        """Folder or URL."""
        return self._store.root

    def __getitem__(self, audio_id: str) -> LazyAudio:
        found = self._find(audio_id)
        if found is None:
            raise KeyError(f"{self.root} has no clip {audio_id!r}")
        extension = extension_of(found.format)
        place = Cell("", found.shard, found.id, extension, found.offset, found.nbytes, found.xxh3)
        header = AudioHeader(found.format, found.sampling_rate, found.channels, found.frames, subtype="")
        return LazyAudio(ShardClip(place, self.root, self._token), found.id, header=header)

    def __contains__(self, audio_id: object) -> bool:
        return isinstance(audio_id, str) and self._find(audio_id) is not None

    def __iter__(self) -> Iterator[str]:
        """Yield the ids, corpus by corpus, each sorted; an index is read row group by row group."""
        for corpus in self._files:
            yield from self._open(corpus)

    def __len__(self) -> int:
        return sum(file.clips for file in self._files.values())

    def __repr__(self) -> str:
        return f"AudioStore({self.root!r}, clips={len(self)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(AudioStore, self.root, token=self._token), ()

    def _find(self, audio_id: str) -> IndexedClip | None:
        with self._lock:
            # Ids mostly begin with the name of their corpus, which saves asking the others.
            for corpus in sorted(self._files, key=lambda corpus: not audio_id.startswith(corpus)):
                if corpus not in self._indexes:
                    self._indexes[corpus] = self._open(corpus)
                found = self._indexes[corpus].find(audio_id)
                if found is not None:
                    return found
        return None

    def _open(self, corpus: str) -> ClipIndex:
        file = self._files[corpus]
        read = partial(self._store.read_range, file.path)
        return ClipIndex(ParquetReader(f"{self.root}/{file.path}", file.nbytes, read))


def _index_files(root: str, manifest: Manifest | None) -> dict[str, FileFacts]:
    if manifest is None:
        raise ManifestError(f"{root} has no manifest: it is no finished build; `audio-flan build` makes one")
    if manifest.form != "indexed":
        message = f"{root} is of the {manifest.form} form, whose clips are in its rows and have no index"
        raise ManifestError(message)
    files = {file.path: file for file in manifest.files}
    corpora = (corpus.corpus for corpus in manifest.corpora)
    return {corpus: files[index_file(corpus)] for corpus in corpora if index_file(corpus) in files}
