"""Subsets out: in our forms, as WebDataset tars, as text, as conversations."""

from audio_flan.exporting.errors import EmptySelectionError, ExportError
from audio_flan.exporting.pipeline import export, plan_export
from audio_flan.exporting.request import STYLES, TARGETS
from audio_flan.exporting.summary import ExportPlan, ExportSummary

__all__ = [
    "STYLES",
    "TARGETS",
    "EmptySelectionError",
    "ExportError",
    "ExportPlan",
    "ExportSummary",
    "export",
    "plan_export",
]
