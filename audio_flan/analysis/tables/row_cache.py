"""Metadata files as Parquet, with the lengths of their clips, so that they are parsed once.

The folder of the copies may be deleted at any time; what is missing, damaged or no longer true is made again.
A copy is good as long as the file keeps size and mark, and its ids resolve to the same paths: another corpus
in the release leaves it as it is. Clips that could not be opened are tried again each time; one that is
replaced under its path is not noticed.
"""

import contextlib
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Final

import msgspec
import polars as pl
from xxhash import xxh3_128, xxh3_128_hexdigest

from audio_flan.analysis.tables.columns import KEY_COLUMNS
from audio_flan.records import Instance, Reason
from audio_flan.records.schema import COLUMNS
from audio_flan.release import Entry, MetadataFile, Release, read_instances
from audio_flan.release.cache import write_atomically
from audio_flan.release.catalogue import CATALOGUE_VERSION
from audio_flan.release.report import Progress
from audio_flan.release.tree import RemoteTree
from audio_flan.shards.atomic import atomic_path
from audio_flan.shards.index import write_index
from audio_flan.shards.indexed_clip import IndexedClip
from audio_flan.shards.row_columns import RowValues
from audio_flan.shards.row_files import RowFileWriter
from audio_flan.waveform import AudioError, LazyAudio
from audio_flan.waveform.header import AudioHeader

CACHE_VERSION: Final = (2, CATALOGUE_VERSION)
"""Raise the first number when copies get another content; the second stands for the parser."""
_GROUP_ROWS: Final = 1 << 15
_SAVE_SECONDS: Final = 10.0
_RECENT_CLIPS: Final = 1 << 18
_REMOTE_READERS: Final = 16


class CachedRows(msgspec.Struct, frozen=True):
    """What is known of the copy of a metadata file.

    ``size`` and ``mark`` are of the file; ``scp`` stands for all scp files, ``clips`` is a hash of the paths
    that its ids resolved to. ``bad_clips`` counts references to clips that cannot be opened, ``low`` and
    ``high`` are the extremes of `KEY_COLUMNS`. ``nbytes`` are the sizes of the copy and of its list of clips.
    """

    size: int
    mark: str
    scp: str
    clips: str
    rows: int
    bad_clips: int
    quarantined: dict[str, int]
    low: tuple[str, ...]
    high: tuple[str, ...]
    nbytes: tuple[int, int]


class _Stored(msgspec.Struct):
    version: tuple[int, int]
    files: dict[str, CachedRows]


class RowCache:
    """The copies of a release's metadata files."""

    def __init__(self, release: Release) -> None:
        self._release = release
        self._folder = release.cache / "rows"
        self._catalogue = self._folder / "rows.json"
        self._facts = _read(self._catalogue)
        self._new: dict[str, CachedRows] = {}
        self._scp = xxh3_128_hexdigest(repr([(f.path, f.size, f.mark) for f in release.layout.scp]).encode())
        self._header = lru_cache(_RECENT_CLIPS)(self._read_header)

    def rows_path(self, file: MetadataFile) -> str:
        """Return where the copy of a metadata file is."""
        return str(self._folder / f"{_copy_name(file.path, file.size, file.mark)}.parquet")

    def clips_path(self, file: MetadataFile) -> str:
        """Return where the clips that a metadata file refers to are listed."""
        return str(self._folder / f"{_copy_name(file.path, file.size, file.mark)}.clips.parquet")

    def complete(
        self, files: Sequence[MetadataFile], progress: Progress | None = None
    ) -> dict[str, CachedRows]:
        """Make the copies that are missing or not true any more; return what is known of each, by path."""
        total, done = sum(file.size for file in files), 0
        found: dict[str, CachedRows] = {}
        saved = time.monotonic()
        try:
            for file in files:
                facts = self._known(file)
                if facts is None:
                    facts = self._copy(file)
                    if progress:
                        progress("reading metadata", done + file.size, total)
                found[file.path] = facts
                done += file.size
                if time.monotonic() - saved > _SAVE_SECONDS:
                    self._save()
                    saved = time.monotonic()
        finally:
            self._save()  # what was interrupted goes on where it stopped
        return found

    def _known(self, file: MetadataFile) -> CachedRows | None:
        """Return what is known of a copy that is there and true."""
        facts = self._facts.get(file.path)
        if facts is None or (facts.size, facts.mark) != (file.size, file.mark):
            return None
        if facts.nbytes != self._sizes(file) or self._opens_more(file, facts):
            return None
        if facts.scp != self._scp:
            if self._paths_hash(self._copied_ids(file)) != facts.clips:
                return None
            facts = msgspec.structs.replace(facts, scp=self._scp)
            self._put(file, facts)
        return facts

    def _sizes(self, file: MetadataFile) -> tuple[int, int] | None:
        """Return the sizes of the copy and of its list of clips; None where one is missing."""
        try:
            return os.stat(self.rows_path(file)).st_size, os.stat(self.clips_path(file)).st_size  # noqa: PTH116
        except OSError:
            return None

    def _opens_more(self, file: MetadataFile, facts: CachedRows) -> bool:
        """Say whether a clip can be opened by now that could not be when the copy was made."""
        if not facts.bad_clips:
            return False
        return any(self._header(audio_id) for audio_id in self._copied_ids(file, bad=True))

    def _copied_ids(self, file: MetadataFile, *, bad: bool = False) -> list[str]:
        """Return the ids of the clips of a copy; those only that could not be opened, when `bad`."""
        found = []
        for side in ("input", "output"):
            columns = [f"{side}_audio_ids", f"{side}_seconds"]
            path = self.rows_path(file)
            frame = pl.read_parquet(path, columns=columns, glob=False, hive_partitioning=False)
            clips = frame.explode(columns).rename(dict(zip(columns, ("id", "seconds"), strict=True)))
            found.append(clips.filter(pl.col("id").is_not_null(), pl.col("seconds").is_null() | (not bad)))
        return list(pl.concat(found)["id"].unique())

    def _paths_hash(self, ids: Iterable[str]) -> str:
        digest = xxh3_128()
        for audio_id in sorted(ids):
            digest.update(f"{audio_id}\t{self._release.clips.path(audio_id)}\n".encode())
        return digest.hexdigest()

    def _copy(self, file: MetadataFile) -> CachedRows:
        """Read a metadata file and write its copy."""
        faults: Counter[str] = Counter()
        clips: dict[str, AudioHeader | None] = {}
        copied = _Copied(file.corpus)

        def report(entry: Entry) -> None:
            faults[str(entry.reason)] += 1

        self._remove(file.path, file.size, file.mark)  # being killed must not leave one of another time
        placed = read_instances(self._release.tree, file, report)
        with (
            atomic_path(Path(self.rows_path(file))) as temporary,
            RowFileWriter(temporary) as writer,
        ):
            while instances := [each.instance for each in islice(placed, _GROUP_ROWS)]:
                ids = {id_ for each in instances for id_ in (*each.input_audio_ids, *each.output_audio_ids)}
                clips.update(self._headers(ids - clips.keys()))
                writer.write(copied.values(instance, clips) for instance in instances)
        with atomic_path(Path(self.clips_path(file))) as temporary:
            write_index(temporary, _index(clips))
        facts = CachedRows(
            size=file.size,
            mark=file.mark,
            scp=self._scp,
            clips=self._paths_hash(clips),
            rows=copied.rows,
            bad_clips=copied.bad_clips,
            quarantined=dict(faults),
            low=tuple(map(min, zip(*copied.keys, strict=True))),
            high=tuple(map(max, zip(*copied.keys, strict=True))),
            nbytes=self._sizes(file) or (0, 0),
        )
        if Reason.UNREADABLE_FILE not in faults:  # next time it may be read
            self._put(file, facts)
        return facts

    def _headers(self, ids: Iterable[str]) -> Iterator[tuple[str, AudioHeader | None]]:
        """Open clips; many at a time where each is a request."""
        ordered = sorted(ids)
        if isinstance(self._release.tree, RemoteTree):
            with ThreadPoolExecutor(_REMOTE_READERS) as pool:
                yield from zip(ordered, pool.map(self._header, ordered), strict=True)
        else:
            yield from ((audio_id, self._header(audio_id)) for audio_id in ordered)

    def _read_header(self, audio_id: str) -> AudioHeader | None:
        """Return the facts of a clip; None for one that cannot be opened."""
        try:
            header = LazyAudio(self._release.clips.locate(audio_id), audio_id).header
        except AudioError:
            return None
        return header if header.frames else None

    def _put(self, file: MetadataFile, facts: CachedRows) -> None:
        before = self._facts.get(file.path)
        if before is not None and (before.size, before.mark) != (file.size, file.mark):
            self._remove(file.path, before.size, before.mark)
        self._facts[file.path] = self._new[file.path] = facts

    def _remove(self, path: str, size: int, mark: str) -> None:
        """Remove the copy of a file as it was with this size and mark."""
        name = _copy_name(path, size, mark)
        for suffix in (".parquet", ".clips.parquet"):
            with contextlib.suppress(OSError):
                (self._folder / f"{name}{suffix}").unlink()

    def _save(self) -> None:
        """Write down what is new, where that can be; what other processes wrote meanwhile is kept."""
        if self._new:
            stored = _Stored(CACHE_VERSION, _read(self._catalogue) | self._new)
            with contextlib.suppress(OSError):
                write_atomically(self._catalogue, msgspec.json.encode(stored))
            self._new = {}


class _Copied:
    """Counts rows on their way into a copy."""

    def __init__(self, corpus: str) -> None:
        self._corpus = corpus
        self.rows = self.bad_clips = 0
        self.keys: set[tuple[str, ...]] = set()

    def values(self, instance: Instance, clips: Mapping[str, AudioHeader | None]) -> RowValues:
        """Return a row as a row file has it, but for its audio."""
        inputs, outputs = (
            [None if header is None else header.seconds for header in map(clips.get, ids)]
            for ids in (instance.input_audio_ids, instance.output_audio_ids)
        )
        self.rows += 1
        self.bad_clips += inputs.count(None) + outputs.count(None)
        row = {
            **msgspec.structs.asdict(instance),
            "corpus": self._corpus,
            "input_audio": (),
            "output_audio": (),
            "input_seconds": inputs,
            "output_seconds": outputs,
        }
        self.keys.add(tuple(row[name] for name in KEY_COLUMNS))
        return tuple(row[name] for name in COLUMNS)


def _copy_name(path: str, size: int, mark: str) -> str:
    return xxh3_128_hexdigest(repr((path, size, mark, CACHE_VERSION)).encode())


def _index(clips: Mapping[str, AudioHeader | None]) -> Iterator[IndexedClip]:
    """Yield the good clips as an index has them, sorted by id; they lie in no shard."""
    for audio_id, header in sorted(clips.items(), key=itemgetter(0)):
        if header is not None:
            facts = (header.sampling_rate, header.channels, header.frames, header.format)
            yield IndexedClip(audio_id, "", 0, 0, *facts, 0)


def _read(path: Path) -> dict[str, CachedRows]:
    try:
        stored = msgspec.json.decode(path.read_bytes(), type=_Stored)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    return stored.files if stored.version == CACHE_VERSION else {}
