"""What an executor is, and how steps run without one."""

from collections.abc import Callable, Sequence
from typing import Protocol

from audio_flan.building.step import Build, Step, UnitStep

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done and how much there is."""
StepKind = type[Step]


class Executor(Protocol):
    """Runs the steps of a build and waits for them."""

    @property
    def processes(self) -> int:
        """How many units may be done at the same time."""
        ...

    def run_steps(
        self,
        build: Build,
        kinds: Sequence[StepKind],
        progress: Progress | None = None,
        on_done: Callable[[StepKind], None] = lambda _: None,
    ) -> None:
        """Run the steps one after the other; tell `on_done` of each."""
        ...


def run_here(step: UnitStep, progress: Progress | None = None) -> None:
    """Run a step in this process."""
    total, done = sum(unit.weight for unit in step.units), 0
    for rank, unit in enumerate(step.units):
        step.run(rank, len(step.units))
        done += unit.weight
        if progress:
            progress(step.title, done, total)
