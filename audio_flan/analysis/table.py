"""The instances of a root as a table, in whichever form the data are."""

import os
from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from audio_flan.records import SPLITS
from audio_flan.release.report import Progress
from audio_flan.streaming.engine import resolve_splits
from audio_flan.streaming.release_rows import ReleaseRows
from audio_flan.streaming.roots import open_root
from audio_flan.streaming.source import RowSource

if TYPE_CHECKING:
    import polars as pl

    from audio_flan.shards import Manifest
    from audio_flan.streaming.shard_rows import ShardRows


class Part(NamedTuple):
    """One file of rows: a metadata file of a release, a row file of a built root; relative to the root.

    Rows that share task and corpus are in files of the same ``group``.
    """

    path: str
    rows: int
    group: str


class Table(Protocol):
    """The instances of a root, and its clips."""

    @property
    def source(self) -> RowSource:
        """What the table is of; it gives the same rows with their audio."""
        ...

    @property
    def revision(self) -> str:
        """A hash that changes with the rows, and not with the place they lie at.

        A release on the network has that of the marks which its server gives to files: another one than a
        copy on a disk.
        """
        ...

    @property
    def corpora(self) -> list[str]:
        """The corpora that may have rows, sorted."""
        ...

    @property
    def manifest(self) -> "Manifest | None":
        """What a build says of itself; None for a release."""
        ...

    def frame(
        self,
        config: str = "all",
        splits: str | Collection[str] = SPLITS,
        columns: str | Collection[str] | None = None,
        progress: Progress | None = None,
    ) -> "pl.LazyFrame":
        """Return the rows of a config and splits, with the columns of `ROW_SCHEMA` or those asked for."""
        ...

    def parts(
        self, config: str = "all", splits: str | Collection[str] = SPLITS, progress: Progress | None = None
    ) -> list[Part]:
        """List the files that hold these rows; a file of a release may hold others, too."""
        ...

    def part_frame(self, part: Part, columns: Collection[str]) -> "pl.DataFrame":
        """Return all rows of a file, in its order."""
        ...

    def quarantined(self, progress: Progress | None = None) -> dict[str, int]:
        """Count what was not taken, by reason: records, scp lines, files; of a build clips as well."""
        ...

    def clips(
        self, config: str = "all", splits: str | Collection[str] = SPLITS, progress: Progress | None = None
    ) -> "pl.LazyFrame":
        """Return clips that can be opened, each once; see `CLIP_SCHEMA`.

        All are there that rows of the config and splits refer to; there may be others that other rows do.
        """
        ...


def open_table(
    root: str | os.PathLike[str],
    *,
    token: str | bool | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Table:
    """Open the data at `root` as a table.

    Parameters
    ----------
    root : path or str
        A folder, the id of a dataset on the Hub, or a URL; in any form.
    token : str or bool, optional
        Of the Hub, as in `huggingface_hub`; by default the user's own.
    revision : str, optional
        Branch, tag or commit on the Hub.
    cache_dir : path, optional
        Where the table of a release is kept between runs; below ``HF_HOME`` by default. It may be deleted.

    Raises
    ------
    ReleaseError
        When there is no data there.
    ManifestError
        When there is a manifest and it cannot be understood.
    """
    source = open_root(root, token=token, revision=revision, cache_dir=cache_dir)
    if isinstance(source, ReleaseRows):
        from audio_flan.analysis.tables.release_table import ReleaseTable

        return ReleaseTable(source)
    from audio_flan.analysis.tables.built_table import BuiltTable

    return BuiltTable(cast("ShardRows", source))


def splits_of(split: str | Collection[str] | None) -> tuple[str, ...]:
    """Return the splits that are named, in the order train, validation, test; all for None.

    Each name may stand for several, as in `audio_flan.stream`: ``train+test``, ``all``.

    Raises
    ------
    UnknownNameError
        For a split that does not exist.
    """
    if split is None:
        return SPLITS
    found = {each for name in as_names(split) for each in resolve_splits(name)}
    return tuple(each for each in SPLITS if each in found)


def as_names(names: str | Collection[str]) -> Collection[str]:
    """Return names as a collection: a bare string is one name, not its letters."""
    return (names,) if isinstance(names, str) else names
