"""Reads Parquet, wherever it is, by runs of bytes: the footer, then one row group after the other."""

from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Final, NamedTuple, Self, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from xxhash import xxh3_64_hexdigest

from audio_flan.shards.byte_runs import Run, Runs
from audio_flan.shards.hashing import PARQUET_TRAILER_BYTES
from audio_flan.shards.manifest import FileFacts
from audio_flan.shards.store import Store

TAIL_BYTES: Final = 1 << 16
"""Read from the end of a file at first; the footer is mostly shorter."""
_SMALL_FILE_BYTES: Final = 1 << 20
"""A file up to this size is read whole, in one piece."""
_GAP_BYTES: Final = 1 << 16
"""What is not wanted between two columns is read with them up to this size: a request costs more."""
_ATTEMPTS: Final = 3
"""So often what is damaged is read, where it may have been damaged on its way."""

_T = TypeVar("_T")
ReadRange = Callable[[int, int], bytes]
"""Called with offset and length in bytes; gives exactly these bytes."""


class ParquetError(ValueError):
    """A Parquet file that cannot be understood."""


class ParquetReader:
    """One Parquet file, opened: its footer is read, its row groups can be.

    Parameters
    ----------
    name : str
        For messages.
    nbytes : int
        Size of the file.
    read : callable
        Reads a run of its bytes.
    footer_xxh3 : str
        The 64-bit XXH3 of the footer, where it is known: pages have checksums, footers have none.
    forget : callable, optional
        Called when bytes turned out to be damaged: they are read again then, in case they only were so on
        their way.

    Raises
    ------
    ParquetError
        When it is no Parquet, not whole, or damaged.
    """

    def __init__(
        self,
        name: str,
        nbytes: int,
        read: ReadRange,
        *,
        footer_xxh3: str = "",
        forget: Callable[[], None] | None = None,
    ) -> None:
        self.name, self._nbytes, self._read = name, nbytes, read
        self._footer_xxh3, self._forget = footer_xxh3, forget
        self._opened: _Opened | None = None
        self._repeated(self._open)

    @classmethod
    def of(cls, store: Store, file: FileFacts) -> Self:
        """Open a file of a root."""
        return cls(
            f"{store.root}/{file.path}",
            file.nbytes,
            partial(store.read_range, file.path),
            footer_xxh3=file.footer,
            forget=partial(store.forget, file.path, 0, file.nbytes),
        )

    def _open(self) -> "_Opened":
        if self._opened is None:
            self._opened = self._read_footer()
        return self._opened

    def _read_footer(self) -> "_Opened":
        name, nbytes = self.name, self._nbytes
        start = 0 if nbytes <= _SMALL_FILE_BYTES else nbytes - TAIL_BYTES
        tail = self._read(start, nbytes - start)
        footer_bytes = int.from_bytes(tail[-PARQUET_TRAILER_BYTES:-4], "little") + PARQUET_TRAILER_BYTES
        if tail[-4:] != b"PAR1" or footer_bytes > nbytes:
            raise ParquetError(f"{name} is not Parquet, or not whole")
        if footer_bytes > len(tail):
            start = nbytes - footer_bytes
            tail = self._read(start, footer_bytes)
        # Before it is parsed: pyarrow ends the process over some damaged footers.
        if self._footer_xxh3 not in ("", found := xxh3_64_hexdigest(tail[-footer_bytes:])):
            message = f"its footer has the xxh3 {found}, by the manifest {self._footer_xxh3}"
            raise ParquetError(f"{name} is damaged: {message}")
        run = Run(start, tail)
        with self._explained():
            return _Opened(run, pq.read_metadata(Runs(nbytes, [run])))

    @property
    def group_rows(self) -> list[int]:
        """Number of rows of each row group."""
        footer = self._open().footer
        return [footer.row_group(i).num_rows for i in range(footer.num_row_groups)]

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return [str(name) for name in self._open().footer.schema.to_arrow_schema().names]

    def read_group(
        self, group: int, columns: Collection[str] | None = None, *, dictionaries: Collection[str] = ()
    ) -> pa.Table:
        """Read one row group; checksums of pages are verified.

        Parameters
        ----------
        columns : collection of str, optional
            Columns to read; all by default. Only their bytes are read.
        dictionaries : collection of str
            Columns to give as dictionaries, by their names in Parquet: what repeats is there once.

        Raises
        ------
        ParquetError
            When a page is damaged.
        """
        return self._repeated(partial(self._table, group, columns, dictionaries))

    def _table(self, group: int, columns: Collection[str] | None, dictionaries: Collection[str]) -> pa.Table:
        tail, footer = self._open()
        runs = [tail]
        for start, end in _joined(_chunks(footer.row_group(group), columns)):
            if start < tail.start:
                runs.append(Run(start, self._read(start, end - start)))
        with (
            self._explained(),
            pq.ParquetFile(
                Runs(self._nbytes, runs),
                metadata=footer,
                page_checksum_verification=True,
                read_dictionary=list(dictionaries),
            ) as file,
        ):
            return file.read_row_group(group, None if columns is None else list(columns), use_threads=False)

    def _repeated(self, read: Callable[[], _T]) -> _T:
        """Read again when something is damaged, with the footer: it may be what is wrong."""
        if self._forget is not None:
            for _ in range(_ATTEMPTS - 1):
                try:
                    return read()
                except ParquetError:
                    self._forget()
                    self._opened = None
        return read()

    def _explained(self) -> "_Explained":
        return _Explained(self.name)


class _Explained:
    """Turns what pyarrow raises into an error that names the file."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, pa.ArrowException | OSError):
            message = f"{self._name} cannot be read: {error}; `audio-flan validate` says what else is wrong"
            raise ParquetError(message) from error


class _Opened(NamedTuple):
    """The end of a file as it was read, and the footer in it."""

    tail: Run
    footer: pq.FileMetaData


def _chunks(group: pq.RowGroupMetaData, columns: Collection[str] | None) -> Iterator[tuple[int, int]]:
    """Yield the runs of bytes of the wanted columns of a row group."""
    for i in range(group.num_columns):
        chunk = group.column(i)
        if columns is None or chunk.path_in_schema.partition(".")[0] in columns:
            start = chunk.data_page_offset
            if chunk.has_dictionary_page:
                start = min(start, chunk.dictionary_page_offset)
            yield start, start + chunk.total_compressed_size


def _joined(chunks: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Join runs of bytes that lie close together."""
    start = end = -1
    for first, last in sorted(chunks):
        if start >= 0 and first - end <= _GAP_BYTES:
            end = max(end, last)
        else:
            if start >= 0:
                yield start, end
            start, end = first, last
    if start >= 0:
        yield start, end
