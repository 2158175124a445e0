"""Rows of a built root in an order that is a pure function, shared out to ranks, resumed by any number."""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any, Final

import numpy as np
from xxhash import xxh3_64_hexdigest

from audio_flan.release import Quarantine
from audio_flan.shards import FileFacts
from audio_flan.streaming.clips_ahead import ClipsAhead, StoredRow
from audio_flan.streaming.order import BLOCK_ROWS, LANES, ORDER_VERSION, Order, Window
from audio_flan.streaming.row_groups import RowGroups
from audio_flan.streaming.rows import QUARANTINE_LIMIT, Row, Wish
from audio_flan.streaming.shard_rows import ShardRows
from audio_flan.streaming.share import Share
from audio_flan.streaming.torch_dataset import TorchDataset

logger = logging.getLogger("audio_flan")

_ROWS_AT_ONCE: Final = BLOCK_ROWS * LANES
"""Rows that are made together."""


class OrderedStream(TorchDataset):
    """Rows of a config and its splits, in the order of one epoch; the next iteration goes on in the same.

    Iterating starts at the beginning of the epoch, or once where `load_state_dict` points to. In a worker of
    torch's DataLoader it gives the rows of this worker.

    Attributes
    ----------
    source : ShardRows
        The data.
    wish : Wish
        What is asked for of it.
    share : Share
        The part of this rank.
    seed : int or None
        None for the order of the files.
    epoch : int
    quarantine : Quarantine
        Clips that were not given out by the pass under way or last made.
    """

    def __init__(
        self,
        source: ShardRows,
        wish: Wish,
        share: Share,
        *,
        seed: int | None = None,
        epoch: int = 0,
    ) -> None:
        self.source, self.wish, self.share, self.epoch = source, wish, share, epoch
        self.seed = seed
        self.files: Sequence[FileFacts] = source.files(wish.config, wish.splits)
        self._groups = RowGroups(source, self.files, wish)
        self._order = Order(self._groups.sizes, seed, epoch)
        self.quarantine = Quarantine(QUARANTINE_LIMIT)
        self._start = self._steps = 0
        """Position at which the pass began, and steps that the rank has made since."""
        self._resume: int | None = None

    def __iter__(self) -> Iterator[Row]:
        start, self._resume = self._resume or 0, None
        self._start, self._steps = start, 0
        return self._rows(start)

    def _rows(self, start: int) -> Iterator[Row]:
        share = self._worker_share()
        for steps, row in self.walk(share, start):
            self._steps = steps
            if row is not None:
                yield row
        self._steps = share.steps(start, len(self._order))

    def walk(self, share: Share, start: int) -> Iterator[tuple[int, Row | None]]:
        """Yield the rows of a share from a position on, with the steps made; None for one that is skipped.

        The position and the state of the stream itself stay as they are.
        """
        self.quarantine = quarantine = Quarantine(QUARANTINE_LIMIT)
        rows = self._stored_rows(share, start)
        with ClipsAhead(self.source, rows) if self._fetches else nullcontext(rows) as stored:
            for step, place, row in stored:
                yield step + 1, self.source.finished(row, self.wish, place, quarantine)
        if quarantine:
            logger.warning("%s of %s: %s", self.wish.config.name, self.source.root, quarantine)

    def _stored_rows(self, share: Share, start: int) -> Iterator[StoredRow]:
        """Yield the rows of a share with their steps, their audio as it is stored."""
        total = len(self._order)
        own = share.own_steps(start, total)
        window = Window(0, np.empty(0, np.int64), np.empty(0, np.int64))
        for first in range(0, len(own), _ROWS_AT_ONCE):
            steps = own[first : first + _ROWS_AT_ONCE]
            places = []
            for step in steps:
                position = share.position(start, total, step)
                if not 0 <= position - window.start < len(window.rows):
                    window = self._order.window_at(position)
                places.append((window.groups[position - window.start], window.rows[position - window.start]))
            groups, numbers = np.array(places, np.int64).T
            for step, (place, row) in zip(steps, self._groups.rows(groups, numbers), strict=True):
                yield StoredRow(step, place, row)

    @property
    def _fetches(self) -> bool:
        """Whether rows point at clips that have to be fetched from afar."""
        return self.source.form == "indexed" and "://" in self.source.root and self.wish.wants_clips

    def reordered(self, seed: int | None, epoch: int) -> "OrderedStream":
        """Return a stream of the same rows in another order, at its beginning."""
        return OrderedStream(self.source, self.wish, self.share, seed=seed, epoch=epoch)

    def __len__(self) -> int:
        """Return the number of rows that this rank gets in an epoch."""
        return self.share.steps(0, self.total)

    @property
    def total(self) -> int:
        """Number of rows of an epoch, of all ranks together."""
        return len(self._order)

    def set_epoch(self, epoch: int) -> None:
        """Go to the beginning of an epoch; shuffled, each has another order."""
        self.epoch = epoch
        self._order = Order(self._groups.sizes, self.seed, epoch)
        self._start = self._steps = 0
        self._resume = None

    def state_dict(self) -> dict[str, Any]:
        """Return the epoch, and the position up to which all ranks are when they have made as many steps.

        So the state of any rank is that of all, for any number of ranks that goes on.
        """
        return {"stream": self.identity, "epoch": self.epoch, "position": self._position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next iteration go on at `state`; at most the row groups of one window are read again.

        Raises
        ------
        ValueError
            When it is the state of another stream: of another config, split or seed, or of other data.
        """
        if state.get("stream") != self.identity:
            message = f"this is the state of {state.get('stream')!r}, and the stream is {self.identity!r}"
            raise ValueError(message)
        self.set_epoch(state["epoch"])
        self._start = self._resume = state["position"]

    @property
    def _position(self) -> int:
        return min(self._start + self._steps * self.share.world_size, len(self._order))

    @property
    def identity(self) -> str:
        """What a position in this stream must not be taken for."""
        name = f"{self.wish.config.name}, {'+'.join(self.wish.splits)}"
        files = [self.source.state_key(file) for file in self.files]
        key = repr((ORDER_VERSION, name, self.seed, files))
        return f"{name} {xxh3_64_hexdigest(key.encode())}"

    def _worker_share(self) -> Share:
        """Return the part of this worker of a DataLoader, where it is one."""
        torch_data = sys.modules.get("torch.utils.data")
        worker = torch_data.get_worker_info() if torch_data else None
        if worker is None:
            return self.share
        mine = (self.share.rank, self.share.world_size, self.share.uneven)
        return Share(*mine, worker=worker.id, workers=worker.num_workers)
