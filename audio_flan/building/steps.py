"""The steps of a build, in their order."""

from typing import Final

from audio_flan.building.arrange_rows import ArrangeRows
from audio_flan.building.choose_clips import ChooseClips
from audio_flan.building.finish import Finish
from audio_flan.building.index_clips import IndexClips
from audio_flan.building.measure_clips import MeasureClips
from audio_flan.building.prepare_paths import PreparePaths
from audio_flan.building.read_rows import ReadRows
from audio_flan.building.reopen import Reopen
from audio_flan.building.step import Step
from audio_flan.building.store_clips import StoreClips
from audio_flan.building.write_rows import WriteRows
from audio_flan.building.write_sample import WriteSample

PLAN_STEPS: Final[tuple[type[Step], ...]] = (PreparePaths, ReadRows, ChooseClips, MeasureClips)
"""What it takes to know what would be made."""
STEPS: Final[tuple[type[Step], ...]] = (
    *PLAN_STEPS, Reopen, StoreClips, IndexClips, ArrangeRows, WriteRows, WriteSample, Finish,
)  # fmt: skip
