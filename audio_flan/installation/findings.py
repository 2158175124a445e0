"""What was found of an installation."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

REINSTALL: Final = "pip install --force-reinstall audio-flan"


class State(StrEnum):
    """Whether a thing can be used."""

    OK = "ok"
    MISSING = "missing"
    """It cannot be used, and only what asks for it needs it."""
    BROKEN = "broken"
    """It cannot be used, and everything needs it."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    area: str
    """``core``, ``extras``, ``decoders`` or ``hub``."""
    name: str
    state: State
    found: str
    """Version, place, or what is wrong."""
    remedy: str = ""
    """What to do about it, in one line; empty where nothing has to be done."""


@dataclass(frozen=True)
class Installation:
    """All that was found."""

    version: str
    """Of this package."""
    findings: tuple[Finding, ...]

    @property
    def works(self) -> bool:
        """Whether all that everything needs is there."""
        return all(finding.state is not State.BROKEN for finding in self.findings)

    @property
    def open(self) -> tuple[Finding, ...]:
        """What is not there, or not as it should be, with a remedy each."""
        return tuple(finding for finding in self.findings if finding.remedy)

    def as_json(self) -> dict[str, Any]:
        """Return what `json.dumps` takes."""
        return {
            "version": self.version,
            "works": self.works,
            "findings": [asdict(finding) for finding in self.findings],
        }
