"""Before the first step: the table of paths is made, so that processes need not all make it."""

import shutil
from functools import cached_property
from typing import Final

from audio_flan.building.errors import BuildError
from audio_flan.building.step import Step, Unit
from audio_flan.building.workspace import write_facts
from audio_flan.records import Reason

UNIT: Final = "all"


class PreparePaths(Step):
    """It has one unit."""

    name = "paths"
    title = "reading scp files"
    one_unit = True

    @cached_property
    def units(self) -> list[Unit]:
        """The one unit."""
        return [Unit(UNIT, 1)]

    def do(self, unit: str) -> None:
        """Make the table.

        Raises
        ------
        BuildError
            When an scp file cannot be read.
        """
        for entry in self.build.paths.faults:
            if entry.reason == Reason.UNREADABLE_FILE:
                shutil.rmtree(self.build.table_folder)  # it would be taken for good next time
                raise BuildError(f"{entry.file} cannot be read: {entry.message}; run the same command again")
        with self.build.work.make(self.name, unit) as folder:
            write_facts(folder, {"paths": len(self.build.paths)})
