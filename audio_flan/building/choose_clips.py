"""Second step: which clips the rows need, by the corpus in whose audio folder each lies."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from audio_flan.building.order import corpus_of
from audio_flan.building.read_rows import NEED, NEEDS, ReadRows, clip_key, read_units
from audio_flan.building.step import Step, Unit
from audio_flan.building.workspace import Workspace, write_facts

UNIT: Final = "all"
_MERGE_AT = 1 << 22
_BUFFER_LINES = 4096


class ChosenCorpus(msgspec.Struct):
    """One corpus with clips that rows need; ``references`` counts each as often as rows refer to it."""

    corpus: str
    clips: int
    references: int


class ChooseClips(Step):
    """It has one unit; only 12 bytes of each clip are in memory."""

    name = "choose"
    title = "choosing clips"
    one_unit = True

    @cached_property
    def units(self) -> list[Unit]:
        """The one unit."""
        return [Unit(UNIT, 1)]

    def do(self, unit: str) -> None:
        """Write a list of (id, path, references) for each corpus, in the order of the scp files."""
        work = self.build.work
        needs = merge_needs(np.load(work.unit(ReadRows.name, each) / NEEDS) for each in read_units(work))
        keys, counts = array("Q", needs["key"].tobytes()), array("I", needs["count"].tobytes())
        with work.make(self.name, unit) as folder:
            lists = _Lists(folder)
            for audio_id, path in self.build.paths:
                key = clip_key(audio_id)
                i = bisect_left(keys, key)
                if i < len(keys) and keys[i] == key:
                    lists.add(corpus_of(path), audio_id, path, counts[i])
            write_facts(folder, lists.finish())


def chosen_corpora(work: Workspace) -> list[ChosenCorpus]:
    """List the corpora with clips that are needed; the number of a corpus is its place here."""
    facts = work.facts(ChooseClips.name, UNIT)
    return msgspec.convert(facts, list[ChosenCorpus])


def merge_needs(parts: Iterable[NDArray[Any]]) -> NDArray[Any]:
    """Add up the counts of each key; sorted by key."""
    merged, pending, size = np.empty(0, NEED), [], 0
    for part in parts:
        pending.append(part)
        size += len(part)
        if size > _MERGE_AT:
            merged, pending, size = _sum_by_key([merged, *pending]), [], 0
    return _sum_by_key([merged, *pending])


def _sum_by_key(parts: list[NDArray[Any]]) -> NDArray[Any]:
    together = np.concatenate(parts)
    together.sort(order="key")
    keys, starts = np.unique(together["key"], return_index=True)
    merged = np.empty(len(keys), NEED)
    merged["key"] = keys
    if len(keys):
        merged["count"] = np.add.reduceat(together["count"], starts)
    return merged


class _Lists:
    """One text file for each corpus, numbered in the order in which they come."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers: dict[str, int] = {}
        self._corpora: list[ChosenCorpus] = []
        self._buffers: list[list[str]] = []

    def add(self, corpus: str, audio_id: str, path: str, references: int) -> None:
        number = self._numbers.get(corpus)
        if number is None:
            number = self._numbers[corpus] = len(self._corpora)
            self._corpora.append(ChosenCorpus(corpus, 0, 0))
            self._buffers.append([])
        chosen = self._corpora[number]
        chosen.clips += 1
        chosen.references += references
        self._buffers[number].append(f"{audio_id}\t{path}\t{references}\n")
        if len(self._buffers[number]) >= _BUFFER_LINES:
            self._flush(number)

    def finish(self) -> list[ChosenCorpus]:
        for number in range(len(self._buffers)):
            self._flush(number)
        return self._corpora

    def _flush(self, number: int) -> None:
        with (self._folder / list_name(number)).open("ab") as handle:
            handle.write("".join(self._buffers[number]).encode())
        self._buffers[number] = []


def list_name(number: int) -> str:
    """Return the name of the list of a corpus."""
    return f"{number:05d}.tsv"
