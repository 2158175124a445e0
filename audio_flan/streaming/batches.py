"""Batches of the rows of a stream, bounded by their number or by the length of their sound."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import accumulate, islice
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from audio_flan.streaming.batch_plan import BatchRule, Planner
from audio_flan.streaming.engine import RowStream
from audio_flan.streaming.rows import Row
from audio_flan.streaming.share import whole
from audio_flan.streaming.torch_dataset import ASK_THE_LOADER, TorchDataset, check_state, loader_worker

if TYPE_CHECKING:
    from audio_flan.streaming.ordered import OrderedStream

_LENGTHS_AT_ONCE: Final = 4096
"""Rows whose lengths are looked up together."""
_SECONDS_COLUMNS: Final = ["input_seconds", "output_seconds"]
Collate = Callable[[list[Row]], Any]


def batches(
    stream: "RowStream | OrderedStream",
    batch_size: int | None = None,
    *,
    max_seconds: float | None = None,
    buckets: Sequence[float] = (),
    drop_last: bool = False,
    collate: Collate | None = None,
) -> "Batches":
    """Put the rows of a stream of a built form into batches.

    Parameters
    ----------
    stream : OrderedStream
        What `audio_flan.stream` returns.
    batch_size : int, optional
        Rows of a batch.
    max_seconds : float, optional
        Sound of a batch at most, input and output together; a row that is longer is a batch of its own.
    buckets : sequence of float
        Ascending bounds in seconds, such as ``[2, 5, 10]``: only rows of about the same length, between the
        same two bounds, share a batch.
    drop_last : bool
        Whether to leave out batches that are not full at the end of the epoch.
    collate : callable, optional
        Makes a batch of a list of rows, such as ``functools.partial(audio_flan.collate, channels=1)``; None
        for the list.

    Returns
    -------
    Batches
        Iterable any number of times, also as a dataset of torch's DataLoader with ``batch_size=None``.

    Raises
    ------
    ValueError
        For bounds that make no sense, and for a stream of a release.
    TypeError
        For what is no stream, such as a dataset of `load_dataset`.

    Examples
    --------
    >>> rows = audio_flan.stream("demo-indexed", "speech_asr", decode_threads=2)  # doctest: +SKIP
    >>> for batch in audio_flan.batches(rows, max_seconds=60, collate=audio_flan.collate):  # doctest: +SKIP
    ...     print(batch["input_audio"].shape, batch["input_audio_lengths"])
    """
    if isinstance(stream, RowStream):
        raise ValueError(  # noqa: TRY004 - it is a stream, of other data
            f"{stream.source.root} is a release: the lengths of its clips are not known in advance; "
            "`audio-flan build` makes a form that is put into batches"
        )
    from audio_flan.streaming.ordered import OrderedStream  # and pyarrow with it

    if not isinstance(stream, OrderedStream):
        raise TypeError(
            "batches are made of what `audio_flan.stream` returns for a built form, "
            f"and this is of the type {type(stream).__name__}"
        )
    for name, bound in (("max_seconds", max_seconds), *(("buckets", bound) for bound in buckets)):
        if bound is not None and not isfinite(bound):
            raise ValueError(f"{name} must be finite, got {bound!r}")
    limit = None if max_seconds is None else round(max_seconds * 1e6)
    bounds = tuple(round(bound * 1e6) for bound in buckets)
    return Batches(stream, BatchRule(batch_size, limit, bounds, drop_last), collate)


class _Mark(NamedTuple):
    """How far the batches are: after `rows` steps of the rank from a position, without those that wait.

    ``workers`` is None, or how many there are where it is the mark of a worker: all but the last of as many
    batches that follow are for the others.
    """

    start: int = 0
    rows: int = 0
    waiting: tuple[int, ...] = ()
    workers: int | None = None


class _Planned(NamedTuple):
    """The steps of a batch, and how far the batches are after it."""

    steps: list[int]
    after: _Mark


class Batches(TorchDataset["_Mark"]):
    """Batches of the rows of one rank: the same for any number of threads and of workers.

    Which rows make a batch follows from the lengths in the rows, before any clip is read; a row that
    ``on_error="skip"`` leaves out is missing in its batch. Worker w of n of a DataLoader makes every n-th
    batch. Iterating starts at the beginning of the epoch, or once where `load_state_dict` points to.

    Attributes
    ----------
    stream : OrderedStream
        Where the rows come from.
    rule : BatchRule
        When a batch is full.
    """

    def __init__(self, stream: "OrderedStream", rule: BatchRule, collate: Collate | None = None) -> None:
        from audio_flan.streaming.row_groups import RowGroups  # and pyarrow with it

        self.stream, self.rule, self._collate = stream, rule, collate
        self._lengths = RowGroups(stream.source, stream.files, _SECONDS_COLUMNS)
        self._begun = self._mark = _Mark()
        """Where the pass began, and how far it is, in this process."""
        self._epoch = stream.epoch
        """Of these marks."""
        self.passes = stream.passes

    def __iter__(self) -> Iterator[Any]:
        if self.stream.is_resumed:
            raise ValueError(
                "a state was loaded into the stream of these batches: batches begin at states of batches\n\n"
                "Hint: batches.load_state_dict(batches.state_dict())"
            )
        self.stream.follow()
        self._forget_other_epochs()
        workers = loader_worker()[1]
        if self._resume and self._resume.workers not in (None, workers):
            message = f"this is the state of one of {self._resume.workers} workers, and there are {workers}"
            raise ValueError(
                f"{message}\n\nHint: the state that `state_after` returns is that of all of them."
            )
        self._begun = self._mark = self._take_resume() or _Mark()
        return self._batches(self._mark)

    def _forget_other_epochs(self) -> None:
        """Begin anew where somebody has said `set_epoch` to the stream."""
        if self._epoch != self.stream.epoch:
            self._epoch, self._resume = self.stream.epoch, None
            self._begun = self._mark = _Mark()

    def _batches(self, mark: _Mark) -> Iterator[Any]:
        planned: deque[_Planned] = deque()
        batch: list[Row] = []
        made = 0
        self.passes.check_states()
        worker, workers = loader_worker()
        first = worker if mark.workers is None else workers - 1
        steps = self._steps(islice(self._plan(mark), first, None, workers), planned)
        share = self.stream.share
        rows_left = share.steps(mark.start, self.stream.total) - mark.rows + len(mark.waiting)
        # Workers have about as many rows each.
        with closing(self.stream.walk(share, mark.start, steps, count=rows_left // workers)) as rows:
            for _, row in rows:
                made += 1
                if row is not None:
                    batch.append(row)
                if made == len(planned[0].steps):
                    after = planned.popleft().after
                    self._mark = after if workers == 1 else after._replace(workers=workers)
                    if batch:
                        yield batch if self._collate is None else self._collate(batch)
                    batch, made = [], 0

    def _steps(self, batches: Iterable[_Planned], planned: deque[_Planned]) -> Iterator[int]:
        """Yield the steps of some batches, each batch noted in `planned` before."""
        for batch in batches:
            planned.append(batch)
            yield from batch.steps

    def _plan(self, mark: _Mark) -> Iterator[_Planned]:
        planner = Planner(self.rule)
        total = self.stream.share.steps(mark.start, self.stream.total)
        for step, microseconds in self._with_lengths(mark.start, mark.waiting):
            yield from _planned(planner, planner.add(step, microseconds), mark.start, mark.rows)
        for step, microseconds in self._with_lengths(mark.start, range(mark.rows, total)):
            yield from _planned(planner, planner.add(step, microseconds), mark.start, step + 1)
        yield from _planned(planner, planner.rest(), mark.start, total)

    def _with_lengths(self, start: int, steps: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Yield steps with the length of the sound of their rows, in microseconds."""
        if self.rule.counts_rows:
            yield from ((step, 0) for step in steps)
            return
        for first in range(0, len(steps), _LENGTHS_AT_ONCE):
            some = steps[first : first + _LENGTHS_AT_ONCE]
            places = self.stream.places(self.stream.share, start, some)
            yield from zip(some, self._lengths.microseconds(*places).tolist(), strict=True)

    def set_epoch(self, epoch: int) -> None:
        """Go to the beginning of an epoch; shuffled, each has another order.

        After `load_state_dict` with a state of this very epoch, it stays where the state says.
        """
        self._forget_other_epochs()
        if whole("epoch", epoch) == self.stream.epoch and self._resume is not None:
            return
        self.stream.set_epoch(epoch)
        self._begin_at(None)

    def state_dict(self) -> dict[str, Any]:
        """Return the state after the last batch given out in this process.

        It is that of one rank, for any number of workers. Batches of a fixed size without buckets go on on
        any number of ranks, all of them from the state of any. In a worker, where torchdata's
        ``StatefulDataLoader`` asks for it, it is that of the worker, and wants as many workers again.

        Raises
        ------
        ValueError
            Where workers of a DataLoader make the batches; `state_after` is for the process that has it.
        """
        self.passes.check_known_here(
            f"state_after(n) is the state after n batches of the DataLoader; {ASK_THE_LOADER}"
        )
        self._forget_other_epochs()
        return self._state(self._resume or self._mark)

    def state_after(self, batches: int) -> dict[str, Any]:
        """Return the state after so many batches of a DataLoader with workers, from where they have begun.

        The process that has the DataLoader counts the batches; it plans them again, and reads no clip.
        """
        if batches < 0:
            raise ValueError(f"batches must be 0 or more, got {batches}")
        self._forget_other_epochs()
        # Workers that begin a second pass begin it at the start of the epoch.
        begin = self._begun if self._resume is None or self.passes.most > 1 else self._resume
        last = next(islice(self._plan(begin), batches - 1, None), None) if batches else None
        if batches and last is None:
            raise ValueError(f"there are fewer than {batches} batches to the end of the epoch")
        return self._state(begin if last is None else last.after)

    def _state(self, mark: _Mark) -> dict[str, Any]:
        share = self.stream.share
        state = {"stream": self.stream.identity, "rule": self._rule_name, "epoch": self.stream.epoch}
        if mark.workers is not None:
            state["workers"] = mark.workers
        first = mark.waiting[0] if mark.waiting else mark.rows
        state |= self.stream.at(min(mark.start + first * share.world_size, self.stream.total))
        if self.rule.counts_rows:
            return state
        gaps = [after - before for before, after in zip((0, *mark.waiting), mark.waiting, strict=False)]
        return state | {
            "rank": share.rank,
            "world_size": share.world_size,
            "rows": mark.rows,
            "waiting": gaps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next iteration go on at `state`; lengths of rows that wait are looked up, no clip is read.

        Raises
        ------
        ValueError
            When it is the state of other batches: of another stream or rule, or of another rank where ranks
            have batches of their own; and for what is no state.
        """
        check_state(state, "batches", "stream", "rule")
        share = self.stream.share
        expected: dict[str, object] = {"stream": self.stream.identity, "rule": self._rule_name}
        if not self.rule.counts_rows:
            expected |= {"rank": share.rank, "world_size": share.world_size}
        for name, value in expected.items():
            if state.get(name) != value:
                message = f"this is the state of batches with the {name} {state.get(name)!r}, not {value!r}"
                raise ValueError(message)
        own = () if self.rule.counts_rows else ("rows", "waiting")
        check_state(state, "batches", "epoch", "position", *own)
        if self.rule.counts_rows:
            mark = _Mark(state["position"], workers=state.get("workers"))
        else:
            waiting = tuple(accumulate(state["waiting"]))
            mark = _Mark(0, state["rows"], waiting, state.get("workers"))
        self.stream.go_to_epoch_of(state)
        self.passes.note_state()
        self._begin_at(mark)

    def _begin_at(self, resume: _Mark | None) -> None:
        self._epoch, self._resume = self.stream.epoch, resume
        self._begun = self._mark = _Mark()

    @property
    def _rule_name(self) -> str:
        rule = self.rule
        return f"{rule.batch_size} {rule.max_microseconds} {list(rule.bounds)} {rule.drop_last}"


def _planned(planner: Planner, full: Iterable[list[int]], start: int, rows: int) -> Iterator[_Planned]:
    """Yield batches that are full at the same time; the later ones wait while the earlier are given out."""
    left = list(full)
    while left:
        steps = left.pop(0)
        waiting = sorted([*planner.waiting, *(step for later in left for step in later)])
        yield _Planned(steps, _Mark(start, rows, tuple(waiting)))
