"""Rows of the indexed and the embedded form: Parquet row files, and clips in them or where they point to."""

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple

import msgspec
from xxhash import xxh3_64_hexdigest

from audio_flan.records import SPLITS, Reason
from audio_flan.records.schema import COLUMNS
from audio_flan.release import Entry, Quarantine, Report, Summary
from audio_flan.release.report import Progress
from audio_flan.shards import CellError, FileFacts, Manifest
from audio_flan.shards.parquet_reader import ParquetError, ParquetReader
from audio_flan.shards.row_columns import CellValue
from audio_flan.shards.row_tables import SOUND_LEAVES, rows_of_table
from audio_flan.shards.store import Store
from audio_flan.shards.summary import summarise_root
from audio_flan.streaming.rows import MakeRow, Place, Row, SkipRow, Wish, listen
from audio_flan.taxonomy import Config
from audio_flan.waveform import AudioError, BytesSource, ClipFault, LazyAudio


class _Side(NamedTuple):
    """Names of the columns of one side of a row."""

    name: str
    ids: str
    audio: str
    seconds: str


_SIDES: Final = tuple(
    _Side(name, f"{name}_audio_ids", f"{name}_audio", f"{name}_seconds") for name in ("input", "output")
)


class ShardRows:
    """Rows of a built root, in the order of the row files.

    The methods are those of `RowSource`.
    """

    def __init__(self, store: Store, manifest: Manifest) -> None:
        self.store, self.manifest = store, manifest

    @property
    def form(self) -> str:
        """``indexed`` or ``embedded``."""
        return self.manifest.form

    @property
    def root(self) -> str:
        """Folder or URL."""
        return self.store.root

    @property
    def fingerprint(self) -> str:
        """Hash of the manifest, which has the hashes of all files."""
        return xxh3_64_hexdigest(msgspec.json.encode(self.manifest))

    def files(self, config: Config, splits: Collection[str]) -> list[FileFacts]:
        """List row files of `config` in `splits`, one split after the other."""
        return [file for split in splits for file in self.manifest.row_files(config.name, (split,))]

    def row_makers(
        self,
        file: FileFacts,
        wish: Wish,
        quarantine: Quarantine,  # noqa: ARG002 - all rows can be read
        skip: int = 0,
    ) -> Iterator[MakeRow]:
        """Yield what makes each row; only the row groups after the first `skip` rows are read.

        Raises
        ------
        ParquetError
            When the file is damaged or is not one of ours.
        """
        reader = ParquetReader.of(self.store, file)
        wanted = columns_to_read(wish)
        missing = [column for column in wanted or COLUMNS if column not in reader.columns]
        if missing:
            raise ParquetError(f"{self.root}/{file.path} has no column {missing[0]!r}")
        first = 0
        for group, rows in enumerate(reader.group_rows):
            if skip >= first + rows:
                first += rows
                continue
            table = reader.read_group(group, wanted, dictionaries=SOUND_LEAVES)
            start = max(skip - first, 0)
            for number, row in enumerate(rows_of_table(table.slice(start)), first + start + 1):
                yield partial(self.finished, row, wish, Place(file.path, number, None, row["uuid"]))
            first += rows

    def finished(self, row: Row, wish: Wish, place: Place, quarantine: Quarantine) -> Row | None:
        """Turn the cells of a row into clips, and leave out what only helped; None to skip the row.

        Raises
        ------
        ParquetError
            With ``on_error="raise"``, for a row whose ids and cells do not belong together.
        AudioError
            With ``on_error="raise"``, for a cell that points nowhere.
        """
        try:
            for side in _SIDES:
                if side.audio in wish.clip_columns:
                    self._listen(row, side, wish, place, quarantine)
        except SkipRow:
            return None
        if wish.columns is None:
            return row
        return {name: row[name] for name in wish.columns}

    def _listen(self, row: Row, side: _Side, wish: Wish, place: Place, quarantine: Quarantine) -> None:
        ids, cells = row[side.ids], row[side.audio]
        if not ids and not cells:
            return
        if len(ids) != len(cells):
            message = f"{len(ids)} ids of {side.name} audio, and {len(cells)} cells"
            if wish.on_error == "raise":
                raise ParquetError(f"{self.root}/{place.file}, row {place.line}: {message}")
            quarantine.add(Entry(place.file, place.line, None, Reason.BAD_CELL, message, None, place.uuid))
            raise SkipRow
        if wish.on_error == "raise":  # the lengths are known: nothing has to be read
            row[side.audio] = [self._clip(*pair, wish) for pair in zip(ids, cells, strict=True)]
            return
        cell_of = dict(zip(ids, cells, strict=True))

        def find(audio_id: str) -> LazyAudio:
            return self._clip(audio_id, cell_of[audio_id], wish)

        clips, seconds = listen(ids, find, wish, place, quarantine)
        row[side.audio], row[side.seconds] = clips, seconds

    def _clip(self, audio_id: str, cell: CellValue, wish: Wish) -> LazyAudio:
        data, path = cell
        rate, channels = wish.sampling_rate, wish.channels
        if data is not None:
            source = BytesSource(data, path)
            return LazyAudio(source, audio_id, data=data, sampling_rate=rate, channels=channels)
        try:
            return LazyAudio(self.store.clip(path), audio_id, sampling_rate=rate, channels=channels)
        except CellError as error:
            raise AudioError(audio_id, self.root, ClipFault.UNREADABLE_AUDIO, str(error)) from None

    def count(self, files: Sequence[FileFacts], config: Config, splits: Collection[str]) -> int:  # noqa: ARG002
        """Count rows, by the manifest: a row file holds rows of one task and split."""
        return sum(file.rows for file in files)

    def splits_allowed(self, config: Config) -> list[str]:
        """List splits with rows: the manifest says it."""
        return self.splits_with_rows(config)

    def splits_with_rows(self, config: Config) -> list[str]:
        """List splits with rows, by the manifest."""
        return [split for split in SPLITS if self.manifest.rows(config.name, split)]

    def state_key(self, file: FileFacts) -> object:
        """Return path and hash."""
        return file.path, file.xxh3

    def end_pass(self) -> None:
        """Do nothing: all is known."""

    def summarise(self, progress: Callable[[int, int], None] | None = None) -> Summary:  # noqa: ARG002
        """Count, by the manifest."""
        return summarise_root(self.root, self.manifest)

    def check(
        self, *, decode: bool = False, deep: bool = False, workers: int = 2, progress: Progress | None = None
    ) -> Report:
        """Check every file, every clip and every row."""
        from audio_flan.shards.checking import check_root

        return check_root(
            self.store, self.manifest, decode=decode, deep=deep, workers=workers, progress=progress
        )


def columns_to_read(wish: Wish) -> list[str] | None:
    """List the columns to read; None for all. Lengths are columns of their own, which take no cells."""
    if wish.columns is None:
        return None
    needed = {"uuid", *wish.columns}
    for side in _SIDES:
        if side.audio in wish.clip_columns:
            needed |= {side.ids, side.audio}
    return [column for column in COLUMNS if column in needed]
