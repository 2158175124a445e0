"""The table of a built root: its row files, local or remote."""

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Final

import polars as pl
from xxhash import xxh3_64_intdigest

from audio_flan.analysis.table import Part, as_names, splits_of
from audio_flan.analysis.tables.columns import CLIP_SCHEMA, KEY_COLUMNS
from audio_flan.analysis.tables.remote_scan import RemoteFile, read_remote_file, scan_remote_files
from audio_flan.analysis.tables.row_scan import KeyBounds, scan_row_files
from audio_flan.mixing.row_schema import ROW_SCHEMA
from audio_flan.records import SPLITS
from audio_flan.release.report import Progress
from audio_flan.shards import FileFacts, Manifest, ManifestError, RowCount
from audio_flan.shards.layout import index_file, split_of_row_file
from audio_flan.shards.parquet_reader import ParquetReader
from audio_flan.shards.row_tables import SOUND_LEAVES, rows_of_table
from audio_flan.streaming.shard_rows import ShardRows
from audio_flan.taxonomy import taxonomy
from audio_flan.waveform import ClipError
from audio_flan.waveform.header import read_header

_SIDES: Final = ("input", "output")
_KEY_SCHEMA: Final = pl.Schema({name: pl.String() for name in KEY_COLUMNS})


class BuiltTable:
    """The methods are those of `audio_flan.analysis.table.Table`."""

    def __init__(self, source: ShardRows) -> None:
        self.source = source

    @property
    def manifest(self) -> Manifest:
        """The manifest of the root."""
        return self.source.manifest

    @property
    def corpora(self) -> list[str]:
        """The corpora that have rows."""
        return sorted({count.corpus for count in self.manifest.counts})

    @property
    def revision(self) -> str:
        """`Manifest.revision`: the same wherever the root lies, and in either form."""
        return self.manifest.revision

    @property
    def _is_local(self) -> bool:
        return "://" not in self.source.root

    def frame(
        self,
        config: str = "all",
        splits: str | Collection[str] = SPLITS,
        columns: str | Collection[str] | None = None,
        progress: Progress | None = None,  # noqa: ARG002 - nothing has to be prepared
    ) -> pl.LazyFrame:
        """Return the rows of a config and splits."""
        files = self.manifest.row_files(config, splits_of(splits))
        if self._is_local:
            frame = scan_row_files([self._bounds(file) for file in files])
        else:
            keys = pl.DataFrame(
                [self._values(count) for count in self.manifest.counts], schema=_KEY_SCHEMA, orient="row"
            )
            remote = [RemoteFile(file, self._numbers[_place(file)]) for file in files]
            frame = scan_remote_files(self.source.store, remote, ROW_SCHEMA, keys)
        return frame if columns is None else frame.select(list(as_names(columns)))

    def parts(
        self,
        config: str = "all",
        splits: str | Collection[str] = SPLITS,
        progress: Progress | None = None,  # noqa: ARG002 - nothing has to be prepared
    ) -> list[Part]:
        """List the row files of a config and splits."""
        files = self.manifest.row_files(config, splits_of(splits))
        return [Part(file.path, file.rows, _place(file)[0]) for file in files]

    def part_frame(self, part: Part, columns: Collection[str]) -> pl.DataFrame:
        """Return all rows of a file."""
        wanted = list(columns)
        if self._is_local:
            path = str(Path(self.source.root, part.path))
            return pl.read_parquet(path, columns=wanted, glob=False, hive_partitioning=False).select(wanted)
        file = RemoteFile(self._files[part.path])
        groups = read_remote_file(self.source.store, file, wanted, ROW_SCHEMA)
        return pl.concat([pl.DataFrame(schema=ROW_SCHEMA).select(wanted), *groups])

    def quarantined(self, progress: Progress | None = None) -> dict[str, int]:  # noqa: ARG002 - all is known
        """Count what the build has not taken."""
        counts: Counter[str] = Counter()
        for corpus in self.manifest.corpora:
            counts.update(corpus.quarantined)
        return dict(sorted(counts.items()))

    def clips(
        self, config: str = "all", splits: str | Collection[str] = SPLITS, progress: Progress | None = None
    ) -> pl.LazyFrame:
        """Return the clips: all that the index has, or by the audio itself where rows carry it."""
        if self.manifest.form == "embedded":
            found = self._embedded_clips(config, splits, progress)
            return pl.DataFrame(found, schema=CLIP_SCHEMA, orient="row").lazy()
        indexes = {index_file(corpus.corpus) for corpus in self.manifest.corpora}
        files = [file for file in self.manifest.files if file.path in indexes and file.clips]
        if not files:
            return pl.LazyFrame(schema=CLIP_SCHEMA)
        if not self._is_local:
            remote = [RemoteFile(file) for file in files]
            return scan_remote_files(self.source.store, remote, CLIP_SCHEMA)
        paths = [str(Path(self.source.root, file.path)) for file in files]
        scan = pl.scan_parquet(paths, glob=False, hive_partitioning=False)
        return scan.select(pl.col(name).cast(kind) for name, kind in CLIP_SCHEMA.items())

    def _embedded_clips(
        self, config: str, splits: str | Collection[str], progress: Progress | None
    ) -> Iterator[tuple[str, int, int, int, str]]:
        """Yield each clip that rows carry, once; their audio is read."""
        files = self.manifest.row_files(config, splits_of(splits))
        total, done, seen = sum(file.rows for file in files), 0, set[int]()
        columns = [f"{side}_audio{end}" for side in _SIDES for end in ("", "_ids")]
        for file in files:
            reader = ParquetReader.of(self.source.store, file)
            for group, rows in enumerate(reader.group_rows):
                table = reader.read_group(group, columns, dictionaries=SOUND_LEAVES)
                for row in rows_of_table(table):
                    for side in _SIDES:
                        ids, cells = row[f"{side}_audio_ids"], row[f"{side}_audio"]
                        for audio_id, (data, _) in zip(ids, cells, strict=True):
                            key = xxh3_64_intdigest(audio_id.encode())
                            if key not in seen:
                                seen.add(key)
                                with suppress(ClipError):
                                    header = read_header(data or b"")
                                    yield (
                                        audio_id,
                                        header.sampling_rate,
                                        header.channels,
                                        header.frames,
                                        header.format,
                                    )
                done += rows
                if progress:
                    progress("reading clips", done, total)

    def _bounds(self, file: FileFacts) -> KeyBounds:
        """Say which values a row file may hold: it has rows of one task and split."""
        counts = (self.manifest.counts[i] for i in self._numbers[_place(file)])
        values = list(zip(*map(self._values, counts), strict=True))
        path = str(Path(self.source.root, file.path))
        return KeyBounds(path, file.rows, tuple(map(min, values)), tuple(map(max, values)))

    def _values(self, count: RowCount) -> tuple[str, ...]:
        """Return the values of `KEY_COLUMNS` of the rows that are counted together."""
        task = taxonomy().tasks[count.task]
        return count.split, task.domain, task.major, task.minor, count.task, count.direction, count.corpus

    @cached_property
    def _numbers(self) -> dict[tuple[str, str], list[int]]:
        """Numbers of the counts of each task and split."""
        numbers: dict[tuple[str, str], list[int]] = {}
        for number, count in enumerate(self.manifest.counts):
            numbers.setdefault((count.task, count.split), []).append(number)
        return numbers

    @cached_property
    def _files(self) -> dict[str, FileFacts]:
        return {file.path: file for file in self.manifest.files}


def _place(file: FileFacts) -> tuple[str, str]:
    """Return task and split of a row file."""
    found = split_of_row_file(file.path)
    if found is None:
        raise ManifestError(f"{file.path} is no row file")
    return found
