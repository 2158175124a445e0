"""Whether memory is flat over epochs: ``python tools/bench/memory.py``.

Batches of a DataLoader whose workers stay, and of one process with threads that decode ahead. At the end of
each epoch the memory of the process and all its children is read: PSS, in which a page that several share is
divided among them, and RSS, in which each counts it.
"""

import argparse
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from workload import ROWS_PER_CLIP, make_release

import audio_flan

PACKAGES = ("audio-flan", "torch", "numpy", "pyarrow", "miniaudio")
ROWS_PER_BATCH = 16
KINDS = ("Pss", "Rss")


class Case(NamedTuple):
    """A way to load; `start` is how its workers start."""

    name: str
    workers: int
    start: str | None
    threads: int


CASES = (
    Case("4 workers, fork", 4, "fork", 0),
    Case("4 workers, spawn", 4, "spawn", 0),
    Case("4 workers, forkserver", 4, "forkserver", 0),
    Case("no worker, 2 threads ahead", 0, None, 2),
)


def run(root: Path, case: Case, epochs: int) -> list[dict[str, float]]:
    """Go over all rows several times; return MB of memory at the end of each epoch."""
    from torch.utils.data import DataLoader

    stream = audio_flan.stream(root, "speech_asr", shuffle=True, decode_threads=case.threads)
    collate = partial(audio_flan.collate, channels=1)
    batches = audio_flan.batches(stream, ROWS_PER_BATCH, collate=collate)
    loader = DataLoader(
        batches,
        batch_size=None,
        num_workers=case.workers,
        multiprocessing_context=case.start,
        persistent_workers=case.workers > 0,
    )
    found = []
    for epoch in range(epochs):
        batches.set_epoch(epoch)  # of the workers, each is in the epoch with which it began
        rows = sum(len(batch["uuid"]) for batch in loader)
        assert rows == len(stream)
        found.append(memory_of(tree(os.getpid())))
    return found


def tree(pid: int) -> Iterator[int]:
    """Yield a process, and those that it and its children have started."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from tree(int(child))


def memory_of(pids: Iterable[int]) -> dict[str, float]:
    """Sum up the memory of processes, in MB by kind."""
    total = dict.fromkeys(KINDS, 0.0)
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            kind, _, amount = line.partition(":")
            if kind in total:
                total[kind] += int(amount.split()[0]) * 1024 / 1e6
    return total


def as_markdown(results: dict[str, Any], arguments: list[str]) -> str:
    """Format the results as the report in ``docs/benchmarks``."""
    versions = ", ".join(f"{package} {number}" for package, number in results["versions"].items())
    epochs = len(next(iter(results["cases"].values())))
    lines = [
        "# Memory over epochs",
        "",
        f"Written by `python tools/bench/memory.py {' '.join(arguments)}`.",
        f"Python {results['python']}, {results['machine']}, {os.cpu_count()} CPUs; {versions}.",
        "",
        f"Batches of {ROWS_PER_BATCH} rows as torch tensors, {results['rows']:,} rows (FLAC, 2-15 s) in each",
        "epoch, shuffled. MB of the process and all its children at the end of the epoch:",
        "",
        f"| | | {' | '.join(map(str, range(1, epochs + 1)))} | last / second |",
        f"|---|---|{'---|' * (epochs + 1)}",
    ]
    for name, found in results["cases"].items():
        for kind in KINDS:
            amounts = [each[kind] for each in found]
            shown = " | ".join(f"{amount:,.0f}" for amount in amounts)
            lines.append(f"| {name} | {kind.upper()} | {shown} | {amounts[-1] / amounts[1]:.2f} |")
    lines += [
        "",
        "PSS divides a page that several processes share among them, RSS counts it in each. Workers stay",
        "from epoch to epoch (`persistent_workers`). What grows a little is what each process keeps for the",
        "next rows: row groups (at most 256 MB), blocks of memory for samples (at most 8 MB).",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Make a root, run the cases in fresh processes, print a report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=100, help="clips of real size")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--json", type=Path, help="also write the results here")
    parser.add_argument("--markdown", type=Path, help="also write a report here")
    options = parser.parse_args()
    if options.epochs < 2:
        parser.error("--epochs must be 2 or more")
    results: dict[str, Any] = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": {package: version(package) for package in PACKAGES},
        "rows": options.clips * ROWS_PER_CLIP,
        "cases": {},
    }
    work = Path(tempfile.mkdtemp(prefix="audio-flan-bench-"))
    try:
        audio_flan.build(make_release(work / "release", "FLAC", options.clips), work / "built", "indexed")
        for case in CASES:
            with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
                results["cases"][case.name] = fresh.submit(run, work / "built", case, options.epochs).result()
    finally:
        shutil.rmtree(work)
    print(json.dumps(results, indent=1))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    if options.markdown:
        said = [f"--{name} {getattr(options, name)}" for name in ("clips", "epochs")]
        options.markdown.write_text(as_markdown(results, said))


if __name__ == "__main__":
    main()
