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

from audio_flan.release import MetadataFile
from audio_flan.streaming import Row, RowStream


class RowExamples(_BaseExamplesIterable):  # type: ignore[misc]
    """Rows of a `RowStream`; its metadata files are the shards.

    The state is a shard and a row in it, so that resuming reads one metadata file up to that row and decodes
    nothing before it.
    """

    def __init__(self, stream: RowStream, features: datasets.Features, files: list[MetadataFile] | None = None) -> None:
        super().__init__()
        self._stream, self._features = stream, features
        self._files = stream.files if files is None else files
        self._sleep_on_threads_shutdown = False

    @property
    def features(self) -> datasets.Features:
        """What the rows are already decoded to."""
        return self._features

    @property
    def num_shards(self) -> int:
        """One for each metadata file."""
        return len(self._files)

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        state = self._state_dict
        first = state["shard_idx"] if state else 0
        key = 0
        for file in self._files[first:]:
            skip = state["shard_example_idx"] if state else 0
            for row in self._stream.rows_of(file, skip):
                if state:
                    state["shard_example_idx"] += 1
                if row is not None:
                    yield key, row
                    key += 1
            if state:
                state["shard_idx"] += 1
                state["shard_example_idx"] = 0
        self._stream.finish()

    def _init_state_dict(self) -> dict[str, Any]:
        self._state_dict = {"shard_idx": 0, "shard_example_idx": 0, "type": type(self).__name__}
        return self._state_dict

    def shuffle_data_sources(self, generator: np.random.Generator) -> "RowExamples":
        """Put the files in another order."""
        order = deepcopy(generator).permutation(len(self._files))
        return self._with([self._files[i] for i in order])

    def shard_data_sources(self, num_shards: int, index: int, contiguous: bool = True) -> "RowExamples":
        """Keep the files of one worker."""
        chosen = self.split_shard_indices_by_worker(num_shards, index, contiguous=contiguous)
        return self._with([self._files[i] for i in chosen])

    def reshard_data_sources(self) -> "RowExamples":
        """Return itself: a metadata file is not divided."""
        return self

    def _with(self, files: list[MetadataFile]) -> "RowExamples":
        return RowExamples(self._stream, self._features, files)
