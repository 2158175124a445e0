"""The engine's rows as an examples iterable of ``datasets``, without a detour over Arrow.

Rows carry `LazyAudio` already. While a dataset has the features given here and no format, ``datasets`` passes
them on untouched; once it is cast or formatted, it encodes and decodes them by its features as usual.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import datasets
import numpy as np
from datasets.iterable_dataset import _BaseExamplesIterable

from audio_flan.loading.features import row_features
from audio_flan.release import Quarantine
from audio_flan.streaming import Row, RowStream


class StreamExamples(_BaseExamplesIterable):  # type: ignore[misc]
    """Rows of a stream."""

    def __init__(self, *, last_pass: list[Quarantine] | None = None) -> None:
        super().__init__()
        # Shared by the copies that `datasets` makes to iterate over.
        self._last_pass = [Quarantine()] if last_pass is None else last_pass
        self._sleep_on_threads_shutdown = False

    @property
    def quarantine(self) -> Quarantine:
        """What the last pass in this process did not give out."""
        return self._last_pass[0]

    @property
    def features(self) -> datasets.Features:
        """What the rows are already decoded to."""
        return row_features()


class RowExamples(StreamExamples):
    """Rows of a `RowStream`; its files are the shards.

    The state is a shard and a row in it, so that resuming reads one file up to that row and decodes nothing
    before it.
    """

    def __init__(self, stream: RowStream, *, last_pass: list[Quarantine] | None = None) -> None:
        super().__init__(last_pass=last_pass)
        self._stream = stream

    @property
    def num_shards(self) -> int:
        """One for each file."""
        return len(self._stream.files)

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        state: dict[str, Any] | None = self._state_dict
        stream = self._stream.over(self._stream.files)  # of its own: several may iterate over one dataset
        rows = stream.walk(state["shard_idx"], state["shard_example_idx"]) if state else stream.walk()
        self._last_pass[0] = stream.quarantine
        for key, row in enumerate(rows):
            if state:
                state["shard_idx"], state["shard_example_idx"] = stream.position
            yield key, row

    def _init_state_dict(self) -> dict[str, Any]:
        self._state_dict = {"shard_idx": 0, "shard_example_idx": 0, "type": type(self).__name__}
        return self._state_dict

    def shuffle_data_sources(self, generator: np.random.Generator) -> "RowExamples":
        """Put the files in another order."""
        order = deepcopy(generator).permutation(self.num_shards)
        return self._with([self._stream.files[i] for i in order])

    def shard_data_sources(self, num_shards: int, index: int, contiguous: bool = True) -> "RowExamples":
        """Keep the files of one worker."""
        chosen = self.split_shard_indices_by_worker(num_shards, index, contiguous=contiguous)
        return self._with([self._stream.files[i] for i in chosen])

    def reshard_data_sources(self) -> "RowExamples":
        """Return itself: a file is not divided."""
        return self

    def _with(self, files: list[Any]) -> "RowExamples":
        return RowExamples(self._stream.over(files), last_pass=self._last_pass)
