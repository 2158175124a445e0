"""Speed of an indexed build beside ``cp -r`` of the same tree, in one run: ``python tools/bench/build.py``.

One process each, taking turns for several rounds. Two states of the page cache, the same for all: *cold*,
where the files of the tree are dropped from it before each turn, and *warm*, where all of them were read just
before. What the turn before has written is removed and synced first, as everyone is held up by what the disk
is still writing. A build syncs every file; ``cp -r`` leaves its copy in the page cache, so ``cp -r`` that is
synced at its end is measured as well, and is what a build is to be compared with. Rows are none of the work
of ``cp``; what they cost is shown by row.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from workload import make_release

from audio_flan.building import build

CLIP_STEPS = ("measuring clips", "storing clips", "indexing clips")
CACHES = ("cold", "warm")


def copy(tree: Path, target: Path, *, sync: bool) -> float:
    start = time.monotonic()
    subprocess.run(["cp", "-r", str(tree), str(target)], check=True)
    if sync:
        subprocess.run(["sync", "-f", str(target)], check=True)
    return time.monotonic() - start


def build_once(tree: Path, target: Path) -> tuple[float, dict[str, float], int]:
    """Return the seconds of a build, those of its steps, and its rows."""
    steps: dict[str, float] = {}
    last = time.monotonic()

    def clock(what: str, *_: int) -> None:
        nonlocal last
        now = time.monotonic()
        steps[what] = steps.get(what, 0.0) + now - last
        last = now

    summary = build(tree, target, progress=clock)
    return summary.seconds, steps, summary.rows


def prepare(tree: Path, target: Path, cache: str) -> None:
    """Remove what the turn before has written, and bring the files of the tree into the page cache or out."""
    shutil.rmtree(target, ignore_errors=True)
    os.sync()
    for path in tree.rglob("*"):
        if path.is_file():
            if cache == "warm":
                path.read_bytes()
            else:
                with path.open("rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def bench(tree: Path, folder: Path, cache: str, rounds: int) -> dict[str, object]:
    """Let the three take turns; return medians, and the medians of the ratios of each round."""
    times: dict[str, list[float]] = {"cp": [], "cp and sync": [], "build": [], "its clips": []}
    rows = 0
    target = folder / "target"
    build_once(tree, target)  # the imports
    for _ in range(rounds):
        for name in ("cp", "cp and sync"):
            prepare(tree, target, cache)
            times[name].append(copy(tree, target, sync=name != "cp"))
        prepare(tree, target, cache)
        seconds, steps, rows = build_once(tree, target)
        times["build"].append(seconds)
        times["its clips"].append(sum(steps[name] for name in CLIP_STEPS))
    prepare(tree, target, cache)
    nbytes = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())
    table: dict[str, object] = {
        name: {
            "seconds": round(statistics.median(taken), 3),
            "MB/s": round(nbytes / 1e6 / statistics.median(taken)),
        }
        for name, taken in times.items()
    }
    for what in ("build", "its clips"):
        for against in ("cp", "cp and sync"):
            ratios = [a / b for a, b in zip(times[against], times[what], strict=True)]
            table[f"speed of {what} / {against}"] = round(statistics.median(ratios), 2)
    spent = statistics.median(a - b for a, b in zip(times["build"], times["its clips"], strict=True))
    return table | {"bytes": nbytes, "rows": rows, "microseconds for a row": round(1e6 * spent / rows)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="on the disk that is to be measured")
    options = parser.parse_args()
    machine = f"{os.cpu_count()} CPUs, {platform.platform()}"
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        os.environ["HF_HOME"] = str(folder / "hf_home")
        for audio_format in ("FLAC", "WAV"):
            tree = make_release(folder / audio_format, audio_format, options.clips)
            for cache in CACHES:
                found = bench(tree, folder, cache, options.rounds)
                load = round(os.getloadavg()[0], 1)
                print(
                    json.dumps(
                        {"tree": audio_format, "cache": cache, "machine": machine, "load": load} | found
                    )
                )


if __name__ == "__main__":
    main()
