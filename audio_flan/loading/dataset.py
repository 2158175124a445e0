"""The streaming dataset that `load_dataset` returns."""

from typing import Any

import datasets

from audio_flan.loading.examples import RowExamples

_TABLE_FORMATS = ("arrow", "pandas", "polars")


class AudioFlanStream(datasets.IterableDataset):  # type: ignore[misc]
    """A ``datasets.IterableDataset`` whose tables have one schema, so that it can be written out."""

    def with_format(self, type: str | None = None, **kwargs: Any) -> datasets.IterableDataset:  # noqa: A002, ANN401
        """Return the dataset with another format, as ``IterableDataset.with_format`` does."""
        formatted = super().with_format(type, **kwargs)
        if type in _TABLE_FORMATS and isinstance(self._ex_iterable, RowExamples):
            formatted._ex_iterable = self._ex_iterable.as_tables()  # noqa: SLF001 - it is one of ours
        return formatted
