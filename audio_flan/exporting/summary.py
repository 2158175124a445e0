"""What an export would make, and what it has made."""

from dataclasses import asdict, dataclass
from typing import Any

from audio_flan.exporting.job import DrawnLeaf


@dataclass(frozen=True)
class ExportPlan:
    """What an export would make.

    Attributes
    ----------
    rows_selected, rows : int
        Rows of the plan or filter, and those that would be written; repeats counted.
    quarantined : dict
        Rows that would not be written, by reason, as far as their columns tell: for a chat those whose output
        holds audio. Other reasons show when texts and clips are read.
    distinct_rows : int
        Each row once.
    clips : int
        Different clips that rows refer to.
    clip_references : int
        A clip counts as often as rows refer to it, repeats counted.
    seconds : float
        Length of the audio of all rows, repeats counted.
    leaves : tuple of DrawnLeaf
        Rows by direction, domain, task, corpus and split.
    """

    to: str
    rows_selected: int
    rows: int
    quarantined: dict[str, int]
    distinct_rows: int
    clips: int
    clip_references: int
    seconds: float
    leaves: tuple[DrawnLeaf, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        import msgspec

        made: dict[str, Any] = msgspec.to_builtins(asdict(self))
        return made


@dataclass(frozen=True)
class ExportSummary:
    """What an export has made.

    Attributes
    ----------
    out : str
        Its root.
    rows_selected, rows : int
        Rows of the plan or filter, and those that were written; repeats counted.
    clips : int
        Clips that were written, each counted once.
    files, bytes : int
        All files of the root, and their size.
    quarantined : dict
        Rows that were not written, by reason: the difference. ``quarantine.jsonl`` names each.
    unread : int
        Records of the source, in the files that rows were taken from, that could not be read: `validate`
        names them. They belong to no selection.
    seconds : float
        Time taken by this run.
    """

    out: str
    to: str
    rows_selected: int
    rows: int
    clips: int
    files: int
    bytes: int
    quarantined: dict[str, int]
    unread: int
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)
