"""Building our forms of the data from a release: steps, run by processes, that survive being killed."""

from audio_flan.building.errors import BuildError
from audio_flan.building.executors import LocalExecutor, RayExecutor, Slurm, choose_executor
from audio_flan.building.pipeline import build, plan_build
from audio_flan.building.submit import Submission, submit_build
from audio_flan.building.summary import BuildPlan, BuildSummary, Changes

__all__ = [
    "BuildError",
    "BuildPlan",
    "BuildSummary",
    "Changes",
    "LocalExecutor",
    "RayExecutor",
    "Slurm",
    "Submission",
    "build",
    "choose_executor",
    "plan_build",
    "submit_build",
]
