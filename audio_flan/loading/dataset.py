"""The streaming dataset that `load_dataset` returns."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from threading import Lock
from typing import Any

import datasets
import numpy as np

from audio_flan.loading.features import undecoded
from audio_flan.loading.ordered_examples import OrderedExamples
from audio_flan.release import Quarantine

_TABLE_FORMATS = ("arrow", "pandas", "polars")
_one_at_a_time = Lock()


class AudioFlanStream(datasets.IterableDataset):  # type: ignore[misc]
    """A ``datasets.IterableDataset`` that starts fast and whose tables have one schema.

    ``datasets`` imports torch, where it is installed, for the first streaming dataset that is made, which
    takes longer than all the rest: only to be a torch dataset as well, should somebody ask. This one becomes
    a torch dataset when it is asked: ``isinstance``, as DataLoader calls it, looks at ``__class__``.
    """

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
        found: Quarantine = self._ex_iterable.quarantine
        return found

    def shuffle(self, *args: Any, **kwargs: Any) -> datasets.IterableDataset:  # noqa: ANN401 - as the base class
        """Return the rows in another order.

        Of a built form, ``shuffle(seed=...)`` gives the order of that seed, exactly and without a buffer, so
        that nothing is lost on resuming; ``set_epoch`` reshuffles. ``buffer_size`` has no meaning then. Of a
        release, it is ``IterableDataset.shuffle``: files are permuted, and rows in a buffer.
        """
        if not isinstance(self._ex_iterable, OrderedExamples):
            return super().shuffle(*args, **kwargs)
        return self._shuffled_exactly(*args, **kwargs)

    def _shuffled_exactly(
        self,
        seed: int | None = None,
        generator: np.random.Generator | None = None,
        buffer_size: int | None = None,  # noqa: ARG002 - there is none
        **_: object,
    ) -> "AudioFlanStream":
        chosen = np.random.default_rng(seed) if generator is None else deepcopy(generator)
        exact = int(chosen.integers(1 << 62)) if seed is None or generator is not None else seed
        return AudioFlanStream(
            self._ex_iterable.shuffled(exact),
            info=self._info.copy(),
            split=self._split,
            formatting=self._formatting,
            distributed=deepcopy(self._distributed),
            token_per_repo_id=self._token_per_repo_id,
        )

    def with_format(self, type: str | None = None, **kwargs: Any) -> datasets.IterableDataset:  # noqa: A002, ANN401
        """Return the dataset with another format, as ``IterableDataset.with_format`` does.

        The table formats have audio as it is stored, as cells.
        """
        formatted = super().with_format(type, **kwargs)
        if type in _TABLE_FORMATS:
            formatted._ex_iterable = self._ex_iterable.as_tables()  # noqa: SLF001 - it is one of ours
            stored = {name: undecoded(feature) for name, feature in self.features.items()}
            formatted._info.features = datasets.Features(stored)  # noqa: SLF001
        return formatted


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
