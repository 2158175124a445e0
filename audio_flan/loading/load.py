"""`load_dataset`: the signature of ``datasets.load_dataset``, over every form of the data."""

import os
from typing import Any

import datasets

from audio_flan.loading.builder import AudioFlan
from audio_flan.streaming import OnError


def load_dataset(
    path: str | os.PathLike[str],
    name: str | None = None,
    split: str | None = None,
    streaming: bool = False,
    *,
    on_error: OnError = "raise",
    token: str | bool | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    features: datasets.Features | None = None,
    num_proc: int | None = None,
    download_mode: str | None = None,
    keep_in_memory: bool = False,
) -> Any:  # noqa: ANN401 - one of four classes of datasets, by split and streaming
    """Load Audio-FLAN, with sound.

    Parameters
    ----------
    path : str or path
        A release tree: a folder, ``ORG/NAME`` on the Hub, or an ``hf://`` URL.
    name : str, optional
        Config: a minor task (``speech_asr``), a major task, a domain or a group; ``all`` by default. An
        unknown name is an error that says the nearest ones.
    split : str, optional
        ``train``, ``validation`` or ``test``, also ``train+test``; all that have rows by default. Slices
        such as ``train[:5%]`` work when not streaming.
    streaming : bool
        Whether to read rows as they are asked for, instead of building an Arrow cache first. Rows and their
        order are the same.
    on_error : {"raise", "skip", "null"}
        What a clip that cannot be read does, as in `audio_flan.stream`.
    token, revision, cache_dir, features, num_proc, download_mode, keep_in_memory
        As in ``datasets.load_dataset``.

    Returns
    -------
    Dataset, IterableDataset, DatasetDict or IterableDatasetDict
        Of ``datasets``. Audio columns are lists of `LazyAudio`.

    Raises
    ------
    UnknownNameError
        For a config that does not exist.
    ReleaseError
        When there is no release at `path`, or it has no rows of the config.
    ValueError
        For a split that the config does not have.
    """
    builder = AudioFlan(
        config_name=name,
        root=path,
        on_error=on_error,
        revision=revision,
        token=token,
        features=features,
        cache_dir=None if cache_dir is None else os.fspath(cache_dir),
        facts_dir=None if cache_dir is None else os.path.join(cache_dir, "audio_flan"),
    )
    if streaming:
        return builder.as_streaming_dataset(split=split)
    builder.download_and_prepare(download_mode=download_mode, num_proc=num_proc)
    return builder.as_dataset(split=split, in_memory=keep_in_memory)
