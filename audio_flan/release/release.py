"""One released tree: its files, its clips and what is known of it."""

import os
from collections.abc import Collection
from functools import cached_property
from typing import Any

from xxhash import xxh3_128_hexdigest

from audio_flan.records import SPLITS
from audio_flan.release.cache import cache_folder
from audio_flan.release.catalogue import Catalogue, Survey
from audio_flan.release.clips import ClipMap
from audio_flan.release.errors import ReleaseError
from audio_flan.release.layout import SPLITS_OF_PART, Layout, MetadataFile, discover
from audio_flan.release.reader import read_instances
from audio_flan.release.tree import Entity, RemoteTree, Tree, open_tree
from audio_flan.taxonomy import Config
from audio_flan.waveform.urls import is_web


class Release:
    """A release tree, opened for reading.

    Attributes
    ----------
    tree : Tree
    layout : Layout
        Its metadata and scp files.
    catalogue : Catalogue
    cache : Path
        Folder for what is known of it.
    """

    def __init__(self, tree: Tree, cache_dir: str | os.PathLike[str] | None = None) -> None:
        self.tree = tree
        self.layout: Layout = discover(tree)
        self.cache_dir = cache_dir
        self.cache = cache_folder(tree.root, cache_dir)
        self.catalogue = Catalogue(self.cache)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "tree": self.tree,
            "layout": self.layout,
            "cache_dir": self.cache_dir,
            "cache": self.cache,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.catalogue = Catalogue(self.cache)

    @property
    def root(self) -> str:
        """Folder or URL."""
        return self.tree.root

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the names, sizes and marks of its metadata and scp files: another one for other data."""
        files: list[MetadataFile | Entity] = [*self.layout.metadata, *self.layout.scp]
        return xxh3_128_hexdigest(repr([(file.path, file.size, file.mark) for file in files]).encode())

    @cached_property
    def clips(self) -> ClipMap:
        """Clips by audio id."""
        return ClipMap(self.tree, self.layout.scp, self.cache)

    def files(self, config: Config, splits: Collection[str]) -> list[MetadataFile]:
        """List the metadata files that may hold rows of `config` in `splits`, sorted by path.

        Files whose folders rule it out are left out. The list does not depend on what has been read before:
        positions in a stream, and shards given to workers, count on it.
        """
        return [file for file in self.layout.metadata if file.may_hold(config, splits)]

    def nothing_in(self, file: MetadataFile, config: Config, splits: Collection[str]) -> bool:
        """Say whether `file` is known to hold no row of `config` in `splits`, and no fault either."""
        facts = self.catalogue.get(file)
        return facts is not None and facts.nothing_for(config.task_names, splits)

    def splits_with_rows(self, config: Config) -> list[str]:
        """List the splits in which `config` has rows, in the order train, validation, test.

        Files are read only as far as it takes to see one row of each split; what is learnt is kept.
        """
        missing, tasks = set(SPLITS), config.task_names
        for file in self.files(config, SPLITS):
            if not missing:
                break
            facts = self.catalogue.get(file)
            if facts is not None:
                missing -= {count.split for count in facts.counts if count.task in tasks}
            elif not missing.isdisjoint(SPLITS_OF_PART[file.part]):
                missing -= self._splits_of(file, tasks, missing & SPLITS_OF_PART[file.part])
        self.catalogue.save()
        return [split for split in SPLITS if split not in missing]

    def _splits_of(self, file: MetadataFile, tasks: Collection[str], wanted: set[str]) -> set[str]:
        """Return which `wanted` splits have rows of `tasks` in `file`; it stops once it has seen all."""
        survey, seen = Survey(file), set[str]()
        for placed in read_instances(self.tree, file, survey.add_fault):
            survey.add(placed.instance)
            if placed.instance.task in tasks:
                seen.add(placed.instance.split)
                if wanted <= seen:
                    return seen
        self.catalogue.put(file, survey.facts())
        return seen


def open_release(
    root: str | os.PathLike[str],
    *,
    token: str | bool | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Release:
    """Open the release at `root`: a folder, ``ORG/NAME`` on the Hub, or an ``hf://`` or other fsspec URL.

    Raises
    ------
    ReleaseError
        When there is no release there.
    """
    tree = open_tree(root, token=token, revision=revision)
    if isinstance(tree, RemoteTree) and is_web(tree.url) and "?" in tree.url:
        raise ReleaseError(
            f"{tree.root} holds no built data, and a release cannot be listed behind a URL with a query"
        )
    try:
        return Release(tree, cache_dir)
    except (ReleaseError, OSError) as error:
        text = os.fspath(root)
        if tree.root.startswith("hf://") and "://" not in text:
            raise ReleaseError(f"there is no folder {text!r} here; on the Hub: {error}") from None
        raise
