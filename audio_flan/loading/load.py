"""`load_dataset`: the signature of ``datasets.load_dataset``, over every form of the data."""

import os
from pathlib import Path
from typing import Any

import datasets
import datasets.exceptions

from audio_flan.fetch import SHARD_CACHE_BYTES, ShardCache
from audio_flan.loading.builder import AudioFlan
from audio_flan.loading.built import lost_a_clip, read_quarantine, report
from audio_flan.loading.sample import SAMPLE_CONFIG, load_sample
from audio_flan.mixing import Plan, open_plan
from audio_flan.records import resolve_split
from audio_flan.streaming import ConsecutiveFailuresError, OnError
from audio_flan.streaming.ledger import Ledger
from audio_flan.streaming.rows import MAX_CONSECUTIVE_FAILURES


def load_dataset(
    path: str | os.PathLike[str],
    name: str | None = None,
    split: str | None = None,
    streaming: bool = False,
    *,
    on_error: OnError = "raise",
    max_consecutive_failures: int | None = MAX_CONSECUTIVE_FAILURES,
    plan: Plan | str | os.PathLike[str] | None = None,
    ledger: str | os.PathLike[str] | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    features: datasets.Features | None = None,
    num_proc: int | None = None,
    download_mode: str | None = None,
    keep_in_memory: bool = False,
    shard_cache: str | os.PathLike[str] | None = None,
    shard_cache_bytes: int = SHARD_CACHE_BYTES,
) -> Any:  # noqa: ANN401 - one of four classes of datasets, by split and streaming
    """Load Audio-FLAN, with sound.

    Parameters
    ----------
    path : str or path
        The data in any form (release, indexed or embedded): a folder, ``ORG/NAME`` on the Hub, or an
        ``hf://``, ``https://`` or other URL.
    name : str, optional
        Config: a minor task (``speech_asr``), a major task, a domain or a group; ``all`` by default. An
        unknown name is an error that says the nearest ones. Built data also has ``sample``, a few rows of
        every task.
    split : str, optional
        ``train``, ``validation`` or ``test``; ``train+test`` for several, ``all`` for all. By default a dict:
        of the splits that have rows, or when streaming of those that the folders allow for. Slices such as
        ``train[:5%]`` work when not streaming.
    streaming : bool
        Whether to read rows as they are asked for, instead of building an Arrow cache first. Rows and their
        order are the same, but for several splits of a release, which are streamed file by file.
    on_error : {"raise", "skip", "null"}
        What a clip that cannot be read does, as in `audio_flan.stream`.
    max_consecutive_failures : int, optional
        Rows in a row with such a clip at which ``skip`` and ``null`` give up, as in `audio_flan.stream`.
    plan : Plan or path, optional
        Draw what a plan of `rebalance` says, as in `audio_flan.stream`; of its split, when streaming only.
    ledger : path, optional
        Folder where it is noted which rows were given out, as in `audio_flan.stream`; when streaming only.
    token, revision, cache_dir, features, num_proc, download_mode, keep_in_memory
        As in ``datasets.load_dataset``.
    shard_cache, shard_cache_bytes
        As in `audio_flan.stream`; when streaming only.

    Returns
    -------
    Dataset, IterableDataset, DatasetDict or IterableDatasetDict
        Of ``datasets``. Audio columns are lists of `LazyAudio`.

    Raises
    ------
    UnknownNameError
        For a config that does not exist.
    AudioError
        For a clip that cannot be read, with ``on_error="raise"``. Of a release at once when a table is built,
        when the row is made or the clip is decoded otherwise; of built data when it is decoded.
    ConsecutiveFailuresError
        After `max_consecutive_failures`.
    ReleaseError
        When there is no data at `path`, or it has no rows of the config.
    ValueError
        For a split that the config does not have, and for options that have no meaning together.
    """
    cache_dir = None if cache_dir is None else os.path.expanduser(cache_dir)  # noqa: PTH111 - as datasets does
    kept = ShardCache.at(shard_cache, shard_cache_bytes)
    if kept is not None and (not streaming or name == SAMPLE_CONFIG):
        raise ValueError("shard_cache is for streaming one of the tasks: tables and the sample do without")
    if streaming and num_proc is not None:
        raise ValueError("num_proc is for building a table; when streaming, use DataLoader workers")
    if name == SAMPLE_CONFIG:
        if on_error != "raise" or any(each is not None for each in (features, plan, ledger)):
            raise ValueError("the sample takes no on_error, features, plan or ledger: it is a few rows")
        return load_sample(
            path,
            split,
            streaming=streaming,
            token=token,
            revision=revision,
            cache_dir=cache_dir,
            num_proc=num_proc,
            download_mode=download_mode,
            keep_in_memory=keep_in_memory,
        )
    if not streaming and (plan is not None or ledger is not None):
        raise ValueError(
            "a plan and a ledger are for a stream: pass streaming=True; "
            "`audio_flan.export` writes a table of a plan"
        )
    opened = open_plan(plan)
    if opened is not None:
        split = split or opened.split
    builder = AudioFlan(
        config_name=name,
        root=path,
        on_error=on_error,
        max_consecutive_failures=max_consecutive_failures,
        revision=revision,
        token=token,
        features=features,
        cache_dir=cache_dir,
        facts_dir=None if cache_dir is None else os.path.join(cache_dir, "audio_flan"),
        plan=opened,
        ledger=Ledger.at(ledger),
        shard_cache=kept,
    )
    if isinstance(split, str):
        split = "+".join(map(_as_datasets_names_it, split.split("+")))
    if streaming:
        return builder.as_streaming_dataset(split=split)
    folder = Path(builder.cache_dir)
    checks = None
    if lost_a_clip(read_quarantine(folder)):
        # The clip may be there by now, and with it more rows than last time.
        download_mode, checks = "force_redownload", "no_checks"
    try:
        builder.download_and_prepare(download_mode=download_mode, verification_mode=checks, num_proc=num_proc)
    except datasets.exceptions.DatasetGenerationError as error:
        if isinstance(error.__cause__, ConsecutiveFailuresError | ValueError):
            raise error.__cause__ from None
        raise
    report(folder, read_quarantine(folder))
    return builder.as_dataset(split=split, in_memory=keep_in_memory)


def _as_datasets_names_it(split: str) -> str:
    """Return a split, or a slice of one such as ``dev[:5%]``, by the name that it has here."""
    name, bracket, rest = split.partition("[")
    return f"{resolve_split(name) or name}{bracket}{rest}"
