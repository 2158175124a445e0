"""Second step: the rows of each bucket in order, as metadata files, lines of text or tars."""

import os
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from audio_flan.building.order import shard_bounds
from audio_flan.building.step import Unit
from audio_flan.building.workspace import write_facts
from audio_flan.exporting.buckets import Buckets
from audio_flan.exporting.collect import CLIPS, ROWS, Collect, clip_buckets
from audio_flan.exporting.job import AUDIO_FOLDER, ExportStep
from audio_flan.exporting.order import shuffled
from audio_flan.exporting.record_lines import join_records, metadata_file
from audio_flan.exporting.samples import field_names, shape_folder
from audio_flan.exporting.spill import ClipItem, Item, SpillReader
from audio_flan.shards.atomic import atomic_path
from audio_flan.shards.tar import BLOCK_BYTES, TarWriter

LINES_FILE: Final = "lines.jsonl"


class _WriteRows(ExportStep):
    """Its units are buckets."""

    @cached_property
    def buckets(self) -> Buckets:
        """Where rows are gathered."""
        return self.job.buckets

    @cached_property
    def units(self) -> list[Unit]:
        """One for each bucket."""
        return [Unit(f"{bucket:06d}", 1) for bucket in range(len(self.buckets))]

    @cached_property
    def _reader(self) -> SpillReader[Item]:
        return SpillReader(collected(self), ROWS, Item)

    def items(self, unit: str) -> dict[bytes, Item]:
        """Return the rows of a bucket by what is written of them."""
        found: dict[bytes, Item] = {}
        for item in self._reader.read(int(unit)):
            known = found.get(item.line)
            draws = item.draws + (known.draws if known else 0)
            found[item.line] = Item(item.line, draws, name=item.name, clips=item.clips, inputs=item.inputs)
        return found


class WriteMetadata(_WriteRows):
    """Writes metadata files of a release."""

    name = "metadata"
    title = "writing metadata"

    def do(self, unit: str) -> None:
        """Write the file of one bucket."""
        rows = 0

        def counted() -> Iterator[Item]:
            nonlocal rows
            for item in self._reader.read(int(unit)):
                rows += item.draws
                yield item

        counts = join_records(counted())
        with self.work.make(self.name, unit) as folder:
            if counts:
                path = self.job.metadata_root / metadata_file(*self.buckets.place(int(unit)))
                with atomic_path(path) as temporary, temporary.open("wb") as file:
                    for line, _ in shuffled(counts, self.job.request.seed):
                        file.write(line + b"\n")
            write_facts(folder, {"rows": rows})


class WriteLines(_WriteRows):
    """Writes lines of text into the workspace, to be put together at the end."""

    name = "lines"
    title = "writing rows"

    def do(self, unit: str) -> None:
        """Write the lines of one bucket."""
        draws = {line: item.draws for line, item in self.items(unit).items()}
        with self.work.make(self.name, unit) as folder:
            with (folder / LINES_FILE).open("wb") as file:
                for line, _ in shuffled(draws, self.job.request.seed):
                    file.write(line + b"\n")
            write_facts(folder, {"split": self.buckets.place(int(unit))[0][0], "rows": sum(draws.values())})


class WriteTars(_WriteRows):
    """Writes tars into the workspace, to be named at the end."""

    name = "tars"
    title = "writing tars"

    def do(self, unit: str) -> None:
        """Write the tars of one bucket: samples with the same fields are together."""
        items = self.items(unit)
        by_shape: dict[str, list[tuple[Item, int]]] = {}
        for line, repeat in shuffled(
            {line: item.draws for line, item in items.items()}, self.job.request.seed
        ):
            item = items[line]
            by_shape.setdefault(shape_folder(field_names(item.clips, item.inputs)), []).append((item, repeat))
        names = _Names()
        split = self.buckets.place(int(unit))[0][0]
        with self.work.make(self.name, unit) as folder:
            tars: list[dict[str, str | int]] = []
            for shape in sorted(by_shape):
                for samples in self._cut(by_shape[shape]):
                    path = folder / f"{len(tars):05d}.tar"
                    _write_tar(path, self.job.clips, samples, names)
                    tars.append({"shape": shape, "split": split, "rows": len(samples), "file": path.name})
            write_facts(folder, {"tars": tars})

    def _cut(self, samples: list[tuple[Item, int]]) -> list[list[tuple[Item, int]]]:
        """Cut samples into tars of about the same size."""
        sizes = np.array([_sample_bytes(self.job.clips, item) for item, _ in samples], np.int64)
        bounds = shard_bounds(sizes, self.job.request.shard_size)
        return [samples[start:stop] for start, stop in pairwise(bounds)]


class PlaceClips(ExportStep):
    """Moves clips to where a release has them; its units are buckets of clips.

    A clip stands with the first domain and corpus that need it, so that it is there once.
    """

    name = "place"
    title = "placing clips"

    @cached_property
    def units(self) -> list[Unit]:
        """One for each bucket of clips."""
        return [Unit(f"{bucket:06d}", 1) for bucket in range(clip_buckets(self.job))]

    @cached_property
    def _reader(self) -> SpillReader[ClipItem]:
        return SpillReader(collected(self), CLIPS, ClipItem)

    def do(self, unit: str) -> None:
        """Place the clips of one bucket, and list them as scp files do."""
        owners: dict[str, ClipItem] = {}
        for item in self._reader.read(int(unit)):
            known = owners.get(item.audio_id)
            if known is None or (item.domain, item.corpus) < (known.domain, known.corpus):
                owners[item.audio_id] = item
        with self.work.make(self.name, unit) as folder:
            listed: dict[tuple[str, str], list[str]] = {}
            for audio_id, item in sorted(owners.items()):
                path = f"audio_files/{item.domain}/{item.corpus}/{item.file.rpartition('/')[2]}"
                _move(self.job.clips / item.file, self.job.release / path)
                listed.setdefault((item.domain, item.corpus), []).append(f"{audio_id}\t{path}\n")
            pieces = []
            for number, place in enumerate(sorted(listed)):
                (folder / f"{number}.scp").write_text("".join(listed[place]), "utf-8")
                pieces.append({"place": place, "file": f"{number}.scp"})
            write_facts(folder, {"pieces": pieces, "clips": len(owners)})


class CountClips(ExportStep):
    """Counts the clips that rows need; its units are buckets of clips."""

    name = "count"
    title = "counting clips"

    @cached_property
    def units(self) -> list[Unit]:
        """One for each bucket of clips."""
        return [Unit(f"{bucket:06d}", 1) for bucket in range(clip_buckets(self.job))]

    def do(self, unit: str) -> None:
        """Count the clips of one bucket."""
        reader = SpillReader(collected(self), CLIPS, ClipItem)
        files = {item.file for item in reader.read(int(unit))}
        with self.work.make(self.name, unit) as folder:
            for file in sorted(files):
                self.take(file)
            write_facts(folder, {"clips": len(files)})

    def take(self, file: str) -> None:
        """Take note of a clip."""


class PlaceClipsBeside(CountClips):
    """Moves clips to where conversations point to."""

    title = "placing clips"

    def take(self, file: str) -> None:
        """Move a clip."""
        _move(self.job.clips / file, self.job.out / AUDIO_FOLDER / file)


class _Names:
    """Names of samples, none of them twice."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    def make(self, item: Item) -> str:
        """Return the name of a row: with the number of the repeat."""
        self._taken[item.name] += 1
        return f"{item.name}-{self._taken[item.name] - 1}"


def collected(step: ExportStep) -> list[Path]:
    """List the folders with what was collected."""
    return [step.work.unit(Collect.name, unit) for unit in step.work.units(Collect.name)]


def _move(source: Path, target: Path) -> None:
    """Move a file, unless a run before has done so."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.exists():
        source.replace(target)


def _write_tar(path: Path, clips: Path, samples: list[tuple[Item, int]], names: _Names) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        writer = TarWriter(descriptor)
        for item, _ in samples:
            key = names.make(item)
            writer.add(f"{key}.json", len(item.line), [item.line])
            for field, file in zip(field_names(item.clips, item.inputs), item.clips, strict=True):
                data = (clips / file).read_bytes()
                writer.add(f"{key}.{field}", len(data), [data])
        writer.close()
    finally:
        os.close(descriptor)


def _sample_bytes(clips: Path, item: Item) -> int:
    """Return what a sample takes in a tar."""
    sizes = [len(item.line), *((clips / file).stat().st_size for file in item.clips)]
    return sum(BLOCK_BYTES + size + -size % BLOCK_BYTES for size in sizes)
