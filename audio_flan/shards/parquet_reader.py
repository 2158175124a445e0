"""Reads Parquet, wherever it is, by runs of bytes: the footer, then one row group after the other."""

import io
from collections.abc import Callable, Collection, Iterator
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

TAIL_BYTES: Final = 1 << 16
"""Read from the end of a file at first; the footer is mostly shorter."""
_SMALL_FILE_BYTES: Final = 1 << 20
"""A file up to this size is read whole, in one piece."""
_GAP_BYTES: Final = 1 << 16
"""What is not wanted between two columns is read with them up to this size: a request costs more."""
_TRAILER_BYTES: Final = 8

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

    Raises
    ------
    ParquetError
        When it is no Parquet, or not whole.
    """

    def __init__(self, name: str, nbytes: int, read: ReadRange) -> None:
        self.name, self._nbytes, self._read = name, nbytes, read
        start = 0 if nbytes <= _SMALL_FILE_BYTES else nbytes - TAIL_BYTES
        tail = read(start, nbytes - start)
        footer_bytes = int.from_bytes(tail[-_TRAILER_BYTES:-4], "little") + _TRAILER_BYTES
        if tail[-4:] != b"PAR1" or footer_bytes > nbytes:
            raise ParquetError(f"{name} is not Parquet, or not whole")
        if footer_bytes > len(tail):
            start = nbytes - footer_bytes
            tail = read(start, footer_bytes)
        self._tail = _Run(start, tail)
        with self._explained():
            self._footer = pq.read_metadata(_Runs(nbytes, [self._tail]))

    @property
    def group_rows(self) -> list[int]:
        """Number of rows of each row group."""
        return [self._footer.row_group(i).num_rows for i in range(self._footer.num_row_groups)]

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return [str(name) for name in self._footer.schema.to_arrow_schema().names]

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
        runs = [self._tail]
        for start, end in _joined(self._chunks(group, columns)):
            if start < self._tail.start:
                runs.append(_Run(start, self._read(start, end - start)))
        with (
            self._explained(),
            pq.ParquetFile(
                _Runs(self._nbytes, runs),
                metadata=self._footer,
                page_checksum_verification=True,
                read_dictionary=list(dictionaries),
            ) as file,
        ):
            return file.read_row_group(group, None if columns is None else list(columns), use_threads=False)

    def _chunks(self, group: int, columns: Collection[str] | None) -> Iterator[tuple[int, int]]:
        """Yield the runs of bytes of the wanted columns of a row group."""
        facts = self._footer.row_group(group)
        for i in range(facts.num_columns):
            chunk = facts.column(i)
            if columns is None or chunk.path_in_schema.partition(".")[0] in columns:
                start = chunk.data_page_offset
                if chunk.has_dictionary_page:
                    start = min(start, chunk.dictionary_page_offset)
                yield start, start + chunk.total_compressed_size

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


class _Run:
    """Bytes of a file from `start` on."""

    __slots__ = ("data", "start")

    def __init__(self, start: int, data: bytes) -> None:
        self.start, self.data = start, data


class _Runs(io.RawIOBase):
    """A file of which only some runs of bytes are at hand."""

    def __init__(self, nbytes: int, runs: list[_Run]) -> None:
        self._nbytes, self._runs, self._place = nbytes, runs, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._nbytes}[whence]
        self._place = base + offset
        return self._place

    def read(self, size: int = -1) -> bytes:
        stop = self._nbytes if size < 0 else min(self._place + size, self._nbytes)
        for run in self._runs:
            if run.start <= self._place and stop <= run.start + len(run.data):
                data = run.data[self._place - run.start : stop - run.start]
                self._place = stop
                return data
        raise OSError(f"bytes {self._place} to {stop} belong to no column of the footer")


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
