"""What lies where in a released tree (paper, section 2; README of the release).

``metadata/<domain>/<understanding|generation>/<train_dev|test>/<corpus>/jsonl/*.jsonl[.gz]``,
``scp_files/<domain>/<corpus>.scp``, ``audio_files/<domain>/<corpus>/...``.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from audio_flan.release.errors import ReleaseError
from audio_flan.release.tree import Entity, Tree
from audio_flan.taxonomy import Config

METADATA_SUFFIXES = (".jsonl", ".jsonl.gz")
SPLITS_OF_PART = {"train_dev": frozenset(("train", "validation")), "test": frozenset(("test",))}
MISPLACED: Final = (
    "it is not read: not where such a file of a release stands, not named in UTF-8, or a compressed file "
    "beside the same one as it is"
)
"""What is said of a file that is misplaced."""
_DIRECTIONS = ("understanding", "generation")


@dataclass(frozen=True, slots=True)
class MetadataFile:
    """One metadata file and what its folders say."""

    path: str
    size: int
    mark: str
    domain: str
    direction: str
    part: str
    corpus: str

    @property
    def compressed(self) -> bool:
        """Whether it is gzip."""
        return self.path.endswith(".gz")

    def may_hold(self, config: Config, splits: Iterable[str]) -> bool:
        """Say whether its folders allow for rows of `config` in one of `splits`."""
        return not SPLITS_OF_PART[self.part].isdisjoint(splits) and any(
            task.domain == self.domain and self.direction in task.folders for task in config.tasks
        )


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of a released tree, each list sorted by path."""

    metadata: tuple[MetadataFile, ...]
    scp: tuple[Entity, ...]
    misplaced: tuple[Entity, ...]
    """Files below ``metadata`` or ``scp_files`` that are not read; `MISPLACED` says which."""


def discover(tree: Tree) -> Layout:
    """List the metadata and scp files of `tree`.

    Raises
    ------
    ReleaseError
        When there is no metadata file at all.
    """
    metadata: list[MetadataFile] = []
    misplaced: list[Entity] = []
    entities = tree.find("metadata")
    paths = {entity.path for entity in entities}
    for entity in entities:
        found = _metadata_file(entity) if _is_named_in_utf8(entity) else None
        if found and not (found.compressed and found.path.removesuffix(".gz") in paths):
            metadata.append(found)
        elif entity.path.endswith(METADATA_SUFFIXES):
            misplaced.append(entity)
    if not metadata:
        expected = "metadata/<domain>/<understanding|generation>/<train_dev|test>/<corpus>/jsonl/*.jsonl"
        found_instead = (
            f"; {len(misplaced)} .jsonl files stand elsewhere below metadata/" if misplaced else ""
        )
        raise ReleaseError(f"{tree.root} is no Audio-FLAN release: no file {expected}{found_instead}")
    scp: list[Entity] = []
    for entity in tree.find("scp_files"):
        if entity.path.endswith(".scp"):
            well_placed = entity.path.count("/") == 2 and _is_named_in_utf8(entity)
            (scp if well_placed else misplaced).append(entity)
    return Layout(tuple(metadata), tuple(scp), tuple(map(_printable, misplaced)))


def _is_named_in_utf8(entity: Entity) -> bool:
    """Say whether its name is text; of other names Python keeps the bytes as lone surrogates."""
    return entity.path.isascii() or not any("\ud800" <= c <= "\udfff" for c in entity.path)


def _printable(entity: Entity) -> Entity:
    return replace(entity, path=os.fsencode(entity.path).decode(errors="backslashreplace"))


def _metadata_file(entity: Entity) -> MetadataFile | None:
    parts = entity.path.split("/")
    if len(parts) != 7 or not entity.path.endswith(METADATA_SUFFIXES):
        return None
    _, domain, direction, part, corpus, folder, _ = parts
    domain = {"sound": "audio"}.get(domain, domain)
    if (
        domain in ("speech", "music", "audio")
        and direction in _DIRECTIONS
        and part in SPLITS_OF_PART
        and folder == "jsonl"
    ):
        return MetadataFile(entity.path, entity.size, entity.mark, domain, direction, part, corpus)
    return None
