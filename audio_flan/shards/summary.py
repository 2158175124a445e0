"""How much of what a built root holds, by its manifest: the numbers behind ``audio-flan info``."""

from collections import Counter

from audio_flan.release import Summary
from audio_flan.shards.layout import split_of_row_file
from audio_flan.shards.manifest import Manifest
from audio_flan.taxonomy import taxonomy


def summarise_root(root: str, manifest: Manifest) -> Summary:
    """Return the counts of the manifest of `root`; nothing else is read."""
    tasks = taxonomy().tasks
    names = ("domain", "direction", "split", "corpus", "task")
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    task_split: dict[str, Counter[str]] = {}
    for count in manifest.counts:
        keys = (tasks[count.task].domain, count.direction, count.split, count.corpus, count.task)
        for name, key in zip(names, keys, strict=True):
            counts[name][key] += count.rows
        task_split.setdefault(count.task, Counter())[count.split] += count.rows
    faults: Counter[str] = Counter()
    for corpus in manifest.corpora:
        faults.update(corpus.quarantined)
    row_files = [file for file in manifest.files if split_of_row_file(file.path)]
    shards = [file for file in manifest.files if file.path.startswith("audio/")]
    return Summary(
        form=manifest.form,
        root=root,
        rows=counts["split"].total(),
        quarantined=dict(faults),
        **{name: dict(sorted(counter.items())) for name, counter in counts.items()},
        task_split={task: dict(counter) for task, counter in task_split.items()},
        clips=sum(corpus.clips for corpus in manifest.corpora),
        row_files=len(row_files),
        row_bytes=sum(file.nbytes for file in row_files),
        audio_bytes=sum(file.nbytes for file in shards) or None,
    )
