"""Rows of a built root as an examples iterable of ``datasets`` that is shuffled and shared out exactly."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from typing import Any, Final, NamedTuple

import numpy as np

from audio_flan.loading.examples import StreamExamples
from audio_flan.release import Quarantine
from audio_flan.streaming import Row
from audio_flan.streaming.ordered import OrderedStream
from audio_flan.streaming.share import Share
from audio_flan.streaming.torch_dataset import is_loader_worker, loader_worker


class _Shards(int):
    """A number of shards that is as good as any, as rows are shared out by position and not by file.

    Any number divides it, and none is greater. As a count it is small: ``datasets`` makes and lists as many
    shards wherever several datasets are one.
    """

    def __mod__(self, other: int) -> int:
        return 0

    def __lt__(self, other: int) -> bool:
        return False

    def __gt__(self, other: int) -> bool:
        return True

    def __ge__(self, other: int) -> bool:
        return True


_keeps_order: Final = ContextVar("_keeps_order", default=False)
"""Whether a generator says the epoch, and nothing of an order where rows have none but their own."""


@contextmanager
def only_epochs() -> Iterator[None]:
    """Let rows that are not shuffled stay so, whichever generator ``datasets`` has for its epoch."""
    token = _keeps_order.set(True)
    try:
        yield
    finally:
        _keeps_order.reset(token)


class Cut(NamedTuple):
    """One call by which ``datasets`` divides the rows among nodes or DataLoader workers.

    Every `shards`-th row from `number` on is kept.
    """

    shards: int
    number: int


class Reseeded(np.random.Generator):
    """Carries a seed through whatever ``datasets`` has put around the rows, to the rows themselves."""

    def __init__(self, seed: int) -> None:
        super().__init__(np.random.PCG64(seed))
        self.seed = seed


class OrderedExamples(StreamExamples):
    """Rows of an `OrderedStream`.

    The state is a position in the order of all ranks: the state of any rank, taken when all have made as many
    steps, resumes any other number of ranks.
    """

    def __init__(
        self,
        stream: OrderedStream,
        cuts: tuple[Cut, ...] = (),
        *,
        is_one_shard: bool = False,
        last_pass: list[Quarantine] | None = None,
    ) -> None:
        super().__init__(last_pass=last_pass)
        self._stream, self._cuts, self._is_one_shard = stream, cuts, is_one_shard

    @property
    def stream(self) -> OrderedStream:
        """The rows, before they are shared out."""
        return self._stream

    @property
    def num_shards(self) -> int:
        """One for each worker of a DataLoader, in a worker; whatever is asked for divides it."""
        return _Shards(1 if self._is_one_shard else loader_worker()[1])

    def split_shard_indices_by_worker(
        self,
        num_shards: int,  # noqa: ARG002 - as the base class
        index: int,
        contiguous: bool = True,  # noqa: ARG002
    ) -> list[int]:
        """Name one shard, so that no worker believes that there is none for it."""
        return [index]

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        state: dict[str, Any] | None = self._state_dict
        start, of_workers = self._start_of(state)
        share = self._share(of_workers)
        rows = self._stream.walk(share, start)
        for key, (steps, row) in enumerate(rows):
            if not key:
                self._last_pass[0] = self._stream.quarantine
            if state:
                state |= self._stream.at(min(start + steps * share.world_size, self._stream.total))
                if share.workers > 1 and is_loader_worker():
                    state["workers"] = share.workers
            if row is not None:
                yield key, row
        self._last_pass[0] = self._stream.quarantine

    def _start_of(self, state: dict[str, Any] | None) -> tuple[int, int | None]:
        """Return the position to begin at; and the number of workers, where the state is that of one."""
        if state is None:
            return 0, None
        if state["stream"] != self._stream.identity:
            found, own = state["stream"], self._stream.identity
            raise ValueError(f"this is the state of {found!r}, and the dataset is {own!r}")
        self._stream.expect(state)
        return int(state["position"]), state.get("workers")

    def _share(self, of_workers: int | None) -> Share:
        """Compose the cuts: the last one is that of a worker, in a worker."""
        ranks, workers = (self._cuts[:-1], self._cuts[-1:]) if is_loader_worker() else (self._cuts, ())
        rank, world_size = _composed(ranks)
        worker, count = _composed(workers)
        if of_workers not in (None, count):
            raise ValueError(f"this is the state of one of {of_workers} workers, and there are {count}")
        # All but the last of as many rows that follow the state of a worker are for the others.
        first = worker if of_workers is None else count - 1
        return Share(rank, world_size, self._stream.share.uneven, first, count)

    def _init_state_dict(self) -> dict[str, Any]:
        self._state_dict = {
            "stream": self._stream.identity,
            **self._stream.at(0),
            "workers": None,
            "type": type(self).__name__,
        }
        return self._state_dict

    def shuffled(self, seed: int) -> "OrderedExamples":
        """Return the rows in the order of a seed."""
        return self._with(self._stream.reordered(seed, 0), self._cuts)

    def shuffle_data_sources(self, generator: np.random.Generator) -> "OrderedExamples":
        """Go to another epoch, if it has another order: ``datasets`` calls it for each but the first.

        With a `Reseeded`, give the rows in the order of its seed. In a dataset of a class of ``datasets``,
        such as that of a node, it is also how ``shuffle`` comes here: rows that are in no order yet get that
        of the generator.
        """
        if isinstance(generator, Reseeded):
            return self.shuffled(generator.seed)
        if self._stream.seed is not None or self._stream.plan is not None:
            return self._with(self._stream.reordered(self._stream.seed, _epoch_of(generator)), self._cuts)
        return self if _keeps_order.get() else self.shuffled(int(deepcopy(generator).integers(1 << 62)))

    def shard_data_sources(self, num_shards: int, index: int, contiguous: bool = True) -> "OrderedExamples":
        """Keep every `num_shards`-th row: of all, or of those of a node when ``datasets`` divides them."""
        if contiguous:  # as a user takes a shard, whose rows are the same whoever shares them out
            # One of as many as there are is not divided further, by ``datasets`` that lists them.
            is_one = self._is_one_shard or num_shards == self.num_shards > 1
            return self._with(self._stream.part(index, num_shards), self._cuts, is_one_shard=is_one)
        return self._with(self._stream, (*self._cuts, Cut(num_shards, index)))

    def reshard_data_sources(self) -> "OrderedExamples":
        """Return itself: rows are shared out singly as it is."""
        return self

    def _with(
        self, stream: OrderedStream, cuts: tuple[Cut, ...], *, is_one_shard: bool | None = None
    ) -> "OrderedExamples":
        is_one = self._is_one_shard if is_one_shard is None else is_one_shard
        return OrderedExamples(stream, cuts, is_one_shard=is_one, last_pass=self._last_pass)


def _epoch_of(generator: np.random.Generator) -> int:
    """Return the epoch: ``datasets`` makes the generator of it; older versions of it and of a seed."""
    entropy = getattr(generator.bit_generator.seed_seq, "entropy", None)
    return entropy if isinstance(entropy, int) else int(deepcopy(generator).integers(1 << 62)) + 1


def _composed(cuts: Sequence[Cut]) -> tuple[int, int]:
    """Return (index, shards) of a part of a part of ...: of every n-th, every m-th is every n*m-th."""
    index, shards = 0, 1
    for cut in cuts:
        index, shards = index + shards * cut.number, shards * cut.shards
    return index, shards
