"""What was not taken, and why: named, counted, never lost."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

MESSAGE_LENGTH = 500


class Entry(NamedTuple):
    """One thing that was not taken (or warned about), in the shape that ``--json`` prints.

    Attributes
    ----------
    file : str
        Relative to the root.
    line : int or None
        From 1; None when the whole file is meant.
    byte_offset : int or None
        Of the line in the (decompressed) file, in bytes.
    reason : str
        A code of `Reason` or `Warn`.
    """

    file: str
    line: int | None
    byte_offset: int | None
    reason: str
    message: str
    audio_id: str | None = None
    uuid: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {**self._asdict(), "reason": str(self.reason)}

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.reason}: {self.message}"


@dataclass
class Quarantine:
    """A list of entries with its counts.

    ``limit`` bounds the entries that are kept, not those that are counted, so that a stream over a damaged
    disk does not fill the memory; ``dropped`` says how many are counted only.
    """

    limit: int | None = None
    entries: list[Entry] = field(default_factory=list)
    by_reason: Counter[str] = field(default_factory=Counter)

    def add(self, entry: Entry) -> None:
        """Count `entry`, and keep it while there is room."""
        self.by_reason[str(entry.reason)] += 1
        if self.limit is None or len(self.entries) < self.limit:
            fits = len(entry.message) <= MESSAGE_LENGTH
            self.entries.append(entry if fits else entry._replace(message=entry.message[:MESSAGE_LENGTH]))

    def extend(self, entries: Iterable[Entry]) -> None:
        """Add each of `entries`."""
        for entry in entries:
            self.add(entry)

    def merge(self, other: "Quarantine") -> None:
        """Add what `other` keeps and what it counts."""
        room = None if self.limit is None else max(0, self.limit - len(self.entries))
        self.entries += other.entries[:room]
        self.by_reason += other.by_reason

    def drain(self) -> "Quarantine":
        """Return all that is here, and be empty."""
        taken = Quarantine(self.limit, self.entries, self.by_reason)
        self.entries, self.by_reason = [], Counter()
        return taken

    @property
    def dropped(self) -> int:
        """How many entries are counted but not kept."""
        return len(self) - len(self.entries)

    def __len__(self) -> int:
        return self.by_reason.total() if self.by_reason else 0

    def __bool__(self) -> bool:
        return bool(self.by_reason)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __str__(self) -> str:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in self.by_reason.most_common())
        return f"{len(self):,} quarantined" + (f" ({counts})" if counts else "")
