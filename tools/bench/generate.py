"""Rows of the indexed form in any number, without audio: ``python tools/bench/generate.py OUT --rows N``.

What is written has the proportions of the paper's Table 2, text, and the encodings, row groups and manifest
of a build; the clips that its cells point at do not exist. The same options give the same bytes, with any
number of processes.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain, groupby
from multiprocessing import get_context
from operator import attrgetter
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

import numpy as np
import pyarrow as pa
from clip_facts import CHANNELS, FORMAT, indexed_clips, sorted_clips
from instances import make_rows
from population import Corpus, Leaf, population

from audio_flan.records.splits import SPLITS
from audio_flan.shards import (
    LAYOUT_VERSION,
    CorpusFacts,
    FileFacts,
    Manifest,
    Recipe,
    RowCount,
    id_table_file,
    index_file,
    row_file,
    write_manifest,
)
from audio_flan.shards.hashing import hash_file, hash_footer
from audio_flan.shards.index import write_index_and_table
from audio_flan.shards.manifest import taxonomy_hash
from audio_flan.shards.row_files import GROUP_ROWS, RowFileWriter

SHARD_ROWS: Final = 200_000
"""Rows of a file, at most."""


class Piece(NamedTuple):
    """Some of the rows of a leaf."""

    leaf: Leaf
    rows: range


class PlannedFile(NamedTuple):
    """A row file and the rows that are in it, in order."""

    path: str
    pieces: list[Piece]

    @property
    def rows(self) -> int:
        """How many they are."""
        return sum(len(piece.rows) for piece in self.pieces)


class CorpusClips(NamedTuple):
    """How much there is of the clips of a corpus, and the files of their index where one is asked for."""

    nbytes: int
    seconds: float
    index: list[FileFacts]


def plan_files(leaves: list[Leaf], shard_rows: int) -> Iterator[PlannedFile]:
    """Cut the rows of each task and split into files of about equal size, none over `shard_rows`."""
    for (task, split), found in groupby(leaves, key=lambda leaf: (leaf.task.config, leaf.split)):
        part = list(found)
        total = sum(leaf.rows for leaf in part)
        count = -(-total // shard_rows)
        for number in range(count):
            start, stop = (total * n // count for n in (number, number + 1))
            yield PlannedFile(row_file(task, split, number, count), list(_pieces(part, start, stop)))


def _pieces(part: list[Leaf], start: int, stop: int) -> Iterator[Piece]:
    """Find the leaves of the rows [start, stop) of a part."""
    first = 0
    for leaf in part:
        rows = range(max(start - first, 0), min(stop - first, leaf.rows))
        if rows:
            yield Piece(leaf, rows)
        first += leaf.rows


def write_row_file(out: Path, file: PlannedFile, seed: int) -> tuple[FileFacts, list[RowCount]]:
    """Write one row file; count its rows by leaf."""
    start = [seed, crc32(file.path.encode())]
    made = [
        make_rows(piece.leaf, piece.rows, seed, np.random.default_rng([*start, number]))
        for number, piece in enumerate(file.pieces)
    ]
    table = pa.concat_tables([rows for rows, _ in made])
    path = out / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    groups = [table.slice(start, GROUP_ROWS) for start in range(0, len(table), GROUP_ROWS)]
    with RowFileWriter(path) as writer:
        for group in groups:
            writer.write_table(group)
    facts = FileFacts(
        file.path,
        path.stat().st_size,
        hash_file(path),
        rows=len(table),
        groups=tuple(writer.groups),
        footer=hash_footer(path),
        leaves=writer.leaves,
    )
    return facts, [count for _, count in made]


def describe_corpus(out: Path, corpus: Corpus, seed: int, index: bool) -> CorpusClips:
    """Add up the clips of a corpus; write their index if that is asked for."""
    nbytes = frames = 0
    for _, facts in sorted_clips(corpus, seed):
        nbytes, frames = nbytes + int(facts.nbytes.sum()), frames + int(facts.frames.sum())
    written = list[FileFacts]()
    if index:
        paths = index_file(corpus.name), id_table_file(corpus.name)
        files = [out / path for path in paths]
        files[0].parent.mkdir(parents=True, exist_ok=True)
        blocks = sorted_clips(corpus, seed)
        clips = chain.from_iterable(indexed_clips(corpus, *block) for block in blocks)
        count = write_index_and_table(*files, corpus.name, clips)
        written = [
            FileFacts(path, file.stat().st_size, hash_file(file), clips=count)
            for path, file in zip(paths, files, strict=True)
        ]
    return CorpusClips(nbytes, round(frames / corpus.sampling_rate, 6), written)


def make_manifest(
    options: argparse.Namespace,
    files: list[FileFacts],
    counts: list[RowCount],
    corpora: dict[Corpus, CorpusClips],
) -> Manifest:
    """Put together what was written."""
    rows = Counter[str]()
    for count in counts:
        rows[count.corpus] += count.rows
    recipe = Recipe(
        release=f"generated-{options.rows}",
        form="indexed",
        config="all",
        splits=SPLITS,
        shard_size=options.shard_rows,
        seed=options.seed,
        verify="header",
    )
    return Manifest(
        layout=LAYOUT_VERSION,
        taxonomy=taxonomy_hash(),
        base="",
        recipe=recipe,
        counts=tuple(merged_counts(counts)),
        corpora=tuple(
            CorpusFacts(
                corpus=corpus.name,
                rows_in=rows[corpus.name],
                rows=rows[corpus.name],
                rows_quarantined=0,
                clips=corpus.clips,
                clip_bytes=clips.nbytes,
                clip_seconds=clips.seconds,
                quarantined={},
                sampling_rates={corpus.sampling_rate: corpus.clips},
                channels={CHANNELS: corpus.clips},
                formats={FORMAT: corpus.clips},
                source_bytes=clips.nbytes,
            )
            for corpus, clips in corpora.items()
        ),
        files=tuple(sorted(files, key=lambda file: file.path)),
    )


def merged_counts(counts: list[RowCount]) -> Iterator[RowCount]:
    """Add up what was counted of the same leaf in several files."""
    keys, sums = RowCount.__struct_fields__[:4], RowCount.__struct_fields__[4:]
    key = attrgetter(*keys)
    for place, found in groupby(sorted(counts, key=key), key):
        same = list(found)
        totals = {name: sum(getattr(count, name) for count in same) for name in sums}
        yield RowCount(*place, **totals | {"seconds": round(totals["seconds"], 6)})


def generate(options: argparse.Namespace) -> Manifest:
    """Write everything; the manifest last."""
    out, seed = options.out, options.seed
    leaves = population(options.rows)
    corpora = sorted({leaf.corpus for leaf in leaves}, key=attrgetter("name"))
    files: list[FileFacts] = []
    counts: list[RowCount] = []
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        described = [pool.submit(describe_corpus, out, each, seed, options.index) for each in corpora]
        planned = plan_files(leaves, options.shard_rows)
        rows = 0
        for facts, found in pool.map(partial(write_row_file, out, seed=seed), planned):
            files.append(facts)
            counts += found
            said, rows = rows, rows + facts.rows
            if 10 * rows // options.rows > 10 * said // options.rows:
                print(f"{rows:,} of {options.rows:,} rows", file=sys.stderr)
        clips = dict(zip(corpora, (each.result() for each in described), strict=True))
    files += chain.from_iterable(each.index for each in clips.values())
    manifest = make_manifest(options, files, counts, clips)
    write_manifest(out, manifest)
    return manifest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="a folder that is empty or not there")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shard-rows", type=int, default=SHARD_ROWS, help="rows of a file, at most")
    parser.add_argument("--index", action="store_true", help="write the index of the clips as well")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    options = parser.parse_args()
    if options.rows < 1 or options.shard_rows < 1:
        parser.error("--rows and --shard-rows are at least 1")
    if options.out.exists() and any(options.out.iterdir()):
        parser.error(f"{options.out} is not empty")
    begin = time.monotonic()
    manifest = generate(options)
    print(
        json.dumps(
            {
                "rows": sum(count.rows for count in manifest.counts),
                "leaves": len(manifest.counts),
                "clips": sum(corpus.clips for corpus in manifest.corpora),
                "files": len(manifest.files),
                "bytes": sum(file.nbytes for file in manifest.files),
                "seconds": round(time.monotonic() - begin, 1),
            }
        )
    )


if __name__ == "__main__":
    main()
