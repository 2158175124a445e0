"""Counts, plans and filters beside DuckDB, Polars and pyarrow: ``python tools/bench/metadata.py ROOT...``.

Roots are those of ``tools/bench/generate.py``, the smallest first. Each question is asked in a fresh process,
and engines take turns for several rounds; all files are read once before, so that they are in the page cache.
A ratio is the median of the ratios of its rounds. Engines that are asked the same must answer the same.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

from metadata_queries import FILTERS, MANIFEST, OURS, RECOUNT, SAME_COLUMNS, questions

from audio_flan.shards import read_manifest

PACKAGES: Final = ("audio-flan", "polars", "duckdb", "pyarrow")
SCRIPT: Final = Path(__file__).with_name("metadata_queries.py")
ALL_ROWS: Final = 108_500_000
"""Of the whole release, by the paper."""
RATIOS: Final = (
    ("counts", RECOUNT, SAME_COLUMNS, 1.5),
    ("counts", RECOUNT, "polars", None),
    *((f"{verb} {name}", OURS, "duckdb", 1.0) for name in FILTERS for verb in ("count", "select")),
)
"""Which engine is compared with which on what, and the highest ratio of seconds that is asked for."""
LIMITS: Final = (
    ("counts", MANIFEST, 1.0, 300),
    ("counts", RECOUNT, None, 2000),
    ("attributes", OURS, 5.0, 2000),
    ("plan", OURS, 5.0, 2000),
)
"""The most seconds for 20 M rows (from the manifest: for all), and the most memory in MB, asked for."""


class Measured(NamedTuple):
    """An engine on a subject: seconds of each round, those with start and imports, the largest peak in MB."""

    seconds: list[float]
    process_seconds: list[float]
    peak_mb: float

    @property
    def median(self) -> float:
        """Of the seconds."""
        return statistics.median(self.seconds)


Results = dict[str, dict[str, Measured]]
"""By subject and engine."""


def measure(root: Path, rounds: int) -> Results:
    """Ask everything of a root."""
    for path in root.rglob("*.parquet"):
        path.read_bytes()
    results: Results = {}
    for subject, engines in questions().items():
        order = list(engines)
        runs: dict[str, list[dict[str, Any]]] = {engine: [] for engine in order}
        for _ in range(rounds):
            for engine in order:
                runs[engine].append(run(root, subject, engine))
            order = order[1:] + order[:1]
        digests = {engine: found[0]["digest"] for engine, found in runs.items()}
        if len(set(digests.values())) > 1:
            raise SystemExit(f"{root}: the answers to {subject!r} differ: {digests}")
        results[subject] = {
            engine: Measured(
                [one["seconds"] for one in found],
                [one["process_seconds"] for one in found],
                max(one["peak_mb"] for one in found),
            )
            for engine, found in runs.items()
        }
    return results


def run(root: Path, subject: str, engine: str) -> dict[str, Any]:
    """Ask one question in a fresh process."""
    command = [sys.executable, str(SCRIPT), str(root), subject, engine, str(time.monotonic())]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{engine} on {subject!r} failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def ratio(results: Results, subject: str, above: str, below: str) -> float:
    """Return the median of the ratios of each round."""
    pairs = zip(results[subject][above].seconds, results[subject][below].seconds, strict=True)
    return statistics.median(a / b for a, b in pairs)


def extrapolated(seconds: dict[int, float]) -> float:
    """Return what all rows would take: the straight line through the two largest sizes."""
    (rows, lower), (more_rows, upper) = sorted(seconds.items())[-2:]
    return upper + (upper - lower) / (more_rows - rows) * (ALL_ROWS - more_rows)


def as_markdown(by_rows: dict[int, Results], rounds: int) -> str:
    """Put the results into tables, with a column for each size."""
    sizes = sorted(by_rows)
    all_rows = f"{ALL_ROWS / 1e6:.1f} M, extrapolated"
    extrapolates = len(sizes) > 1 and sizes[-1] < ALL_ROWS
    heads = [f"{rows / 1e6:g} M" for rows in sizes] + ([all_rows] if extrapolates else [])
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    lines = [
        "# Metadata: counts, plans and filters beside DuckDB, Polars and pyarrow",
        "",
        f"Written by `python tools/bench/metadata.py ROOT... --rounds {rounds} --report FILE`, on roots that",
        "`python tools/bench/generate.py ROOT --rows N --index` has made.",
        f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} CPUs; {versions}.",
        f"Load at the end, of this and of other work: {os.getloadavg()[1]:.1f}.",
        "",
        "Each figure is of a fresh process: seconds are the median of the rounds, without imports, with all",
        "files in the page cache. The last two columns are of the largest size that was measured: seconds of",
        "the whole process, and the peak of its memory, both with imports.",
        *(["What is extrapolated goes on in a straight line from the two largest sizes."] * extrapolates),
        "",
        f"| | | {' | '.join(heads)} | process | MB |",
        f"|---|---|{'---:|' * len(heads)}---:|---:|",
    ]
    largest = by_rows[sizes[-1]]
    for subject, engines in largest.items():
        for number, engine in enumerate(engines):
            seconds = {rows: by_rows[rows][subject][engine].median for rows in sizes}
            cells = [f"{value:.3f}" for value in seconds.values()]
            if extrapolates:
                cells.append(f"{extrapolated(seconds):.2f}")
            whole = statistics.median(engines[engine].process_seconds)
            cells += [f"{whole:.2f}", f"{engines[engine].peak_mb:.0f}"]
            lines.append(f"| {'' if number else subject} | {engine} | {' | '.join(cells)} |")
    lines += [
        "",
        "Ratios of seconds, each the median of the ratios of its rounds:",
        "",
        f"| | {' | '.join(heads[: len(sizes)])} | asked for |",
        f"|---|{'---:|' * len(sizes)}---:|",
    ]
    for subject, above, below, most in RATIOS:
        cells = [f"{ratio(by_rows[rows], subject, above, below):.2f}" for rows in sizes]
        asked = "" if most is None else f"{most:.1f} or less"
        lines.append(f"| {subject}: {above} / {below} | {' | '.join(cells)} | {asked} |")
    lines += [
        "",
        f"Asked for at {ALL_ROWS / 1e6:.1f} M rows; the seconds of attributes and plans for each 20 M:",
        "",
        "| | seconds, at most | MB, at most |",
        "|---|---:|---:|",
        *(f"| {subject}: {engine} | {'' if s is None else s} | {mb} |" for subject, engine, s, mb in LIMITS),
        "",
        "The filters, of which rows are counted or uuids are selected:",
        "",
        *(f"* {name}: `{where}`" for name, where in FILTERS.items()),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure each root, print a report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("roots", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--report", type=Path, help="also write the report here")
    options = parser.parse_args()
    by_rows = {}
    for root in options.roots:
        rows = sum(count.rows for count in read_manifest(root).counts)
        print(f"{root}: {rows:,} rows", file=sys.stderr)
        by_rows[rows] = measure(root, options.rounds)
    report = as_markdown(by_rows, options.rounds)
    print(report, end="")
    if options.report:
        options.report.write_text(report)


if __name__ == "__main__":
    main()
