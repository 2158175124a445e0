"""Rows of a built root in an order that is a pure function, shared out to ranks, resumed by any number."""

import logging
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import islice
from typing import Any, Final

import numpy as np
from xxhash import xxh3_64_hexdigest

from audio_flan.release import Quarantine
from audio_flan.shards import FileFacts
from audio_flan.streaming.clips_ahead import ClipsAhead, StoredRow
from audio_flan.streaming.decode_ahead import Job, make_rows
from audio_flan.streaming.order import BLOCK_ROWS, LANES, ORDER_VERSION, Numbers, Order
from audio_flan.streaming.row_groups import RowGroups
from audio_flan.streaming.rows import QUARANTINE_LIMIT, Row, Wish
from audio_flan.streaming.shard_rows import ShardRows, columns_to_read
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
        self._groups = RowGroups(source, self.files, columns_to_read(wish))
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

    def walk(
        self, share: Share, start: int, steps: Iterable[int] | None = None
    ) -> Generator[tuple[int, Row | None], None, None]:
        """Yield the rows of a share from a position on, with the steps made; None for one that is skipped.

        The position and the state of the stream itself stay as they are.

        Parameters
        ----------
        share : Share
        start : int
        steps : iterable of int, optional
            Steps to make, in any order; None for those of the share.
        """
        self.quarantine = quarantine = Quarantine(QUARANTINE_LIMIT)
        rows = self._stored_rows(share, start, share.own_steps(start, self.total) if steps is None else steps)
        with ClipsAhead(self.source, rows) if self._fetches else nullcontext(rows) as stored:
            jobs = (
                Job(step + 1, partial(self.source.finished, row, self.wish, place))
                for step, place, row in stored
            )
            yield from make_rows(jobs, quarantine, self.wish.ahead)
        if quarantine:
            logger.warning("%s of %s: %s", self.wish.config.name, self.source.root, quarantine)

    def _stored_rows(self, share: Share, start: int, steps: Iterable[int]) -> Iterator[StoredRow]:
        """Yield the rows of some steps, their audio as it is stored."""
        left, at_once = iter(steps), 1  # the first row shall not wait for others
        while some := list(islice(left, at_once)):
            at_once = min(2 * at_once, _ROWS_AT_ONCE)
            rows = self._groups.rows(*self.places(share, start, some))
            for step, (place, row) in zip(some, rows, strict=True):
                yield StoredRow(step, place, row)

    def places(self, share: Share, start: int, steps: Sequence[int]) -> tuple[Numbers, Numbers]:
        """Return the row group of the row of each step, and its number in it."""
        return self._order.places(np.array([share.position(start, self.total, step) for step in steps]))

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
