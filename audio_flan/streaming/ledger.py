"""A ledger: which rows a stream has given out, written by each rank and worker into files of its own."""

import os
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self
from uuid import uuid4

import numpy as np

from audio_flan.streaming.ledger_file import (
    LEDGER_SUFFIX,
    Chunk,
    LedgerHeader,
    append_chunk,
    create_ledger_file,
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
    """Notes the rows of one pass. Use it with ``with``: what is left is written at the end."""

    def __init__(self, ledger: Ledger, header: LedgerHeader, epoch: int) -> None:
        self._ledger, self._header, self._epoch = ledger, header, epoch
        self._file: BinaryIO | None = None
        self._rows: list[tuple[int, int, bool]] = []
        self._written = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._write()
        if self._file:
            self._file.close()

    def noted(
        self, rows: Iterable[tuple[int, int, int, Row | None]]
    ) -> Generator[tuple[int, Row | None], None, None]:
        """Yield steps and rows, each noted before.

        Parameters
        ----------
        rows : iterable of (steps, position, number, row)
            The number is that of the row in the row files, one after the other; the row None where skipped.
        """
        for steps, position, number, row in rows:
            self._rows.append((position, number, row is None))
            if len(self._rows) == _CHUNK_ROWS or time.monotonic() - self._written > _CHUNK_S:
                self._write()
            yield steps, row

    def _write(self) -> None:
        if not self._rows:
            return
        if self._file is None:
            self._ledger.folder.mkdir(parents=True, exist_ok=True)
            name = f"{self._header.rank:05d}-{self._header.worker:03d}-{uuid4().hex}{LEDGER_SUFFIX}"
            self._file = create_ledger_file(self._ledger.folder / name, self._header)
        positions, numbers, skipped = zip(*self._rows, strict=True)
        chunk = Chunk(
            self._epoch, np.array(positions, np.int64), np.array(numbers, np.int64), np.array(skipped, bool)
        )
        append_chunk(self._file, chunk)
        self._rows, self._written = [], time.monotonic()
