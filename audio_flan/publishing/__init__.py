"""A built root made known to others: the base of its audio cells, and its way onto the Hub."""

from audio_flan.publishing.errors import PublishError
from audio_flan.publishing.mirror import MirrorSummary, build_folder, mirror
from audio_flan.publishing.publish import PublishSummary, plan_publish, publish
from audio_flan.publishing.rebase import RebaseSummary, rebase

__all__ = [
    "MirrorSummary",
    "PublishError",
    "PublishSummary",
    "RebaseSummary",
    "build_folder",
    "mirror",
    "plan_publish",
    "publish",
    "rebase",
]
