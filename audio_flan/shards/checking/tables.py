"""Tables of ids against the index, which has the same clips."""

from collections.abc import Collection, Iterator
from functools import partial
from itertools import zip_longest

from audio_flan.records import Reason
from audio_flan.release import Entry, Report
from audio_flan.shards.id_table import IdTable, IdTableError
from audio_flan.shards.indexed_clip import IndexedClip
from audio_flan.shards.layout import id_table_file, index_file
from audio_flan.shards.manifest import FileFacts, Manifest
from audio_flan.shards.parquet_reader import ParquetError, ParquetReader
from audio_flan.shards.store import Store


def check_tables(store: Store, manifest: Manifest, report: Report, bad_files: Collection[str]) -> None:
    """Compare the table of each corpus with its index, clip by clip."""
    files = {file.path: file for file in manifest.files}
    for corpus in manifest.corpora:
        index, path = files.get(index_file(corpus.corpus)), id_table_file(corpus.corpus)
        if index is None:
            continue
        table = files.get(path)
        if table is None:
            message = "the manifest does not list it, and clips are looked up in it: build again"
            report.entries.add(Entry(path, None, None, Reason.MISSING_FILE, message))
        elif not {path, index.path} & set(bad_files):
            fault = _fault(store, corpus.corpus, table, index)
            if fault:
                report.entries.add(Entry(path, None, None, *fault))


def _fault(store: Store, corpus: str, table: FileFacts, index: FileFacts) -> tuple[Reason, str] | None:
    try:
        found = IdTable(table.path, corpus, table.nbytes, partial(store.read_range, table.path))
        for own, other in zip_longest(found, _listed(store, index)):
            if own != other:
                audio_id = (own or other).id
                return Reason.CHANGED_FILE, f"it and {index.path} say different things of {audio_id!r}"
    except ParquetError:
        return None  # the index has an entry of its own
    except (IdTableError, OSError) as error:
        return Reason.UNREADABLE_FILE, str(error)
    return None


def _listed(store: Store, index: FileFacts) -> Iterator[IndexedClip]:
    reader = ParquetReader.of(store, index)
    for group in range(len(reader.group_rows)):
        columns = reader.read_group(group).select(IndexedClip._fields).columns
        yield from map(IndexedClip._make, zip(*(column.to_pylist() for column in columns), strict=True))
