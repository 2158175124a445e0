"""The end of a build: what was not taken, by corpus; the manifest; and the workspace is removed."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path

import msgspec

from audio_flan.building.arrange_rows import ArrangeRows, arranged_parts, part_name
from audio_flan.building.errors import BuildError
from audio_flan.building.index_clips import StoredCorpus, stored_corpora
from audio_flan.building.kept import Kept, read_shard_record
from audio_flan.building.measure_clips import MeasureClips
from audio_flan.building.read_rows import ReadRows, read_units
from audio_flan.building.step import Build, Step, Unit
from audio_flan.building.store_clips import StoreClips
from audio_flan.building.workspace import OUTPUT_FOLDERS, Workspace, without_root
from audio_flan.building.write_rows import WriteRows
from audio_flan.building.write_sample import WriteSample
from audio_flan.card import write_card
from audio_flan.records import Reason
from audio_flan.release import Entry
from audio_flan.release.layout import MISPLACED
from audio_flan.shards import (
    LAYOUT_VERSION,
    CorpusFacts,
    FileFacts,
    Manifest,
    RowCount,
    folder_name,
    quarantine_file,
    write_manifest,
)
from audio_flan.shards.atomic import TEMPORARY_PREFIX, atomic_path, remove_leftovers, sync_folders
from audio_flan.shards.hashing import hash_file
from audio_flan.shards.layout import TREE_CORPUS
from audio_flan.shards.manifest import taxonomy_hash

_ENTRIES_AT_ONCE = 1 << 14


class Finish(Step):
    """The last step: it has one unit, which leaves the manifest."""

    name = "finish"
    title = "finishing"
    makes = True
    one_unit = True

    @cached_property
    def units(self) -> list[Unit]:
        """The one unit."""
        return [Unit("all", 1)]

    def do(self, unit: str) -> None:  # noqa: ARG002 - there is one
        """Remove what tasks left that were killed and done anew, write the manifest, clear the workspace."""
        remove_leftovers(self.build.out)
        finish(self.build)
        Kept(self.build.out).retire(finished=True)


def finish(build: Build) -> Manifest:
    """Write the quarantine files, the card and, last, the manifest."""
    work = build.work
    entries, quarantined_files = _write_quarantine(build)
    row_counts = [
        RowCount(
            *part_name(number),
            count.corpus,
            count.direction,
            count.rows,
            round(count.seconds, 6),
            count.clips,
            count.unseen,
            count.seen,
        )
        for number, (_, part) in arranged_parts(work).items()
        for count in part.counts
    ]
    stored = stored_corpora(work)
    files = [*_files(work, stored), *quarantined_files]
    corpora = tuple(_corpora(work, row_counts, stored, entries))
    check_counts(corpora)
    manifest = Manifest(
        layout=LAYOUT_VERSION,
        taxonomy=taxonomy_hash(),
        base="",
        recipe=build.recipe,
        counts=tuple(sorted(row_counts, key=lambda c: (c.task, c.split, c.corpus, c.direction))),
        corpora=corpora,
        files=tuple(sorted(files, key=lambda file: file.path)),
    )
    _remove_others(build.out, {file.path for file in files})
    sync_folders({(build.out / file.path).parent for file in files} | {build.out})
    write_card(build.out, manifest)
    write_manifest(build.out, manifest)
    sync_folders({build.out})
    return manifest


def check_counts(corpora: Iterable[CorpusFacts]) -> None:
    """Raise `BuildError` unless each row that was read is written or quarantined, once.

    All three are counted by the corpus of the metadata file.
    """
    for each in corpora:
        if each.rows_in != each.rows + each.rows_quarantined:
            raise BuildError(
                f"{each.corpus}: {each.rows_in:,} rows were read, {each.rows:,} written and "
                f"{each.rows_quarantined:,} quarantined, which do not add up: start it anew with "
                "--no-resume, and please report it"
            )


def _remove_others(out: Path, files: set[str]) -> None:
    """Remove files that earlier builds of `out` have made and this one has not, and folders left empty."""
    Kept(out).forget_the_rest(files)
    for name in OUTPUT_FOLDERS:
        for folder, _, names in os.walk(out / name, topdown=False):
            for path in (Path(folder, name) for name in names):
                if path.relative_to(out).as_posix() not in files:
                    path.unlink()
            if not os.listdir(folder):
                Path(folder).rmdir()


def _files(work: Workspace, stored: list[StoredCorpus]) -> Iterator[FileFacts]:
    for unit in work.units(StoreClips.name):
        record = read_shard_record(work.unit(StoreClips.name, unit))
        if record.file and not record.in_workspace:
            yield record.file
    for corpus in stored:
        yield from corpus.index
    for step in (WriteRows.name, WriteSample.name):
        for unit in work.units(step):
            yield from msgspec.convert(work.facts(step, unit), list[FileFacts])


def _corpora(
    work: Workspace, row_counts: list[RowCount], stored: list[StoredCorpus], entries: dict[str, Counter[str]]
) -> Iterator[CorpusFacts]:
    rows_in, rows, quarantined = Counter[str](), Counter[str](), Counter[str]()
    for unit in read_units(work):
        facts = work.facts(ReadRows.name, unit)
        rows_in.update(facts["rows_in"])
        quarantined.update(facts["quarantined"])
    for _, part in arranged_parts(work).values():
        quarantined.update(part.quarantined)
    for count in row_counts:
        rows[count.corpus] += count.rows
    clips = {corpus.corpus: corpus for corpus in stored}
    for name in sorted({*rows_in, *clips, *entries}):
        found = clips.get(name)
        yield CorpusFacts(
            corpus=name,
            rows_in=rows_in[name],
            rows=rows[name],
            rows_quarantined=quarantined[name],
            clips=found.clips if found else 0,
            clip_bytes=found.nbytes if found else 0,
            clip_seconds=round(found.seconds, 6) if found else 0.0,
            quarantined=dict(sorted(entries.get(name, Counter()).items())),
            sampling_rates=found.sampling_rates if found else {},
            channels=found.channels if found else {},
            formats=found.formats if found else {},
            clips_transcoded=found.transcoded if found else 0,
            source_bytes=found.source_bytes if found else 0,
        )


def _write_quarantine(build: Build) -> tuple[dict[str, Counter[str]], list[FileFacts]]:
    """Write a file for each corpus that has entries; return their counts by reason, and the files."""
    counts: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory(dir=build.work.root, prefix=TEMPORARY_PREFIX) as name:
        lists = Path(name)
        entries = _entries(build)
        while batch := list(islice(entries, _ENTRIES_AT_ONCE)):
            for corpus in dict.fromkeys(corpus for corpus, _ in batch):
                own = [entry for other, entry in batch if other == corpus]
                counts.setdefault(corpus, Counter()).update(str(entry.reason) for entry in own)
                with (lists / folder_name(corpus)).open("ab") as lines:
                    lines.writelines(msgspec.json.encode(entry.as_json()) + b"\n" for entry in own)
        return counts, [_keep(build, lists, corpus) for corpus in sorted(counts)]


def _keep(build: Build, lists: Path, corpus: str) -> FileFacts:
    path = quarantine_file(corpus)
    with atomic_path(build.out / path) as temporary:
        shutil.copyfile(lists / folder_name(corpus), temporary)
        return FileFacts(path, temporary.stat().st_size, hash_file(temporary))


def _entries(build: Build) -> Iterator[tuple[str, Entry]]:
    """Yield everything that was not taken: files, scp lines, records, clips, rows; in an order of its own."""
    for entity in build.release.layout.misplaced:
        yield TREE_CORPUS, Entry(entity.path, None, None, Reason.MISPLACED_FILE, MISPLACED)
    for entry in build.paths.faults:
        yield Path(entry.file).stem, without_root(entry, build.release.root)
    for step in (ReadRows.name, MeasureClips.name, StoreClips.name, ArrangeRows.name):
        for unit in build.work.units(step):
            yield from build.work.faults(step, unit)
