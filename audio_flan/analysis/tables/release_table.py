"""The table of a release: a columnar copy of its rows, made once and kept between runs."""

from collections import Counter
from collections.abc import Collection
from functools import cached_property

import polars as pl

from audio_flan.analysis.table import Part, as_names, splits_of
from audio_flan.analysis.tables.columns import CLIP_SCHEMA
from audio_flan.analysis.tables.contents import hash_contents
from audio_flan.analysis.tables.row_cache import CachedRows, RowCache
from audio_flan.analysis.tables.row_scan import KeyBounds, scan_row_files
from audio_flan.records import SPLITS, Reason
from audio_flan.release import MetadataFile
from audio_flan.release.report import Progress
from audio_flan.streaming.release_rows import ReleaseRows
from audio_flan.taxonomy import resolve_config


class ReleaseTable:
    """The methods are those of `audio_flan.analysis.table.Table`."""

    manifest = None

    def __init__(self, source: ReleaseRows) -> None:
        self.source = source
        self.cache = RowCache(source.release)

    @property
    def corpora(self) -> list[str]:
        """The corpora that have metadata files."""
        return sorted({file.corpus for file in self.source.release.layout.metadata})

    @cached_property
    def revision(self) -> str:
        """Hash of what the metadata and scp files hold: see `hash_contents`."""
        return hash_contents(self.source.release)

    def frame(
        self,
        config: str = "all",
        splits: str | Collection[str] = SPLITS,
        columns: str | Collection[str] | None = None,
        progress: Progress | None = None,
    ) -> pl.LazyFrame:
        """Return the rows of a config and splits."""
        wanted, named = resolve_config(config), splits_of(splits)
        files = [
            KeyBounds(self.cache.rows_path(self._files[path]), facts.rows, facts.low, facts.high)
            for path, facts in self._cached(config, named, progress).items()
            if facts.rows
        ]
        frame = scan_row_files(files)
        if wanted.name != "all":
            frame = frame.filter(pl.col("task").is_in(sorted(wanted.task_names)))
        if named != SPLITS:
            frame = frame.filter(pl.col("split").is_in(named))
        return frame if columns is None else frame.select(list(as_names(columns)))

    def parts(
        self, config: str = "all", splits: str | Collection[str] = SPLITS, progress: Progress | None = None
    ) -> list[Part]:
        """List the metadata files that may hold rows of a config and splits."""
        cached = self._cached(config, splits, progress)
        return [
            Part(path, facts.rows, self._files[path].corpus) for path, facts in cached.items() if facts.rows
        ]

    def part_frame(self, part: Part, columns: Collection[str]) -> pl.DataFrame:
        """Return all good rows of a metadata file."""
        wanted = list(columns)
        path = self.cache.rows_path(self._files[part.path])
        return pl.read_parquet(path, columns=wanted, glob=False, hive_partitioning=False).select(wanted)

    def quarantined(self, progress: Progress | None = None) -> dict[str, int]:
        """Count what reading has not taken; everything is read."""
        release = self.source.release
        counts: Counter[str] = Counter(release.clips.faults.by_reason)
        for facts in self._cached("all", SPLITS, progress).values():
            counts.update(facts.quarantined)
        counts.update(str(Reason.MISPLACED_FILE) for _ in release.layout.misplaced)
        return dict(sorted(counts.items()))

    def clips(
        self, config: str = "all", splits: str | Collection[str] = SPLITS, progress: Progress | None = None
    ) -> pl.LazyFrame:
        """Return the clips that can be opened of the files that may hold rows of a config and splits."""
        cached = self._cached(config, splits, progress)
        paths = [self.cache.clips_path(self._files[path]) for path, facts in cached.items() if facts.rows]
        if not paths:
            return pl.LazyFrame(schema=CLIP_SCHEMA)
        scan = pl.scan_parquet(paths, glob=False, hive_partitioning=False)
        typed = scan.select(pl.col(name).cast(kind) for name, kind in CLIP_SCHEMA.items())
        return typed.unique("id", keep="any")

    @cached_property
    def _files(self) -> dict[str, MetadataFile]:
        return {file.path: file for file in self.source.release.layout.metadata}

    def _cached(
        self, config: str, splits: str | Collection[str], progress: Progress | None
    ) -> dict[str, CachedRows]:
        files = self.source.files(resolve_config(config), splits_of(splits))
        return self.cache.complete(files, progress)
