"""The config ``sample`` of built roots: a few rows of every task, with their sound in one small file."""

import glob
import os
from typing import Any, Final

import datasets

from audio_flan.fetch import open_built
from audio_flan.fetch.stores import RemoteStore
from audio_flan.loading.features import row_features
from audio_flan.release import ReleaseError
from audio_flan.shards.layout import SAMPLE_FILE

SAMPLE_CONFIG: Final = "sample"


def load_sample(
    path: str | os.PathLike[str],
    split: str | None,
    *,
    streaming: bool,
    token: str | bool | None,
    revision: str | None,
    cache_dir: str | os.PathLike[str] | None,
    **options: Any,  # noqa: ANN401 - as datasets has them
) -> Any:  # noqa: ANN401 - one of four classes of datasets, by split and streaming
    """Load the sample of a built root; all its rows are in ``train``, their own split is a column.

    Raises
    ------
    ReleaseError
        When the root was not built.
    """
    store, manifest = open_built(path, token=token, revision=revision)
    if manifest is None:
        message = f"only built data has a sample, and {store.root} is a release; load one of its tasks"
        raise ReleaseError(message)
    root = store.url if isinstance(store, RemoteStore) else store.root
    return datasets.load_dataset(
        "parquet",
        data_files={"train": f"{glob.escape(root)}/{SAMPLE_FILE}"},
        split=split,
        streaming=streaming,
        features=row_features(),
        token=token,
        cache_dir=None if cache_dir is None else os.fspath(cache_dir),
        **options,
    )
