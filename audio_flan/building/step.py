"""What a build is made of: steps of units, run by rank, that know nothing of who runs them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, NamedTuple

from audio_flan.building.remote_clips import RemoteClips
from audio_flan.building.workspace import Workspace
from audio_flan.release import MetadataFile, Release
from audio_flan.release.clip_table import ClipTable, open_clip_table
from audio_flan.release.clips import ClipMap
from audio_flan.release.tree import RemoteTree
from audio_flan.shards import MANIFEST_NAME, Recipe
from audio_flan.taxonomy import Config, resolve_config


class Unit(NamedTuple):
    """A piece of a step that one process does, and its size for the display of progress."""

    name: str
    weight: int


@dataclass
class Build:
    """What every step works on: the release, the recipe and the workspace. Pickles."""

    release: Release
    recipe: Recipe
    work: Workspace

    @property
    def out(self) -> Path:
        """Root of the result."""
        return self.work.out

    @property
    def config(self) -> Config:
        """The config that is built."""
        return resolve_config(self.recipe.config)

    @cached_property
    def files(self) -> list[MetadataFile]:
        """Metadata files that may hold rows of the build, sorted by path."""
        return self.release.files(self.config, self.recipe.splits)

    @cached_property
    def paths(self) -> ClipTable:
        """Paths of clips by id."""
        return open_clip_table(self.release.tree, self.release.layout.scp, self.table_folder)

    @cached_property
    def clips(self) -> ClipMap:
        """Sources of clips by id."""
        return ClipMap(self.release.tree, self.release.layout.scp, self.table_folder)

    @cached_property
    def remote_clips(self) -> RemoteClips | None:
        """What fetches clips of a release behind a URL; None for one on a disk."""
        tree = self.release.tree
        return RemoteClips(tree, self.clips) if isinstance(tree, RemoteTree) else None

    @property
    def table_folder(self) -> Path:
        """Folder of the table of paths."""
        folder = self.work.root / "table"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def __getstate__(self) -> dict[str, object]:
        return {"release": self.release, "recipe": self.recipe, "work": self.work}


class UnitStep(ABC):
    """A step of units that stand in a workspace.

    They may be done in any order, by any processes, on any machine that sees the workspace. A unit whose
    folder is there is done and is not done again.
    """

    name: ClassVar[str]
    """Of its folder in the workspace."""
    title: ClassVar[str]
    """For people."""

    @property
    @abstractmethod
    def work(self) -> Workspace:
        """Where its units are."""

    @property
    @abstractmethod
    def units(self) -> list[Unit]:
        """Its units; asked for when the steps before it are done."""

    @abstractmethod
    def do(self, unit: str) -> None:
        """Do one unit, and leave its folder."""

    def is_done(self, unit: str) -> bool:
        """Say whether a unit is done."""
        return self.work.is_done(self.name, unit)

    def todo(self) -> list[Unit]:
        """List the units that are not done; on a shared disk, not seen to be done yet."""
        return [unit for unit in self.units if not self.is_done(unit.name)]

    def run(self, rank: int, world_size: int) -> None:
        """Do every `world_size`-th unit from `rank` on that is not done yet."""
        for unit in self.units[rank::world_size]:
            if not self.is_done(unit.name):
                self.do(unit.name)


class Step(UnitStep):
    """One step of a build."""

    one_unit: ClassVar[bool] = False
    """Whether it has one unit whatever the data are."""
    makes: ClassVar[bool] = False
    """Whether it makes what a finished root has: with a manifest there is nothing for it to do."""

    def __init__(self, build: Build) -> None:
        self.build = build

    @property
    def work(self) -> Workspace:
        """The workspace of the build."""
        return self.build.work

    @cached_property
    @abstractmethod
    def units(self) -> list[Unit]:
        """Its units; asked for when the steps before it are done."""

    def is_done(self, unit: str) -> bool:
        """Say whether a unit is done."""
        if self.makes and (self.build.out / MANIFEST_NAME).exists():
            return True
        return super().is_done(unit)
