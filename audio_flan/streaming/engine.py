"""The bare engine: rows of a config and split, in order, as a plain iterable."""

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from xxhash import xxh3_64_hexdigest

from audio_flan.fetch import SHARD_CACHE_BYTES, ShardCache
from audio_flan.records import SPLITS, resolve_split
from audio_flan.release import Quarantine
from audio_flan.streaming.decode_ahead import Job, make_rows
from audio_flan.streaming.failures import stop_at_failures, warn_of_quarantine
from audio_flan.streaming.release_rows import ReleaseRows
from audio_flan.streaming.roots import open_root
from audio_flan.streaming.rows import (
    MAX_CONSECUTIVE_FAILURES,
    PREFETCH_BYTES,
    QUARANTINE_LIMIT,
    Ahead,
    OnError,
    Row,
    Wish,
    check_columns,
)
from audio_flan.streaming.share import Share, Uneven, whole
from audio_flan.streaming.source import RowSource
from audio_flan.streaming.torch_dataset import (
    ASK_THE_LOADER,
    Passes,
    TorchDataset,
    check_state,
    loader_worker,
)
from audio_flan.taxonomy import UnknownNameError, resolve_config
from audio_flan.taxonomy.errors import nearest_names

if TYPE_CHECKING:
    from audio_flan.mixing import Plan
    from audio_flan.streaming.ordered import OrderedStream
    from audio_flan.streaming.shard_rows import ShardRows

logger = logging.getLogger("audio_flan")

STATE_VERSION = 1
"""Part of every saved state: raise it whenever the order of rows changes."""


def stream(
    root: str | os.PathLike[str],
    config: str = "all",
    split: str = "train",
    *,
    shuffle: bool = False,
    seed: int = 0,
    epoch: int = 0,
    rank: int = 0,
    world_size: int = 1,
    uneven: Uneven = "drop",
    plan: "Plan | str | os.PathLike[str] | None" = None,
    ledger: str | os.PathLike[str] | None = None,
    columns: Sequence[str] | None = None,
    on_error: OnError = "raise",
    max_consecutive_failures: int | None = MAX_CONSECUTIVE_FAILURES,
    sampling_rate: int | None = None,
    channels: int | None = None,
    decode_threads: int = 0,
    prefetch_bytes: int = PREFETCH_BYTES,
    token: str | bool | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    shard_cache: str | os.PathLike[str] | None = None,
    shard_cache_bytes: int = SHARD_CACHE_BYTES,
) -> "RowStream | OrderedStream":
    """Stream the rows of one config and split, with sound; needs neither ``datasets`` nor torch.

    Parameters
    ----------
    root : str or path
        The data in any form: a folder, ``ORG/NAME`` on the Hub, or an ``hf://``, ``https://`` or other URL.
    config : str
        One of `list_configs`: a minor task (``speech_asr``), a major task, a domain or a group.
    split : str
        ``train``, ``validation`` or ``test``; ``train+test`` for several, ``all`` for all three.
    shuffle : bool
        Give the rows in an order that depends on `seed` and `epoch` alone, close to a uniform one; built
        forms only.
    seed, epoch : int
        Another of either, another order. ``set_epoch`` goes to another epoch.
    rank, world_size : int
        Give every `world_size`-th row from `rank` on; built forms only. All ranks get as many.
    uneven : {"drop", "pad", "wrap"}
        Where the rows do not divide by the ranks: leave the last ones out, give the last one again, or begin
        anew with the first.
    plan : Plan or path, optional
        Draw what a plan of `rebalance` says instead of each row once; built forms only. After any number of
        rows, each leaf of the plan is within one row of its share.
    ledger : path, optional
        Folder where each rank and worker notes which rows it has given out, for `audio-flan audit-ledger`;
        built forms only.
    columns : sequence of str, optional
        Columns to give; without an audio or seconds column no clip is touched, and with ``on_error="raise"``
        only those of the columns given.
    on_error : {"raise", "skip", "null"}
        What a clip that cannot be read does: stop with `AudioError`; leave its row out; put None in its
        place. The latter two decode each clip before its row is given, and name it in ``quarantine``.
    max_consecutive_failures : int, optional
        Rows in a row with such a clip at which the latter two give up; None for never. Each worker of a
        DataLoader counts its own.
    sampling_rate, channels : int, optional
        Of what decoding a clip returns, as in `LazyAudio.decode`; None for the clip's own.
    decode_threads : int
        Threads that read and decode clips before it is the turn of their rows. Rows, their order, errors and
        states are the same for any number.
    prefetch_bytes : int
        Memory for what these threads have made, in bytes, beside the few rows that they are making.
    token : str or bool, optional
        Hub token, for gated repos.
    revision : str, optional
        Branch, tag or commit on the Hub.
    cache_dir : path, optional
        Where facts about the tree are kept; below ``HF_HOME`` by default.
    shard_cache : path, optional
        Folder on a local disk where what is fetched of a remote built root is kept, for the next epoch and
        for other processes. Nothing of a root that is local.
    shard_cache_bytes : int
        Size of all that is in that folder, in bytes; what was not used for longest goes.

    Returns
    -------
    RowStream or OrderedStream
        Iterable any number of times; each row is a dict of the columns of the design, section 4. Of a built
        form, ``state_dict()`` of any rank resumes all, on any number of ranks.

    Raises
    ------
    UnknownNameError
        For a config, split or column that does not exist.
    ReleaseError
        When there is no data at `root`.
    PlanError
        For a plan that was made for other data, another split, or tasks that are not in the config.
    ValueError
        For a rank that does not exist, and for an order that a release cannot give.
    ConsecutiveFailuresError
        While iterating, after `max_consecutive_failures`.

    Examples
    --------
    >>> for row in audio_flan.stream("demo", "speech_asr"):  # doctest: +SKIP
    ...     print(row["output"], row["input_audio"][0]["array"].shape)
    """
    wish = Wish(
        resolve_config(config),
        resolve_splits(split),
        check_columns(columns),
        on_error,
        sampling_rate,
        channels,
        Ahead(decode_threads, prefetch_bytes),
        max_consecutive_failures,
    )
    share = Share(rank, world_size, uneven)
    if plan is not None:
        from audio_flan.mixing import open_plan  # and numpy with it

        plan = open_plan(plan)
    kept = ShardCache.at(shard_cache, shard_cache_bytes)
    source = open_root(root, token=token, revision=revision, cache_dir=cache_dir, shard_cache=kept)
    if isinstance(source, ReleaseRows):
        if shuffle or world_size > 1 or plan is not None or ledger is not None:
            raise ValueError(
                f"{source.root} is a release: it streams in the order of its files, to one rank; "
                "`audio-flan build` makes a form that is shuffled, shared out, rebalanced and noted exactly"
            )
        return RowStream(source, wish, epoch=whole("epoch", epoch))
    from audio_flan.streaming.ledger import Ledger
    from audio_flan.streaming.ordered import OrderedStream  # and pyarrow with it

    return OrderedStream(
        cast("ShardRows", source),
        wish,
        share,
        seed=whole("seed", seed) if shuffle else None,
        epoch=whole("epoch", epoch),
        plan=plan,
        ledger=Ledger.at(ledger),
    )


def resolve_splits(split: object) -> tuple[str, ...]:
    """Return the splits that `split` names: one, several joined by ``+``, or ``all``.

    Raises
    ------
    UnknownNameError
        For any other word.
    """
    if not isinstance(split, str):
        message = f"split must be a name such as 'train', 'train+test' or 'all', got {split!r}"
        raise TypeError(message)
    if split == "all":
        return SPLITS
    found = []
    for word in split.split("+"):
        name = resolve_split(word)
        if name is None:
            raise UnknownNameError("split", word, nearest_names(word, SPLITS))
        found.append(name)
    return tuple(dict.fromkeys(found))


@dataclass(slots=True)
class _Position:
    """A metadata file, and the row of the stream in it that comes next."""

    file: int = 0
    row: int = 0
    workers: int | None = None
    """How many there are where it is the position of one of them, whose files are every n-th."""


def _no_row(quarantine: Quarantine) -> None:
    """Make none: the end of a stream."""


class RowStream(TorchDataset[_Position]):
    """Rows of a config and its splits, in the order of the files and of the rows in them.

    Iterating starts at the beginning, or once where `load_state_dict` points to. One iteration at a time:
    position and quarantine are those of the one that moved last; `over` makes a stream of its own. Worker w
    of n of torch's DataLoader gives the rows of every n-th file.

    Attributes
    ----------
    source : RowSource
        The data.
    wish : Wish
        What is asked for of it.
    files : list
        The metadata or row files: the shards of the stream.
    quarantine : Quarantine
        Records and clips that were not given out by the pass under way or last made.
    """

    def __init__(
        self, source: RowSource, wish: Wish, files: Sequence[Any] | None = None, *, epoch: int = 0
    ) -> None:
        self.source, self.wish = source, wish
        self.files = source.files(wish.config, wish.splits) if files is None else list(files)
        self.quarantine = Quarantine(QUARANTINE_LIMIT)
        self._position = _Position()
        self.passes = Passes(epoch)

    def over(self, files: Sequence[Any]) -> "RowStream":
        """Return a stream of the same rows of other files, with a position and a quarantine of its own."""
        return RowStream(self.source, self.wish, files)

    def __iter__(self) -> Iterator[Row]:
        worker, workers = loader_worker()
        if self._resume and self._resume.workers != (workers if workers > 1 else None):
            there = f"one of {self._resume.workers} workers" if self._resume.workers else "a process alone"
            raise ValueError(f"this is the state of {there}, and there are {workers} workers")
        start = self._take_resume() or _Position(0, 0, workers if workers > 1 else None)
        return self._begin(start, range(worker, len(self.files), workers))

    def walk(self, file: int = 0, row: int = 0) -> Iterator[Row]:
        """Return the rows of all files from a `position` on, in whatever process."""
        return self._begin(_Position(file, row), range(len(self.files)))

    def _begin(self, start: _Position, files: range) -> Iterator[Row]:
        position = self._position = replace(start)
        self.quarantine = Quarantine(QUARANTINE_LIMIT)
        return self._rows(start, position, files)

    def _rows(self, start: _Position, position: _Position, files: range) -> Iterator[Row]:
        self.passes.check_states()
        given = False
        made = make_rows(self._jobs(start, files), self.quarantine, self.wish.ahead)
        limit = self.wish.max_consecutive_failures
        rows = stop_at_failures(made, self.quarantine, limit, self.source.root)
        for (position.file, position.row, found), row in rows:
            if found:
                self.quarantine.merge(found)
            if row is not None:
                given = True
                yield row
        if not given and start == _Position():  # a worker may have no file
            logger.warning("%s has no rows of %s", self.source.root, self._name)
        warn_of_quarantine(self.quarantine, self.wish.config.name, self.source.root)

    def _jobs(self, start: _Position, files: range) -> Iterator[Job[tuple[int, int, Quarantine | None]]]:
        """Yield each row with its position, and the records before it that make no row."""
        found = Quarantine(QUARANTINE_LIMIT)
        try:
            for index in files:
                if index < start.file:
                    continue
                skip = start.row if index == start.file else 0
                makers = self.source.row_makers(self.files[index], self.wish, found, skip)
                for row, make in enumerate(makers, skip + 1):
                    yield Job((index, row, found.drain() if found else None), make)
            yield Job((len(self.files), 0, found), _no_row)
        finally:
            if not sys.is_finalizing():  # an iterator that is left behind ends with the interpreter
                self.source.end_pass()

    def __len__(self) -> int:
        """Count the rows; of a release, reads the metadata files that the catalogue does not know yet."""
        return self.source.count(self.files, self.wish.config, self.wish.splits)

    @property
    def epoch(self) -> int:
        """The epoch that somebody went to last; all have the same order."""
        return self.passes.epoch

    def set_epoch(self, epoch: int) -> None:
        """Go to the beginning of an epoch.

        After `load_state_dict` with a state of this very epoch, it stays where the state says.
        """
        epoch = whole("epoch", epoch)
        if epoch == self.epoch and self._resume is not None:
            return
        self._resume, self._position = None, _Position()
        self.passes.restart(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return the epoch and the position after the last row given out, and of what it is a position.

        Raises
        ------
        ValueError
            Where workers of a DataLoader give the rows out: they alone know how far they are.
        """
        self.passes.check_known_here(ASK_THE_LOADER)
        position = self._resume or self._position
        state = {"stream": self._identity, "epoch": self.epoch, "file": position.file, "row": position.row}
        return state if position.workers is None else state | {"workers": position.workers}

    @property
    def _identity(self) -> str:
        """What a position in this stream must not be taken for: another config, splits or data."""
        files = [self.source.state_key(file) for file in self.files]
        key = repr((STATE_VERSION, self.wish.config.name, self.wish.splits, self.wish.on_error, files))
        return f"{self._name} {xxh3_64_hexdigest(key.encode())}"

    @property
    def _name(self) -> str:
        return f"{self.wish.config.name}, {'+'.join(self.wish.splits)}"

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next iteration go on at `state`; no clip before it is touched.

        Raises
        ------
        ValueError
            When it is the state of another stream: of another config, split or ``on_error``, or of data that
            has changed since; and for what is no state.
        """
        check_state(state, "a stream", "stream")
        if state.get("stream") != self._identity:
            message = f"this is the state of {state.get('stream')!r}, and the stream is {self._identity!r}"
            raise ValueError(message)
        check_state(state, "a stream", "file", "row")
        self.passes.restart(whole("epoch", state.get("epoch", 0)))  # older states had none
        self.passes.note_state()
        self._resume = _Position(state["file"], state["row"], state.get("workers"))

    @property
    def position(self) -> tuple[int, int]:
        """Number of the file, and of the row in it, that comes next."""
        return self._position.file, self._position.row
