"""Building our forms of the data from a release: steps, run by processes, that survive being killed."""

from audio_flan.building.errors import BuildError
from audio_flan.building.pipeline import build, plan_build
from audio_flan.building.summary import BuildPlan, BuildSummary

__all__ = ["BuildError", "BuildPlan", "BuildSummary", "build", "plan_build"]
