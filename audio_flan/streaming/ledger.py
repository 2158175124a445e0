"""A ledger: which rows a stream has given out, written by each rank and worker into files of its own."""

import os
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self

import numpy as np

from audio_flan.streaming.ledger_file import (
    LEDGER_SUFFIX,
    Chunk,
    LedgerHeader,
    append,
    chunk_bytes,
    header_bytes,
)
from audio_flan.streaming.rows import Row

_CHUNK_ROWS: Final = 4096
_CHUNK_S: Final = 5.0
"""A row is in the file after this time at the latest, in seconds, if others follow it."""


@dataclass(frozen=True)
class Ledger:
    """Where rows are noted.

    Attributes
    ----------
    folder : Path
        Any number of runs, ranks and workers may write into the same one; each pass has a file of its own.
    """

    folder: Path

    @classmethod
    def at(cls, folder: "str | os.PathLike[str] | None") -> Self | None:
        """Return the ledger in a folder; None for None."""
        return None if folder is None else cls(Path(folder).absolute())


class Given:
    """Notes the rows of one pass. Use it with ``with``: what is left is written at the end.

    Parameters
    ----------
    ledger : Ledger
    header : LedgerHeader
    worker : int
        Number of the worker of a DataLoader, for the name of the file.
    """

    def __init__(self, ledger: Ledger, header: LedgerHeader, worker: int = 0) -> None:
        self._header = header
        self._path = ledger.folder / f"{header.rank:05d}-{worker:03d}-{header.pass_id}{LEDGER_SUFFIX}"
        self._file: BinaryIO | None = None
        self._rows: list[tuple[int, int, bool]] = []
        self._written = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._write()
        finally:
            if self._file:
                self._file.close()

    def noted(
        self, rows: Iterable[tuple[int, int, Row | None]]
    ) -> Generator[tuple[int, Row | None], None, None]:
        """Yield the steps made and rows, each noted before.

        Parameters
        ----------
        rows : iterable of (steps, number, row)
            The steps that the rank has made with this one; the number of the row in the row files, one after
            the other; and the row, None where skipped.

        Raises
        ------
        OSError
            When they cannot be written, as to a disk that is full.
        """
        for steps, number, row in rows:
            self._rows.append((steps - 1, number, row is None))
            if len(self._rows) == _CHUNK_ROWS or time.monotonic() - self._written > _CHUNK_S:
                self._write()
            yield steps, row

    def _write(self) -> None:
        if not self._rows:
            return
        steps, numbers, skipped = zip(*self._rows, strict=True)
        self._rows, self._written = [], time.monotonic()  # what fails now is not tried again at the end
        data = chunk_bytes(Chunk(np.array(steps, np.int64), np.array(numbers, np.int64), np.array(skipped)))
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("xb", buffering=0)
            data = header_bytes(self._header) + data
        append(self._file, self._path, data)
