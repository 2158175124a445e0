"""What this installation can do, by trying it, and what to do about what it cannot."""

from audio_flan.installation.examine import examine
from audio_flan.installation.findings import Finding, Installation, State

__all__ = ["Finding", "Installation", "State", "examine"]
