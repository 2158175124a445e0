"""The config ``sample`` of built roots: a few rows of every task, with their sound in one small file."""

import glob
import os
from typing import Any, Final

import datasets

from audio_flan.fetch import open_built
from audio_flan.fetch.stores import RemoteStore
from audio_flan.loading.features import row_features
from audio_flan.loading.info import LazyAudioInfo
from audio_flan.release import ReleaseError
from audio_flan.shards.layout import SAMPLE_FILE
from audio_flan.shards.store import Store

SAMPLE_CONFIG: Final = "sample"


def load_sample(
    path: str | os.PathLike[str],
    split: str | None,
    *,
    streaming: bool,
    token: str | bool | None,
    revision: str | None,
    cache_dir: str | None,
    num_proc: int | None,
    download_mode: str | None,
    keep_in_memory: bool,
) -> Any:  # noqa: ANN401 - one of four classes of datasets, by split and streaming
    """Load the sample of a built root; all its rows are in ``train``, their own split is a column.

    Raises
    ------
    ReleaseError
        When the root was not built, or is a folder with ``::`` in its name.
    """
    store, manifest = open_built(path, token=token, revision=revision)
    if manifest is None:
        message = f"only built data has a sample, and {store.root} is a release; load one of its tasks"
        raise ReleaseError(message)
    builder = datasets.load_dataset_builder(
        "parquet",
        data_files={"train": _place_of(store)},
        features=row_features(),
        token=token,
        cache_dir=cache_dir,
        download_mode=download_mode,
    )
    if not streaming:
        builder.download_and_prepare(download_mode=download_mode, num_proc=num_proc)
    # An info that was read back from the cache calls its audio plain Audio, as all that is stored does.
    builder.info = LazyAudioInfo(**vars(builder.info) | {"features": row_features()})
    if streaming:
        return builder.as_streaming_dataset(split=split)
    return builder.as_dataset(split=split, in_memory=keep_in_memory)


def _place_of(store: Store) -> str:
    """Return where the sample lies, for `datasets`, which takes it for a pattern of file names."""
    if isinstance(store, RemoteStore):
        return store.url_of(SAMPLE_FILE)
    folder = os.path.realpath(store.root)  # datasets finds nothing by a pattern that leads over a link
    if "::" in folder:
        raise ReleaseError(
            f"datasets takes the name of {folder} for a chain of URLs and finds no sample there: "
            "rename the folder, or load one of its tasks"
        )
    return f"{glob.escape(folder)}/{SAMPLE_FILE}"
