"""How much of what a release holds: the numbers behind ``audio-flan info``."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from audio_flan.records import SPLITS, Reason
from audio_flan.release.release import Release
from audio_flan.taxonomy import list_configs, resolve_config, taxonomy


@dataclass(frozen=True)
class Summary:
    """Counts of one tree.

    Attributes
    ----------
    rows : int
        Instances; a record that names two tasks counts for both.
    quarantined : dict
        Records and files that were not taken, by reason.
    domain, direction, split, corpus, task : dict
        Rows by value of that column.
    clips : int
        Audio ids that the scp files of a release list; clips that rows of a built root use.
    row_files : int
        Metadata files of a release, row files of a built root.
    row_bytes, audio_bytes : int
        Sizes on disk; audio is None where it lies in the row files, or would take a request for each clip.
    """

    form: str
    root: str
    rows: int
    quarantined: dict[str, int]
    domain: dict[str, int]
    direction: dict[str, int]
    split: dict[str, int]
    corpus: dict[str, int]
    task: dict[str, int]
    task_split: dict[str, dict[str, int]]
    clips: int
    row_files: int
    row_bytes: int
    audio_bytes: int | None

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)

    def config_rows(self) -> dict[str, dict[str, int]]:
        """Count the rows of each of the 112 configs by split."""
        table = {}
        for name in list_configs():
            tasks = resolve_config(name).task_names
            table[name] = {
                split: sum(self.task_split.get(t, {}).get(split, 0) for t in tasks) for split in SPLITS
            }
        return table


def summarise(release: Release, progress: Callable[[int, int], None] | None = None) -> Summary:
    """Count what `release` holds; metadata files that the catalogue does not know are read.

    Parameters
    ----------
    progress : callable, optional
        Called with (bytes done, bytes in all).
    """
    files = release.layout.metadata
    facts = release.catalogue.complete(release.tree, files, progress)
    tasks = taxonomy().tasks
    counts: dict[str, Counter[str]] = {
        k: Counter() for k in ("domain", "direction", "split", "corpus", "task")
    }
    task_split: dict[str, Counter[str]] = {}
    faults: Counter[str] = Counter()
    for file, held in zip(files, facts, strict=True):
        faults.update(held.quarantined)
        for task, split, direction, rows in ((c.task, c.split, c.direction, c.rows) for c in held.counts):
            keys = {"domain": tasks[task].domain, "direction": direction, "split": split}
            for column, key in (keys | {"corpus": file.corpus, "task": task}).items():
                counts[column][key] += rows
            task_split.setdefault(task, Counter())[split] += rows
    faults.update(release.clips.faults.by_reason)
    faults.update(str(Reason.MISPLACED_FILE) for _ in release.layout.misplaced)
    return Summary(
        form="release",
        root=release.root,
        rows=counts["split"].total(),
        quarantined=dict(faults),
        **{column: dict(sorted(counter.items())) for column, counter in counts.items()},
        task_split={task: dict(counter) for task, counter in task_split.items()},
        clips=len(release.clips),
        row_files=len(files),
        row_bytes=sum(file.size for file in files),
        audio_bytes=release.tree.folder_bytes("audio_files"),
    )
