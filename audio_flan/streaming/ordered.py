"""Rows of a built root in an order that is a pure function, shared out to ranks, resumed by any number."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, Final, NamedTuple
from uuid import uuid4

from xxhash import xxh3_64_hexdigest

from audio_flan.mixing import Plan, PlanError
from audio_flan.release import Quarantine
from audio_flan.shards import FileFacts
from audio_flan.streaming.clips_ahead import ClipsAhead
from audio_flan.streaming.decode_ahead import Job, make_rows
from audio_flan.streaming.failures import stop_at_failures, warn_of_quarantine
from audio_flan.streaming.interleave import INTERLEAVE_VERSION
from audio_flan.streaming.leaf_rows import LeafRows
from audio_flan.streaming.ledger import Given, Ledger
from audio_flan.streaming.ledger_file import LEDGER_VERSION, LedgerHeader
from audio_flan.streaming.mixed_order import MixedOrder
from audio_flan.streaming.order import ORDER_VERSION, SHORT_RUNS, WHOLE_GROUPS, Numbers, Order
from audio_flan.streaming.part_order import PartOrder
from audio_flan.streaming.pieces import StoredRow
from audio_flan.streaming.row_groups import RowGroups
from audio_flan.streaming.rows import QUARANTINE_LIMIT, Place, Row, Wish
from audio_flan.streaming.shard_rows import ShardRows, columns_to_read
from audio_flan.streaming.share import Share, whole
from audio_flan.streaming.torch_dataset import (
    ASK_THE_LOADER,
    Passes,
    TorchDataset,
    check_state,
    loader_worker,
)

_ROWS_AT_ONCE: Final = SHORT_RUNS.block_rows * SHORT_RUNS.lanes
"""Rows that are made together."""
_MIXED_ROWS_AT_ONCE: Final = 4096
"""The same for a plan, whose leaves are read in many places."""
_SOUNDS_AT_ONCE: Final = 128
"""The same where rows have their sound in them: they wait in memory."""


class OrderedStream(TorchDataset["_Mark"]):
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
    plan : Plan or None
        What is drawn; None for each row once.
    ledger : Ledger or None
        Where the rows that are given out are noted.
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
        plan: Plan | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        self.source, self.wish, self.share, self.epoch = source, wish, share, epoch
        self.seed, self.plan, self.ledger = seed, plan, ledger
        if plan:
            _check_plan(plan, source, wish)
        self.files: Sequence[FileFacts] = source.files(wish.config, wish.splits)
        self._groups = RowGroups(source, self.files, columns_to_read(wish))
        self._leaves = [leaf for leaf in plan.leaves if leaf.target] if plan else []
        self._leaf_rows = LeafRows(source, self.files, self._leaves, plan.row_filter) if plan else None
        self._part = 0, 1
        """Which of how many parts of the order it is."""
        self._identity: str | None = None
        self._reach = WHOLE_GROUPS if source.form == "embedded" else SHORT_RUNS
        self.passes = Passes(epoch)
        self._go_to(epoch)
        self.quarantine = Quarantine(QUARANTINE_LIMIT)

    def __iter__(self) -> Iterator[Row]:
        self.follow()
        worker, workers = loader_worker()
        if self._resume and self._resume.workers not in (None, workers):
            message = f"this is the state of one of {self._resume.workers} workers, and there are {workers}"
            raise ValueError(message)
        mark = self._take_resume() or _Mark()
        # All but the last of as many rows that follow are for the others.
        share = replace(self.share, worker=worker if mark.workers is None else workers - 1, workers=workers)
        self._pass = _Pass(mark, self._order)
        return self._rows(self._pass, share)

    def follow(self) -> None:
        """Go to the epoch to which another process has gone, where this one is a worker."""
        if self.passes.epoch != self.epoch:
            self._go_to(self.passes.epoch)

    @property
    def is_resumed(self) -> bool:
        """Whether the next iteration begins where a state says."""
        return self._resume is not None

    def _rows(self, begun: "_Pass", share: Share) -> Iterator[Row]:
        self.passes.check_states()
        for steps, row in self.walk(share, begun.mark.position, order=begun.order):
            begun.steps = steps
            if row is not None:
                yield row
        begun.steps = share.steps(begun.mark.position, len(begun.order))

    def walk(
        self,
        share: Share,
        start: int,
        steps: Iterable[int] | None = None,
        *,
        count: int | None = None,
        order: PartOrder | None = None,
    ) -> Generator[tuple[int, Row | None], None, None]:
        """Yield the rows of a share from a position on, with the steps made; None for one that is skipped.

        The position and the state of the stream itself stay as they are.

        Parameters
        ----------
        share : Share
        start : int
        steps : iterable of int, optional
            Steps to make, in any order; None for those of the share.
        count : int, optional
            How many steps there are, about; None for as many as the share has.
        order : PartOrder, optional
            By default that of the epoch at which the stream is when the first row is asked for.
        """
        order = order or self._order
        self.quarantine = quarantine = Quarantine(QUARANTINE_LIMIT)
        own = share.own_steps(start, len(order))
        rows = self._stored_rows(order, share, start, own if steps is None else steps)
        is_in_order = self.seed is None and self.plan is None
        count = len(own) if count is None else count
        ahead = ClipsAhead(self.source, rows, count, is_in_order=is_in_order) if self._fetches else None
        with nullcontext(rows) if ahead is None else ahead as stored:
            jobs = (
                Job((step + 1, place), partial(self.source.finished, row, self.wish, place))
                for step, place, row in stored
            )
            rows_made = make_rows(jobs, quarantine, self.wish.ahead)
            limit = None if self.wish.on_error == "raise" else self.wish.max_consecutive_failures
            # Threads that decode ahead end before what fetches for them.
            with closing(stop_at_failures(rows_made, quarantine, limit, self.source.root)) as given:
                if self.ledger is None:
                    yield from ((steps, row) for (steps, _), row in given)
                else:
                    yield from self._noted(self.ledger, order, share, start, given)
        warn_of_quarantine(quarantine, self.wish.config.name, self.source.root)

    def _noted(
        self,
        ledger: Ledger,
        order: PartOrder,
        share: Share,
        start: int,
        given: Iterable[tuple[tuple[int, Place], Row | None]],
    ) -> Generator[tuple[int, Row | None], None, None]:
        """Yield steps and rows, each noted in the ledger before."""
        header = LedgerHeader(
            LEDGER_VERSION,
            pass_id=uuid4().hex,
            stream=self.identity,
            config=self.wish.config.name,
            splits=self.wish.splits,
            seed=self.seed,
            plan=self.plan.hash if self.plan else None,
            part=self._part,
            epoch=order.epoch,
            start=start,
            rank=share.rank,
            world_size=share.world_size,
            uneven=share.uneven,
        )
        rows = ((steps, self._groups.number_of(place), row) for (steps, place), row in given)
        with Given(ledger, header, loader_worker()[0]) as noting:
            yield from noting.noted(rows)

    def _stored_rows(
        self, order: PartOrder, share: Share, start: int, steps: Iterable[int]
    ) -> Iterator[StoredRow]:
        """Yield the rows of some steps, their audio as it is stored."""
        left, at_once = iter(steps), 1  # the first row shall not wait for others
        most = _SOUNDS_AT_ONCE if self.source.form == "embedded" and self.wish.wants_sound else _ROWS_AT_ONCE
        if self.plan and self.source.form == "indexed":
            most = _MIXED_ROWS_AT_ONCE
        while some := list(islice(left, at_once)):
            at_once = min(2 * at_once, most)
            rows = self._groups.rows(*order.places(share.positions(start, len(order), some)))
            for step, (place, row) in zip(some, rows, strict=True):
                yield StoredRow(step, place, row)

    def places(self, share: Share, start: int, steps: Sequence[int]) -> tuple[Numbers, Numbers]:
        """Return the row group of the row of each step, and its number in it."""
        return self._order.places(share.positions(start, self.total, steps))

    def row_numbers(self, positions: Numbers) -> Numbers:
        """Return the numbers of the rows at some positions, counted through all `files`; int64."""
        groups, numbers = self._order.places(positions)
        return self._groups.first_rows[groups] + numbers

    def leaf_numbers(self, positions: Numbers) -> Numbers:
        """Return which of the plan's leaves with a target is drawn of at each position; int64, shape (rows,).

        Raises
        ------
        ValueError
            When the stream has no plan.
        """
        return self._order.leaf_numbers(positions)

    @property
    def _fetches(self) -> bool:
        """Whether rows point at clips that have to be fetched from afar."""
        return self.source.form == "indexed" and "://" in self.source.root and self.wish.wants_sound

    def reordered(self, seed: int | None, epoch: int) -> "OrderedStream":
        """Return a stream of the same rows in another order, at its beginning."""
        return self._other(epoch, seed=seed)

    def part(self, index: int, parts: int) -> "OrderedStream":
        """Return a stream of every `parts`-th row of this one from row `index` on, at its beginning.

        Whoever shares it out, the rows are the same.

        Raises
        ------
        ValueError
            Unless `index` is from 0 to `parts` - 1.
        """
        if not 0 <= index < parts:
            raise ValueError(f"the part must be from 0 to {parts - 1}, got {index} of {parts}")
        first, every = self._part
        return self._other(self.epoch, _part=(first + every * index, every * parts))

    def _other(self, epoch: int, **changed: object) -> "OrderedStream":
        """Return a copy that keeps nothing of this one, with passes of its own."""
        other = object.__new__(type(self))
        own = {
            "_groups": copy(self._groups),
            "_leaf_rows": copy(self._leaf_rows),
            "passes": Passes(epoch),
            "_identity": None,
        }
        other.__dict__.update(self.__dict__ | own | changed)
        other._go_to(epoch)
        return other

    def __len__(self) -> int:
        """Return the number of rows that this rank gets in an epoch."""
        return self.share.steps(0, self.total)

    @property
    def total(self) -> int:
        """Number of rows of an epoch, of all ranks together."""
        return len(self._order)

    def set_epoch(self, epoch: int) -> None:
        """Go to the beginning of an epoch; shuffled, each has another order.

        After `load_state_dict` with a state of this very epoch, it stays where the state says.
        """
        if whole("epoch", epoch) == self.epoch and self._resume is not None:
            return
        self._go_to(epoch)
        self.passes.restart(epoch)

    def _go_to(self, epoch: int, order: PartOrder | None = None) -> None:
        self.epoch, self._resume = whole("epoch", epoch), None
        self._order = self._order_of(epoch) if order is None else order
        self._pass = _Pass(_Mark(), self._order)

    def _order_of(self, epoch: int) -> PartOrder:
        if self._leaf_rows is None:
            order: Order | MixedOrder = Order(self._groups.sizes, self.seed, epoch, reach=self._reach)
        else:
            order = MixedOrder(self._leaf_rows, self._leaves, self.seed, epoch, reach=self._reach)
        return PartOrder(order, epoch, *self._part)

    def state_dict(self) -> dict[str, Any]:
        """Return the epoch, and the position up to which all ranks are when they have made as many steps.

        So the state of any rank is that of all, for any number of ranks that goes on. In a worker of a
        DataLoader, where torchdata's ``StatefulDataLoader`` asks for it, it is that of the worker, and wants
        as many workers again.

        Raises
        ------
        ValueError
            Where workers of a DataLoader give the rows out: they alone know how far they are.
        """
        self.passes.check_known_here(ASK_THE_LOADER)
        begun, workers = self._pass, self._resume.workers if self._resume else self._pass.mark.workers
        position = begun.mark.position + begun.steps * self.share.world_size
        if begun.steps and loader_worker()[1] > 1:
            workers = loader_worker()[1]
        state = {"stream": self.identity, "epoch": begun.order.epoch}
        state |= begun.order.at(min(position, len(begun.order)))
        return state if workers is None else state | {"workers": workers}

    def at(self, position: int) -> dict[str, Any]:
        """Return a position as it stands in a state: with a plan, also what spares counting up to it."""
        return self._order.at(position)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next iteration go on at `state`; at most the row groups of one window are read again.

        Raises
        ------
        ValueError
            When it is the state of another stream: of another config, split, seed or plan, or of other data;
            and for what is no state.
        """
        check_state(state, "a stream", "stream")
        if state.get("stream") != self.identity:
            message = f"this is the state of {state.get('stream')!r}, and the stream is {self.identity!r}"
            raise ValueError(message)
        check_state(state, "a stream", "epoch", "position")
        self.go_to_epoch_of(state)
        self.passes.note_state()
        self._resume = _Mark(state["position"], state.get("workers"))
        self._pass = _Pass(self._resume, self._order)

    def go_to_epoch_of(self, state: dict[str, Any]) -> None:
        """Go to the beginning of the epoch of a state, and `expect` it.

        Raises
        ------
        ValueError
            When there is no such position; the stream is then as it was.
        """
        epoch = whole("epoch", state["epoch"])
        order = self._order if epoch == self.epoch else self._order_of(epoch)
        _expect(order, state)
        self._go_to(epoch, order)
        self.passes.restart(epoch)

    def expect(self, state: dict[str, Any]) -> None:
        """Make use of what `at` has said of the position at which rows are to be asked for.

        Raises
        ------
        ValueError
            When there is no such position.
        """
        _expect(self._order, state)

    @property
    def identity(self) -> str:
        """What a position in this stream must not be taken for."""
        if self._identity is None:
            self._identity = self._identify()
        return self._identity

    def _identify(self) -> str:
        name = f"{self.wish.config.name}, {'+'.join(self.wish.splits)}"
        files = [self.source.state_key(file) for file in self.files]
        key = repr((ORDER_VERSION, self._reach, name, self.seed, files))
        if self._part != (0, 1):
            key += f" {self._part}"
        if self.plan:
            key += f" {INTERLEAVE_VERSION} {self.plan.hash}"
        return f"{name} {xxh3_64_hexdigest(key.encode())}"


class _Mark(NamedTuple):
    """Where a pass begins; and how many workers there are, where it is the mark of one of them.

    Of as many rows that follow, all but the last are then for the other workers.
    """

    position: int = 0
    workers: int | None = None


@dataclass(slots=True)
class _Pass:
    """A pass through an epoch: where it began, in which order, and the steps that the rank has made since."""

    mark: _Mark
    order: PartOrder
    steps: int = 0


def _expect(order: PartOrder, state: dict[str, Any]) -> None:
    if not 0 <= whole("position", state["position"]) <= len(order):
        raise ValueError(f"the state is of position {state['position']}, the stream has {len(order)} rows")
    order.expect(state)


def _check_plan(plan: Plan, source: ShardRows, wish: Wish) -> None:
    """Refuse a plan that says something else than config and splits.

    Raises
    ------
    PlanError
        When it does, or was made for other data.
    """
    plan.check_revision(source.manifest.revision)
    if wish.splits != (plan.split,):
        asked = "+".join(wish.splits)
        raise PlanError(
            f"the plan is of the split {plan.split!r} and not of {asked!r}: pass split={plan.split!r}"
        )
    outside = sorted({leaf.task for leaf in plan.leaves if leaf.target} - set(wish.config.task_names))
    if outside:
        tasks = ", ".join(outside[:3]) + (", ..." if len(outside) > 3 else "")
        raise PlanError(
            f"the plan draws rows of {tasks}, which the config {wish.config.name!r} does not have; "
            "make a plan of these tasks only, or stream the config 'all'"
        )
