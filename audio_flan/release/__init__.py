"""Reading the data as its authors publish it, from a disk or over the network; bad rows are quarantined."""

from audio_flan.release.catalogue import FileFacts, Survey
from audio_flan.release.errors import ReleaseError
from audio_flan.release.layout import MetadataFile
from audio_flan.release.quarantine import Entry, Quarantine
from audio_flan.release.reader import read_instances
from audio_flan.release.release import Release, open_release
from audio_flan.release.report import Report
from audio_flan.release.summary import Summary
from audio_flan.release.tree import LocalTree

__all__ = [
    "Entry",
    "FileFacts",
    "LocalTree",
    "MetadataFile",
    "Quarantine",
    "Release",
    "ReleaseError",
    "Report",
    "Summary",
    "Survey",
    "open_release",
    "read_instances",
]
