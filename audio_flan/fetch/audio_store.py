"""Clips of a built root by their ids."""

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar, overload

from audio_flan.fetch.clip import ShardClip
from audio_flan.fetch.clip_tables import ClipTables
from audio_flan.fetch.read_many import read_many
from audio_flan.fetch.shard_cache import SHARD_CACHE_BYTES, ShardCache
from audio_flan.fetch.stores import RemoteStore, open_built
from audio_flan.shards import Cell, Manifest, ManifestError
from audio_flan.shards.indexed_clip import IndexedClip
from audio_flan.shards.names import extension_of
from audio_flan.waveform import AudioHeader, LazyAudio

Default = TypeVar("Default")


class AudioStore(Mapping[str, LazyAudio]):
    """The clips of a root of the indexed form by id, wherever it is: ``store["07_AMI_1"]["array"]``.

    Finding a clip reads some blocks of a table on disk, or with one or two requests where the root is remote;
    of the table nothing is kept in memory. The clip's rate, channels and length are known then, and its bytes
    are fetched when they are asked for. Threads and forked processes may share a store; pickled, it opens the
    same root.

    Parameters
    ----------
    root : path or str
        Folder, URL, or id of a dataset on the Hub.
    token : str or bool, optional
        Of the Hub, as in `huggingface_hub`; by default the user's own.
    revision : str, optional
        Branch, tag or commit on the Hub.
    shard_cache : path, optional
        Folder on a local disk where what is fetched of a remote root is kept, for whoever reads it again.
        Nothing of a root that is local.
    shard_cache_bytes : int
        Size of all that is in that folder, in bytes; what was not used for longest goes.

    Raises
    ------
    ManifestError
        When there is no finished build of the indexed form at `root`.
    OSError
        When it cannot be read. Looking up raises it as well, and `IdTableError` when a table is damaged.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        token: str | bool | None = None,
        revision: str | None = None,
        shard_cache: str | os.PathLike[str] | None = None,
        shard_cache_bytes: int = SHARD_CACHE_BYTES,
    ) -> None:
        kept = ShardCache.at(shard_cache, shard_cache_bytes)
        self._token, self._shard_cache = token, (shard_cache, shard_cache_bytes)
        self._store, manifest = open_built(root, token=token, revision=revision, cache=kept)
        self._address, self._cache = self._store.root, None
        if isinstance(self._store, RemoteStore):
            self._address, self._cache = self._store.url, self._store.cache
        self._tables = ClipTables(self._store, _indexed(self.root, manifest))

    @property
    def root(self) -> str:
        """Folder or URL, as it is shown."""
        return self._store.root

    @property
    def corpora(self) -> tuple[str, ...]:
        """The corpora that have clips."""
        return self._tables.corpora

    def __getitem__(self, audio_id: str) -> LazyAudio:
        """Return a clip.

        Raises
        ------
        UnknownClipError
            When there is none, a `KeyError` that names the nearest ids.
        TypeError
            When the id is no text.
        """
        plain = _plain(audio_id)
        found = self._tables.find(plain)
        if found is None:
            raise self._tables.unknown(plain)
        return self._audio(found)

    @overload
    def get(self, audio_id: str, /) -> LazyAudio | None: ...

    @overload
    def get(self, audio_id: str, /, default: LazyAudio | Default) -> LazyAudio | Default: ...

    def get(self, audio_id: str, /, default: Default | None = None) -> LazyAudio | Default | None:
        """Return a clip, or `default` when there is none, as there is for what is no text."""
        found = self._find(audio_id)
        return default if found is None else self._audio(found)

    def get_many(self, audio_ids: Iterable[str]) -> list[LazyAudio]:
        """Return clips, in the order of `audio_ids`, with their bytes read.

        They are read in the order in which they stand in their shards. Where the root is remote, those that
        stand close together are fetched together, and several requests are on their way at the same time. The
        bytes of all these clips are in memory then.

        Raises
        ------
        UnknownClipError
            When there is no clip of an id; nothing has been read then.
        TypeError
            When an id is no text.
        AudioError
            When a clip cannot be read, or its length or hash is not that of the table.
        """
        ids = [_plain(audio_id) for audio_id in audio_ids]
        found = self._tables.find_many(ids)
        missing = next((audio_id for audio_id in ids if audio_id not in found), None)
        if missing is not None:
            raise self._tables.unknown(missing)
        read = {clip.place.audio_id: data for clip, data in read_many([*map(self._clip, found.values())])}
        return [self._audio(found[audio_id], read[audio_id]) for audio_id in ids]

    def ids(self, corpus: str) -> Iterator[str]:
        """Yield the ids of a corpus, sorted; `UnknownNameError` when there is no such corpus."""
        return self._tables.ids(corpus)

    def __contains__(self, audio_id: object) -> bool:
        return self._find(audio_id) is not None

    def _find(self, audio_id: object) -> IndexedClip | None:
        return self._tables.find(_plain(audio_id)) if isinstance(audio_id, str) else None

    def __eq__(self, other: object) -> bool:
        """Say whether `other` is this very store: mappings are compared by all that is in them."""
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __iter__(self) -> Iterator[str]:
        """Yield the ids, corpus by corpus, each sorted; a megabyte of a table is read at a time."""
        for corpus in self.corpora:
            yield from self.ids(corpus)

    def __len__(self) -> int:
        return len(self._tables)

    def __repr__(self) -> str:
        return f"AudioStore({self.root!r}, clips={len(self)})"

    def __reduce__(self) -> tuple[Any, ...]:
        folder, nbytes = self._shard_cache
        again = partial(AudioStore, token=self._token, shard_cache=folder, shard_cache_bytes=nbytes)
        return again, (self._address,)

    def _audio(self, found: IndexedClip, data: bytes | None = None) -> LazyAudio:
        header = AudioHeader(found.format, found.sampling_rate, found.channels, found.frames, subtype="")
        return LazyAudio(self._clip(found), found.id, data=data, header=header)

    def _clip(self, found: IndexedClip) -> ShardClip:
        extension = extension_of(found.format)
        place = Cell("", found.shard, found.id, extension, found.offset, found.nbytes, found.xxh3)
        return ShardClip(place, self._address, self._token, self._cache)


def _plain(audio_id: object) -> str:
    """Return an id as a plain str: clips, and texts of NumPy, are of classes of their own."""
    if not isinstance(audio_id, str):
        raise TypeError(f"the id of a clip is a str, got {audio_id!r}")
    return str.__str__(audio_id)


def _indexed(root: str, manifest: Manifest | None) -> Manifest:
    if manifest is None:
        raise ManifestError(f"{root} has no manifest: it is no finished build; `audio-flan build` makes one")
    if manifest.form != "indexed":
        message = f"{root} is of the {manifest.form} form, whose clips are in its rows and have no index"
        raise ManifestError(message)
    return manifest
