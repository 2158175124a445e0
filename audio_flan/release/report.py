"""What a check of any form of the data reports."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from audio_flan.release.quarantine import Quarantine

Progress = Callable[[str, int, int], None]
"""Called with what is being checked, how much is done and how much there is."""
REPORT_LIMIT = 100_000
"""Entries, and warnings, that a report lists; beyond it they are only counted."""


@dataclass
class Report:
    """What a check found.

    Attributes
    ----------
    form : str
        ``release``, ``indexed`` or ``embedded``.
    rows, clips : int
        Rows and clips that are good.
    entries, warnings : Quarantine
        What is not taken, and what is taken although something about it is odd.
    """

    form: str
    rows: int = 0
    clips: int = 0
    entries: Quarantine = field(default_factory=lambda: Quarantine(REPORT_LIMIT))
    warnings: Quarantine = field(default_factory=lambda: Quarantine(REPORT_LIMIT))

    def as_json(self) -> dict[str, Any]:
        """Return it in the shape of the design, section 11."""
        return {
            "form": self.form,
            "rows": self.rows,
            "clips": self.clips,
            "quarantined": len(self.entries),
            "by_reason": dict(sorted(self.entries.by_reason.items())),
            "entries": [entry.as_json() for entry in self.entries],
            "warnings": [entry.as_json() for entry in self.warnings],
        }
