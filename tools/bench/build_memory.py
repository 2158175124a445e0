"""Memory of a build whatever the size and shape of the release: ``python tools/bench/build_memory.py``.

Builds in fresh processes, one job each, and reads the peak of their resident memory: of clips of real size,
of eight times as many, and of releases that have many of one thing. Files of clips are links to a few, so
that trees of any size are made in no time; a build reads each of them as a clip of its own.
"""

import argparse
import json
import os
import platform
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from workload import ROWS_PER_CLIP, encode, record, speech_like

from audio_flan.building import build

PACKAGES: Final = ("audio-flan", "pyarrow", "soundfile", "numpy", "msgspec")
CORPUS: Final = "01_Bench"
SOURCES: Final = 40
"""Different clips; a file system allows so many links to each."""


class Case(NamedTuple):
    """A release: clips between two lengths, rows that use them in turn, and files that hold these rows."""

    name: str
    form: str
    clips: int
    rows: int
    files: int
    seconds: tuple[float, float]


def cases(scale: float) -> list[Case]:
    """Return the releases to build; `scale` makes all of them smaller or larger."""
    usual, short = (2.0, 15.0), (0.1, 0.2)

    def case(name: str, form: str, clips: int, rows: int, files: int, seconds: tuple[float, float]) -> Case:
        return Case(name, form, int(scale * clips), int(scale * rows), files, seconds)

    return [
        *(
            case(f"clips of 2-15 s, {times}x", form, 500 * times, 500 * times * ROWS_PER_CLIP, 1, usual)
            for form in ("indexed", "embedded")
            for times in (1, 8)
        ),
        case("many metadata files", "indexed", 2_000, 60_000, int(scale * 20_000), short),
        case("one long metadata file", "indexed", 400, 1_000_000, 1, short),
        case("many clips in a corpus", "indexed", 200_000, 200_000, 1, short),
    ]


def make_tree(root: Path, case: Case) -> Path:
    """Write a release whose clips are links to a few files."""
    sources, audio = root / "sources", root / f"release/audio_files/speech/{CORPUS}"
    metadata = root / f"release/metadata/speech/understanding/train_dev/{CORPUS}/jsonl"
    scp = root / f"release/scp_files/speech/{CORPUS}.scp"
    for folder in (sources, audio, metadata, scp.parent):
        folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(SOURCES):
        (sources / str(number)).write_bytes(encode(speech_like(rng, case.seconds), "FLAC"))
    ids = [f"{CORPUS}_{number:06d}" for number in range(case.clips)]
    with scp.open("w") as lines:
        for number, audio_id in enumerate(ids):
            os.link(sources / str(number % SOURCES), audio / f"{audio_id}.flac")
            lines.write(f"{audio_id}\taudio_files/speech/{CORPUS}/{audio_id}.flac\n")
    per_file = -(-case.rows // case.files)
    for file in range(case.files):
        numbers = range(file * per_file, min((file + 1) * per_file, case.rows))
        with (metadata / f"train_{file:05d}.jsonl").open("w") as lines:
            lines.writelines(json.dumps(record(n, ids[n % len(ids)])) + "\n" for n in numbers)
    return root / "release"


def measure(release: Path, out: Path, form: Any) -> tuple[float, float, int, int]:
    """Build in this process; return the peak of its memory in MB, seconds, rows and bytes of clips."""
    start = time.monotonic()
    summary = build(release, out, form)
    seconds = time.monotonic() - start
    peak = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    return int(peak.split()[1]) * 1024 / 1e6, seconds, summary.rows, summary.clip_bytes


def run(case: Case, work: Path) -> dict[str, Any]:
    """Make the release of a case, build it in a fresh process, and leave nothing of it."""
    release = make_tree(work / "tree", case)
    try:
        with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
            peak, seconds, rows, nbytes = fresh.submit(measure, release, work / "out", case.form).result()
    finally:
        shutil.rmtree(work / "tree")
        shutil.rmtree(work / "out", ignore_errors=True)
    assert rows == case.rows
    return case._asdict() | {"peak_mb": peak, "seconds_taken": seconds, "clip_bytes": nbytes}


def _line(found: dict[str, Any]) -> str:
    counts = f"{found['clips']:,} | {found['clip_bytes'] / 1e6:,.0f} | {found['rows']:,} | {found['files']:,}"
    took = f"{found['seconds_taken']:.1f} | {found['peak_mb']:.0f}"
    return f"| {found['name']} | {found['form']} | {counts} | {took} |"


def as_markdown(results: dict[str, Any], arguments: str) -> str:
    """Format the results as the report in ``docs/benchmarks``."""
    versions = ", ".join(f"{package} {number}" for package, number in results["versions"].items())
    lines = [
        "# Memory of a build",
        "",
        f"Written by `python tools/bench/build_memory.py {arguments}`.",
        f"Python {results['python']}, {results['machine']}, {os.cpu_count()} CPUs; {versions}.",
        "",
        "One job in a fresh process; the peak of its resident memory, imports and all.",
        "",
        "| release | form | clips | MB of clips | rows | metadata files | seconds | peak, MB |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
        *map(_line, results["cases"]),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Build all releases, print what was found, write a report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of all sizes")
    parser.add_argument("--folder", type=Path, help="where the releases are made")
    parser.add_argument("--markdown", type=Path, help="also write a report here")
    options = parser.parse_args()
    found: list[dict[str, Any]] = []
    results = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": {package: version(package) for package in PACKAGES},
        "cases": found,
    }
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        os.environ["HF_HOME"] = str(Path(name) / "hf_home")
        for case in cases(options.scale):
            found.append(run(case, Path(name)))
            print(json.dumps(found[-1]), flush=True)
    if options.markdown:
        options.markdown.write_text(as_markdown(results, f"--scale {options.scale:g}"))


if __name__ == "__main__":
    main()
