"""The streaming dataset that `load_dataset` returns."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import wraps
from threading import Lock
from typing import Any, Final

import datasets
import numpy as np

from audio_flan.loading.examples import StreamExamples
from audio_flan.loading.features import undecoded
from audio_flan.loading.ordered_examples import OrderedExamples, Reseeded, only_epochs
from audio_flan.loading.output_size import files_to_write
from audio_flan.loading.tables import TableExamples
from audio_flan.release import Quarantine
from audio_flan.streaming.share import whole
from audio_flan.streaming.torch_dataset import check_state

_NO_ROW: Final = object()
_SHUFFLE_OPTIONS = {"max_buffer_input_shards"}
_FIXED_ORDER = getattr(datasets.iterable_dataset, "DataSourcesShufflingDisallowed", ())
"""What ``datasets`` raises where the order must not change; older versions leave it as it is."""
_one_at_a_time = Lock()


class AudioFlanStream(datasets.IterableDataset):  # type: ignore[misc]
    """A ``datasets.IterableDataset`` that starts fast and whose tables have one schema.

    ``datasets`` imports torch, where it is installed, for the first streaming dataset that is made, which
    takes longer than all the rest: only to be a torch dataset as well, should somebody ask. This one becomes
    a torch dataset when it is asked: ``isinstance``, as DataLoader calls it, looks at ``__class__``.
    """

    _state_dict: dict[str, Any] | None
    """That of the newest pass; None before its first row."""
    _starting_state_dict: dict[str, Any] | None
    """Where the next pass begins, if `load_state_dict` said so."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as the base class
        with _torch_out_of_sight():
            super().__init__(*args, **kwargs)

    @property  # type: ignore[misc] # nobody sets it
    def __class__(self) -> type:
        """Its type, a subclass of torch's ``IterableDataset`` once torch is there."""
        torch_data = sys.modules.get("torch.utils.data")
        parent = getattr(torch_data, "IterableDataset", None)  # None while torch is being imported
        if parent is not None:
            if parent not in type(self).__mro__:
                AudioFlanStream.__bases__ += (parent,)
            epoch = self.__dict__.get("_epoch")
            if type(epoch) is int:
                # In shared memory, as `datasets` has it: persistent workers see what set_epoch says.
                self._epoch = sys.modules["torch"].tensor(epoch).share_memory_()
        return type(self)

    @property
    def quarantine(self) -> Quarantine:
        """Records and clips that the last pass did not give out, in this process (not in workers)."""
        found: Quarantine = _rows_of(self._ex_iterable).quarantine
        return found

    def shuffle(
        self,
        seed: int | None = None,
        generator: np.random.Generator | None = None,
        buffer_size: int = 1000,
        **options: Any,  # noqa: ANN401 - of the base class, which knows which there are
    ) -> datasets.IterableDataset:
        """Return the rows in another order.

        Of a built form, ``shuffle(seed=...)`` gives the order of that seed, exactly and without a buffer, so
        that nothing is lost on resuming; ``set_epoch`` reshuffles. ``buffer_size`` has no meaning then. Of a
        release, it is ``IterableDataset.shuffle``: files are permuted, and rows in a buffer.

        Raises
        ------
        ValueError
            After ``take`` or ``skip`` of a built form, which say of which order.
        """
        if unknown := options.keys() - _SHUFFLE_OPTIONS:
            raise TypeError(f"shuffle() got an unexpected keyword argument {unknown.pop()!r}")
        if not isinstance(_rows_of(self._ex_iterable), OrderedExamples):
            return _ours(super().shuffle(seed=seed, generator=generator, buffer_size=buffer_size, **options))
        if seed is None or generator is not None:
            chosen = np.random.default_rng(seed) if generator is None else deepcopy(generator)
            seed = int(chosen.integers(1 << 62))
        try:
            shuffled = self._ex_iterable.shuffle_data_sources(Reseeded(whole("seed", seed)))
        except _FIXED_ORDER:
            shuffled = self._ex_iterable
        before, after = (_rows_of(each) for each in (self._ex_iterable, shuffled))
        if after is before:
            raise ValueError("these rows were taken or skipped of an order: shuffle first, then take or skip")
        return AudioFlanStream(
            shuffled,
            info=self._info.copy(),
            split=self._split,
            formatting=self._formatting,
            distributed=deepcopy(self._distributed),
            token_per_repo_id=self._token_per_repo_id,
        )

    def shard(self, num_shards: int, index: int, contiguous: bool = True) -> datasets.IterableDataset:
        """Return a shard; of a built form every `num_shards`-th row, whoever shares these out then."""
        is_built = isinstance(_rows_of(self._ex_iterable), OrderedExamples)
        return _ours(super().shard(num_shards, index, contiguous=True if is_built else contiguous))

    def __iter__(self) -> Iterator[Any]:
        """Begin a pass; from now on the state is that of this one."""
        self._state_dict = None
        return self._from_its_start(super().__iter__())

    def iter(self, batch_size: int, drop_last_batch: bool = False) -> Iterator[Any]:
        """Begin a pass in batches, as ``IterableDataset.iter`` gives them."""
        self._state_dict = None
        return self._from_its_start(super().iter(batch_size, drop_last_batch))

    def _from_its_start(self, rows: Iterator[Any]) -> Iterator[Any]:
        """Yield rows; what `load_state_dict` was given is for this pass, and not for the next one, too."""
        first = next(rows, _NO_ROW)  # where this fails, the next pass begins at that state again
        self._starting_state_dict = None
        if first is not _NO_ROW:
            yield first
            yield from rows

    def set_epoch(self, epoch: int) -> None:
        """Go to the beginning of an epoch.

        After `load_state_dict` with a state of this very epoch, it stays where the state says.
        """
        if epoch != self.epoch:
            self._starting_state_dict = None
        super().set_epoch(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return the state after the last row of the newest pass in this process.

        Before its first row, and after `set_epoch` and `load_state_dict`, it is that of where the next row
        comes from: ``datasets`` has the state of another pass until then, and torchdata's
        ``StatefulDataLoader`` asks for it.
        """
        if self._state_dict is None or self._state_dict["epoch"] != self.epoch:
            begin = self._starting_state_dict
            if begin and begin["epoch"] == self.epoch:
                self._state_dict = begin
            else:
                self._prepare_ex_iterable_for_iteration()
        state: dict[str, Any] = super().state_dict()
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the next iteration go on at a state, in its epoch.

        Raises
        ------
        ValueError
            For what is no state of a dataset. Iterating raises it for that of another dataset.
        """
        check_state(state_dict, "a dataset", "examples_iterable", "epoch")
        self.set_epoch(state_dict["epoch"])
        super().load_state_dict(state_dict)
        self._state_dict = None

    def with_format(self, type: str | None = None, **kwargs: Any) -> datasets.IterableDataset:  # noqa: A002, ANN401
        """Return the dataset with another format, as ``IterableDataset.with_format`` does.

        The table formats have audio as it is stored, as cells.
        """
        formatted = _ours(super().with_format(type, **kwargs))
        examples, info = formatted._ex_iterable, formatted._info  # noqa: SLF001 - it is one of ours
        if not formatted._formatting.is_table:  # noqa: SLF001
            if isinstance(examples, TableExamples):
                formatted._ex_iterable, info.features = examples.ex_iterable, examples.decoded  # noqa: SLF001
        elif examples.iter_arrow is None:
            formatted._ex_iterable = TableExamples(examples, self.features)  # noqa: SLF001
            if self.features is not None:
                stored = {name: undecoded(feature) for name, feature in self.features.items()}
                info.features = datasets.Features(stored)
        return formatted

    def _prepare_ex_iterable_for_iteration(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        with only_epochs():
            return super()._prepare_ex_iterable_for_iteration(*args, **kwargs)

    def _push_parquet_shards_to_hub(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Write, unless a number is given, as many files as ``datasets`` makes of a table of this size."""
        rows = _rows_of(self._ex_iterable)
        is_open = kwargs.get("num_shards") is None and not kwargs.get("max_shard_size")
        if is_open and isinstance(rows, OrderedExamples):
            embeds = kwargs.get("embed_external_files", True)
            files = files_to_write(rows.stream, self.features, embeds=embeds)
            kwargs["num_shards"] = max(files, kwargs.get("num_proc") or 1)
        return super()._push_parquet_shards_to_hub(*args, **kwargs)


def _rows_of(examples: Any) -> Any:  # noqa: ANN401 - of ``datasets``, or ours
    """Return our rows, out of what ``datasets`` has put around them."""
    while not isinstance(examples, StreamExamples) and hasattr(examples, "ex_iterable"):
        examples = examples.ex_iterable
    return examples


def _ours(dataset: datasets.IterableDataset) -> AudioFlanStream:
    """Return what was made of a dataset of ours as one of ours: it shuffles and resumes as they do."""
    own = AudioFlanStream.__new__(AudioFlanStream)
    own.__dict__.update(dataset.__dict__)
    return own


def _kept(name: str) -> Any:  # noqa: ANN401 - a method of the base class
    """Make a method that does what that of the base class does, and returns one of ours."""
    of_base = getattr(datasets.IterableDataset, name)

    @wraps(of_base)
    def method(self: AudioFlanStream, *args: Any, **kwargs: Any) -> AudioFlanStream:  # noqa: ANN401
        return _ours(of_base(self, *args, **kwargs))

    return method


for _name in (
    "map", "filter", "select_columns", "remove_columns", "rename_column", "rename_columns", "add_column",
    "cast", "cast_column", "batch", "take", "skip", "repeat", "decode", "reshard", "_resolve_features",
):  # fmt: skip
    if hasattr(datasets.IterableDataset, _name):  # older versions have fewer
        setattr(AudioFlanStream, _name, _kept(_name))


@contextmanager
def _torch_out_of_sight() -> Iterator[None]:
    """Keep ``datasets`` from importing torch, unless it has been imported already."""
    with _one_at_a_time:
        available = datasets.config.TORCH_AVAILABLE
        datasets.config.TORCH_AVAILABLE = available and "torch" in sys.modules
        try:
            yield
        finally:
            datasets.config.TORCH_AVAILABLE = available
