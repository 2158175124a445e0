"""Clips per second of the stream beside its limits, in one run: ``python tools/bench/stream.py``.

The loops take turns, several rounds; a ratio is the median of the ratios of its rounds, since rounds share
whatever else the machine is doing. Peak memory is that of a fresh process for each tree.
"""

import argparse
import io
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import soundfile
from workload import SUFFIX, make_release

import audio_flan
from audio_flan.waveform import BytesSource, LazyAudio

PACKAGES = ("audio-flan", "datasets", "numpy", "soundfile", "miniaudio", "pyarrow", "polars")
LOOPS = (
    "soundfile, bytes in memory",
    "our decoders, bytes in memory",
    "our decoders, files",
    "stream",
    "load_dataset",
)
SHARED_CORPUS = Path(__file__).resolve().parents[3] / "shared/corpus"


def bench(root: Path, config: str, split: str, rounds: int, facts: Path) -> dict[str, object]:
    """Run all loops over one tree."""
    paths = [
        audio.location
        for row in audio_flan.stream(root, config, split, cache_dir=facts)
        for audio in (*row["input_audio"], *row["output_audio"])
    ]
    memory = {path: Path(path).read_bytes() for path in set(paths)}

    def soundfile_in_memory() -> int:
        for path in paths:
            soundfile.read(io.BytesIO(memory[path]), dtype="float32", always_2d=True)
        return len(paths)

    def ours_in_memory() -> int:
        for path in paths:
            LazyAudio(BytesSource(memory[path], path), path).decode()
        return len(paths)

    def ours_from_files() -> int:
        for path in paths:
            with open(path, "rb") as handle:
                data = handle.read()
            LazyAudio(BytesSource(data, path), path).decode()
        return len(paths)

    def through_stream() -> int:
        return _decode_all(audio_flan.stream(root, config, split, cache_dir=facts))

    def through_load_dataset() -> int:
        return _decode_all(audio_flan.load_dataset(root, config, split, streaming=True, cache_dir=facts))

    loops = (soundfile_in_memory, ours_in_memory, ours_from_files, through_stream, through_load_dataset)
    rates = _rates(dict(zip(LOOPS, loops, strict=True)), rounds)
    return {
        "clips": len(paths),
        "unique_clips": len(memory),
        "clips_per_second": {name: round(statistics.median(values), 1) for name, values in rates.items()},
        "ratios": {
            "stream / soundfile in memory": _ratio(rates, LOOPS[3], LOOPS[0]),
            "stream / our decoders in memory": _ratio(rates, LOOPS[3], LOOPS[1]),
            "stream / our decoders on files": _ratio(rates, LOOPS[3], LOOPS[2]),
            "load_dataset / stream": _ratio(rates, LOOPS[4], LOOPS[3]),
        },
    }


def _decode_all(rows: object) -> int:
    clips = 0
    for row in rows:  # type: ignore[attr-defined]
        for audio in (*row["input_audio"], *row["output_audio"]):
            audio.decode()
            clips += 1
    return clips


def _rates(loops: dict[str, Callable[[], int]], rounds: int) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {name: [] for name in loops}
    for loop in loops.values():  # warm the page cache and the imports
        loop()
    order = list(loops)
    for _ in range(rounds):
        for name in order:
            start = time.perf_counter()
            clips = loops[name]()
            rates[name].append(clips / (time.perf_counter() - start))
        order = order[1:] + order[:1]
    return rates


def _ratio(rates: dict[str, list[float]], above: str, below: str) -> float:
    return round(statistics.median(a / b for a, b in zip(rates[above], rates[below], strict=True)), 3)


PEAK_SCRIPT = """
import sys, audio_flan
rows = 0
for row in audio_flan.stream(sys.argv[1], "all", "all", cache_dir=sys.argv[2]):
    for audio in (*row["input_audio"], *row["output_audio"]):
        audio.decode()
    rows += 1
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(rows, peak.split()[1])
"""


def peak_memory(root: Path, facts: Path) -> dict[str, object]:
    """Stream and decode everything in a fresh process."""
    command = [sys.executable, "-c", PEAK_SCRIPT, str(root), str(facts)]
    rows, kilobytes = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return {"rows": int(rows), "peak_rss_mb": round(int(kilobytes) / 1024, 1)}


FIRST_WAVEFORM = {
    "import polars, numpy": "import polars, numpy",
    "stream": "import polars, numpy, audio_flan\n"
    'next(iter(audio_flan.stream(sys.argv[1], "speech_asr")))["input_audio"][0]["array"]',
    "import datasets": "import datasets",
    "load_dataset": "import datasets, audio_flan\n"
    'next(iter(audio_flan.load_dataset(sys.argv[1], "speech_asr", split="train", streaming=True)))'
    '["input_audio"][0]["array"]',
}


def first_waveform(root: Path, rounds: int) -> dict[str, object]:
    """Seconds from process start to the first decoded waveform, beside the imports alone."""
    seconds: dict[str, list[float]] = {name: [] for name in FIRST_WAVEFORM}
    for _ in range(rounds):
        for name, code in FIRST_WAVEFORM.items():
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", f"import sys\n{code}", str(root)], check=True, capture_output=True
            )
            seconds[name].append(time.perf_counter() - start)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "seconds": {name: round(value, 3) for name, value in median.items()},
        "stream - import polars, numpy": round(median["stream"] - median["import polars, numpy"], 3),
        "load_dataset - import datasets": round(median["load_dataset"] - median["import datasets"], 3),
    }


def as_markdown(results: dict[str, Any], clips: int, rounds: int) -> str:
    """Put the results into tables."""
    loops = {name: value for name, value in results.items() if isinstance(value, dict) and "ratios" in value}
    ratios = list(next(iter(loops.values()))["ratios"])
    versions = ", ".join(f"{package} {number}" for package, number in results["versions"].items())
    lines = [
        "# Streaming beside its limits",
        "",
        f"Written by `python tools/bench/stream.py --clips {clips} --rounds {rounds} --markdown FILE`.",
        f"Python {results['python']}, {results['machine']}, {os.cpu_count()} CPUs; {versions}.",
        "",
        "Clips per second, one process, one thread, median of the rounds:",
        "",
        f"| | {' | '.join(LOOPS)} |",
        f"|---|{'---|' * len(LOOPS)}",
        *(
            f"| {name} | " + " | ".join(f"{value['clips_per_second'][loop]:,.0f}" for loop in LOOPS) + " |"
            for name, value in loops.items()
        ),
        "",
        "Ratios, each the median of the ratios of its rounds:",
        "",
        f"| | {' | '.join(ratios)} |",
        f"|---|{'---|' * len(ratios)}",
        *(
            f"| {name} | " + " | ".join(f"{value['ratios'][ratio]:.2f}" for ratio in ratios) + " |"
            for name, value in loops.items()
        ),
        "",
    ]
    if "first waveform" in results:
        lines += ["From process start to the first decoded waveform, seconds:", ""]
        lines += [f"* {name}: {value}" for name, value in results["first waveform"]["seconds"].items()]
        lines += [""]
    lines += ["Peak resident memory of streaming and decoding `all`, the same clips in more rows:", ""]
    lines += [
        f"* {value['rows']:,} rows: {value['peak_rss_mb']} MB"
        for name, value in results.items()
        if name.startswith("memory")
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Make the trees, run the loops, print a report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=150, help="clips of real size in each format")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--corpus", type=Path, default=SHARED_CORPUS, help="a tree of tiny clips, a file each"
    )
    parser.add_argument("--formats", nargs="+", default=list(SUFFIX), choices=list(SUFFIX))
    parser.add_argument("--json", type=Path, help="also write the results here")
    parser.add_argument("--markdown", type=Path, help="also write a report here")
    options = parser.parse_args()
    results: dict[str, Any] = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": {package: version(package) for package in PACKAGES},
    }
    work = Path(tempfile.mkdtemp(prefix="audio-flan-bench-"))
    try:
        for audio_format in options.formats:
            root = make_release(work / audio_format, audio_format, options.clips)
            results[f"{audio_format}, 2-15 s"] = bench(
                root, "speech_asr", "train", options.rounds, work / "facts"
            )
        if options.corpus.is_dir():
            results["corpus speech"] = bench(options.corpus, "speech", "all", options.rounds, work / "facts")
            results["first waveform"] = first_waveform(options.corpus, options.rounds)
        for times in (1, 4):
            root = make_release(work / f"memory{times}", "FLAC", options.clips, repeats=5 * times)
            results[f"memory, {times}x rows"] = peak_memory(root, work / "facts")
    finally:
        shutil.rmtree(work)
    print(json.dumps(results, indent=1))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    if options.markdown:
        options.markdown.write_text(as_markdown(results, options.clips, options.rounds))


if __name__ == "__main__":
    main()
