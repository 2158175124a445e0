"""Clips of the indexed form against the index."""

from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from audio_flan.records import Reason
from audio_flan.release import Entry, Report
from audio_flan.release.report import Progress
from audio_flan.shards.indexed_clip import IndexedClip
from audio_flan.shards.layout import index_file
from audio_flan.shards.manifest import FileFacts, Manifest
from audio_flan.shards.parquet_reader import ParquetError, ParquetReader
from audio_flan.shards.store import Store
from audio_flan.waveform import AudioError, BytesSource, ClipFault, LazyAudio

_CLIPS_AT_ONCE: Final = 512


class CheckedClips(NamedTuple):
    """The clips of the index as sorted arrays of `clip_key`."""

    good: NDArray[np.uint64]
    bad: NDArray[np.uint64]

    def has(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Say of each key whether the index has it, good or bad."""
        return _in(keys, self.good) | _in(keys, self.bad)

    def are_bad(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Say of each key whether its clip is bad."""
        return _in(keys, self.bad)


_NONE: Final = np.empty(0, np.uint64)
NO_CLIPS: Final = CheckedClips(_NONE, _NONE)


def clip_key(audio_id: str, shard: str, offset: int, nbytes: int) -> int:
    """Return a 64-bit hash of a clip's id and place."""
    return xxh3_64_intdigest(f"{audio_id}\0{shard}\0{offset}\0{nbytes}".encode())


def check_clips(
    store: Store,
    manifest: Manifest,
    report: Report,
    bad_files: Collection[str],
    *,
    decode: bool,
    workers: int,
    progress: Progress | None,
) -> CheckedClips:
    """Read every clip that the index lists, in the order in which they lie in their shards."""
    files = {file.path: file for file in manifest.files}
    total = sum(corpus.clips for corpus in manifest.corpora)
    good, bad = list[NDArray[np.uint64]](), list[NDArray[np.uint64]]()
    done = 0
    check = partial(_fault, store, frozenset(bad_files), decode)
    with ThreadPoolExecutor(workers) as pool:
        for corpus in manifest.corpora:
            facts = files.get(index_file(corpus.corpus))
            if facts is None or facts.path in bad_files:
                continue
            clips = iter(_in_shard_order(store, facts, report))
            while batch := list(islice(clips, _CLIPS_AT_ONCE)):
                faults = list(pool.map(check, batch))
                keys = np.array([clip_key(*clip[:4]) for clip in batch], np.uint64)
                whole = np.array([fault is None for fault in faults])
                good.append(keys[whole])
                bad.append(keys[~whole])
                report.clips += int(whole.sum())
                for fault in filter(None, faults):
                    report.entries.add(fault)
                done += len(batch)
                if progress:
                    progress("clips", done, total)
    return CheckedClips(_sorted(good), _sorted(bad))


def _in_shard_order(store: Store, file: FileFacts, report: Report) -> Iterable[IndexedClip]:
    try:
        reader = ParquetReader.of(store, file)
        if not reader.group_rows:  # of a corpus none of whose clips could be taken
            return
        table = pa.concat_tables(reader.read_group(group) for group in range(len(reader.group_rows)))
        table = table.select(IndexedClip._fields).sort_by([("shard", "ascending"), ("offset", "ascending")])
    except (ParquetError, OSError, KeyError, pa.ArrowInvalid) as error:
        report.entries.add(Entry(file.path, None, None, Reason.UNREADABLE_FILE, str(error)))
        return
    for part in table.to_batches(max_chunksize=_CLIPS_AT_ONCE):
        yield from _clips(part)


def _clips(part: pa.RecordBatch) -> Iterator[IndexedClip]:
    return map(IndexedClip._make, zip(*(column.to_pylist() for column in part.columns), strict=True))


def _fault(store: Store, bad_files: frozenset[str], decode: bool, clip: IndexedClip) -> Entry | None:
    """Read one clip; say what is wrong with it."""

    def entry(reason: str, message: str) -> Entry:
        return Entry(clip.shard, None, clip.offset, reason, message, clip.id)

    if clip.shard in bad_files:
        return entry(
            Reason.UNREADABLE_AUDIO, "its shard is missing or has changed; it has an entry of its own"
        )
    try:
        data = store.read_range(clip.shard, clip.offset, clip.nbytes)
    except OSError as error:
        return entry(Reason.UNREADABLE_AUDIO, str(error))
    if xxh3_64_intdigest(data) != clip.xxh3:
        return entry(Reason.DAMAGED_AUDIO, "its bytes have changed: the hash is not that of the index")
    fault = audio_fault(data, clip.id, decode=decode)
    if fault:
        return entry(*fault)
    audio = LazyAudio(BytesSource(data, clip.id), clip.id, data=data)
    if (audio.sampling_rate, audio.channels, audio.frames) != (
        clip.sampling_rate,
        clip.channels,
        clip.frames,
    ):
        return entry(Reason.DAMAGED_AUDIO, "its header and the index disagree about rate, channels or length")
    return None


def audio_fault(data: bytes, audio_id: str, *, decode: bool) -> tuple[str, str] | None:
    """Return reason and message for a clip that cannot be heard."""
    try:
        audio = LazyAudio(BytesSource(data, audio_id), audio_id, data=data)
        frames = audio.decode().shape[1] if decode else audio.frames
    except AudioError as error:
        return error.fault, error.detail
    return None if frames else (ClipFault.EMPTY_AUDIO, "the clip has no frames")


def _sorted(parts: list[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    return np.sort(np.concatenate([_NONE, *parts]))


def _in(keys: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.bool_]:
    if not len(known):
        return np.zeros(len(keys), np.bool_)
    places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.asarray(known[places] == keys)
