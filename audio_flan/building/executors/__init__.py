"""Who runs the steps of a build: processes of this machine, a Ray cluster, a Slurm cluster."""

from audio_flan.building.executors.base import Executor, Progress, StepKind
from audio_flan.building.executors.choose import choose_executor
from audio_flan.building.executors.local import LocalExecutor
from audio_flan.building.executors.ray import RayExecutor
from audio_flan.building.executors.slurm import Slurm

__all__ = [
    "Executor",
    "LocalExecutor",
    "Progress",
    "RayExecutor",
    "Slurm",
    "StepKind",
    "choose_executor",
]
