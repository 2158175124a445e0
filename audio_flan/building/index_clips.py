"""Fifth step: the clips of all shards of a corpus in one index sorted by id, and tables for looking up."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, Final

import msgspec

from audio_flan.building.kept import read_shard_record
from audio_flan.building.lookup import ClipLookup, LookupWriter
from audio_flan.building.measure_clips import planned_corpora
from audio_flan.building.step import Step, Unit
from audio_flan.building.store_clips import FACTS, StoreClips, unit_name
from audio_flan.building.workspace import Workspace, write_facts
from audio_flan.shards import FileFacts
from audio_flan.shards.atomic import atomic_path
from audio_flan.shards.hashing import hash_file, hash_footer
from audio_flan.shards.index import read_index, write_index_and_table
from audio_flan.shards.indexed_clip import IndexedClip
from audio_flan.shards.layout import id_table_file, index_file

KINDS: Final = ("sampling_rate", "channels", "format")
"""What clips are counted by."""


class StoredCorpus(msgspec.Struct, frozen=True):
    """The good clips of a corpus, and the files of their index: none in the embedded form."""

    corpus: str
    clips: int
    nbytes: int
    seconds: float
    names: list[str]
    index: list[FileFacts]
    transcoded: int
    source_bytes: int
    sampling_rates: dict[int, int]
    channels: dict[int, int]
    formats: dict[str, int]


class IndexClips(Step):
    """Its units are corpora."""

    name = "index"
    title = "indexing clips"
    makes = True

    @cached_property
    def units(self) -> list[Unit]:
        """One for each corpus; the weight is clips."""
        corpora = planned_corpora(self.build.work)
        return [Unit(f"{number:05d}", corpus.clips) for number, corpus in enumerate(corpora)]

    def do(self, unit: str) -> None:
        """Merge the facts of the shards, each of which has them sorted."""
        work = self.build.work
        corpus = planned_corpora(work)[int(unit)]
        units = (unit_name(corpus.corpus, i) for i in range(len(corpus.shards)))
        folders = [work.unit(StoreClips.name, each) for each in units]
        merged = heapq.merge(*(read_index(folder / FACTS) for folder in folders))
        with work.make(self.name, unit) as folder:
            tally = _Tally(LookupWriter(folder))
            clips = tally.over(merged)
            index: list[FileFacts] = []
            if self.build.recipe.form == "indexed":
                index = self._write(corpus.corpus, clips)
            else:
                for _ in clips:
                    pass
            names = tally.lookup.finish()
            records = [read_shard_record(each) for each in folders]
            facts = StoredCorpus(
                corpus.corpus,
                tally.clips,
                tally.nbytes,
                tally.seconds,
                names,
                index,
                sum(record.transcoded for record in records),
                sum(record.source_bytes for record in records),
                *(dict(sorted(tally.by[name].items())) for name in KINDS),
            )
            write_facts(folder, facts)

    def _write(self, corpus: str, clips: Iterable[IndexedClip]) -> list[FileFacts]:
        paths = index_file(corpus), id_table_file(corpus)
        index, table = (self.build.out / path for path in paths)
        with atomic_path(index) as new_index, atomic_path(table) as new_table:
            count = write_index_and_table(new_index, new_table, corpus, clips)
            return [
                FileFacts(path, new.stat().st_size, hash_file(new), clips=count, footer=footer)
                for path, new, footer in (
                    (paths[0], new_index, hash_footer(new_index)),
                    (paths[1], new_table, ""),
                )
            ]


class _Tally:
    """Adds up clips on their way, and puts them into the table."""

    def __init__(self, lookup: LookupWriter) -> None:
        self.lookup = lookup
        self.clips = self.nbytes = 0
        self.seconds = 0.0
        self.by: dict[str, Counter[Any]] = {name: Counter() for name in KINDS}

    def over(self, clips: Iterable[IndexedClip]) -> Iterator[IndexedClip]:
        for clip in clips:
            self.lookup.add(clip)
            self.clips += 1
            self.nbytes += clip.nbytes
            self.seconds += clip.frames / clip.sampling_rate
            for name, counter in self.by.items():
                counter[getattr(clip, name)] += 1
            yield clip


def stored_corpora(work: Workspace) -> list[StoredCorpus]:
    """List the corpora, by number."""
    count = len(planned_corpora(work))
    facts: Iterator[Any] = (work.facts(IndexClips.name, f"{number:05d}") for number in range(count))
    return [msgspec.convert(each, StoredCorpus, str_keys=True) for each in facts]


def open_lookups(work: Workspace) -> dict[str, ClipLookup]:
    """Open the table of each corpus."""
    return {
        stored.corpus: ClipLookup(work.unit(IndexClips.name, f"{number:05d}"), stored.names)
        for number, stored in enumerate(stored_corpora(work))
    }
