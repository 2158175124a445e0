"""Which form of the data lies at a root."""

import os
from pathlib import Path

from audio_flan.fetch import ShardCache, open_built
from audio_flan.release import ReleaseError, open_release
from audio_flan.streaming.release_rows import ReleaseRows
from audio_flan.streaming.source import RowSource
from audio_flan.waveform.urls import is_web


def open_root(
    root: str | os.PathLike[str],
    *,
    token: str | bool | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    shard_cache: ShardCache | None = None,
) -> RowSource:
    """Open the data at `root`, in whichever form it is: what has a manifest was built, the rest is a release.

    Raises
    ------
    ReleaseError
        When there is no data there, or a build has not ended; for a release on the network with a cache of
        shards: it has no shards.
    ManifestError
        When there is a manifest and it cannot be understood.
    PermissionError
        When a server of the web does not let us in.
    """
    source: RowSource | None = None
    refusal: PermissionError | None = None
    try:
        source = _open_built(root, token, revision, shard_cache)
    except PermissionError as error:
        refusal = error
    if source is not None:
        return source
    try:
        release = open_release(root, token=token, revision=revision, cache_dir=cache_dir)
    except (ReleaseError, OSError):
        if refusal is not None and is_web(os.fspath(root)):
            raise refusal from None  # of a repo on the Hub, opening it as a release says what is the matter
        from audio_flan.building.workspace import refuse_unfinished

        refuse_unfinished(Path(root))
        raise
    if shard_cache is not None and "://" in release.root:
        raise ReleaseError(f"{release.root} is a release, whose files are not cached; `audio-flan build` it")
    return ReleaseRows(release)


def _open_built(
    root: str | os.PathLike[str],
    token: str | bool | None,
    revision: str | None,
    shard_cache: ShardCache | None,
) -> RowSource | None:
    """Open a root that has a manifest; on the Hub as of one commit, whatever is pushed meanwhile."""
    try:
        store, manifest = open_built(root, token=token, revision=revision, cache=shard_cache)
    except FileNotFoundError:
        return None
    if manifest is None:
        return None
    from audio_flan.streaming.shard_rows import ShardRows  # and pyarrow with it

    return ShardRows(store, manifest)
