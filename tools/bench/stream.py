"""Clips per second of the stream beside its limits, in one run: ``python tools/bench/stream.py``.

The loops take turns, several rounds; a ratio is the median of the ratios of its rounds, since rounds share
whatever else the machine is doing. Seconds are those of the processor: files come from the page cache, so on
an idle machine no others pass. Peak memory is that of a fresh process for each tree.
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
from typing import Any, NamedTuple

import soundfile
from workload import SUFFIX, make_release

import audio_flan
from audio_flan.fetch.clip import ShardClip
from audio_flan.waveform import BytesSource, LazyAudio

PACKAGES = ("audio-flan", "datasets", "numpy", "soundfile", "miniaudio", "pyarrow", "polars")
LOOPS = (
    "soundfile, bytes in memory",
    "our decoders, bytes in memory",
    "our decoders, from disk",
    "stream",
    "load_dataset",
)
REPEATS = {"FLAC": 1, "WAV": 4, "OGG": 1, "MP3": 1}
"""How often each row occurs: one pass over WAV would be too short to be measured."""
INDEXED = ("FLAC", "WAV")
"""Formats that are also measured in the indexed form."""
SHARED_CORPUS = Path(__file__).resolve().parents[3] / "shared/corpus"


class Place(NamedTuple):
    """A run of bytes of a file: all of it in a release, a part of a shard in the indexed form."""

    path: str
    offset: int
    nbytes: int


def place_of(root: Path, audio: LazyAudio) -> Place:
    """Return where the bytes of a clip are."""
    if isinstance(audio.source, ShardClip):
        cell = audio.source.place
        return Place(str(root / cell.shard), cell.offset, cell.nbytes)
    return Place(audio.location, 0, Path(audio.location).stat().st_size)


def bench(root: Path, config: str, split: str, rounds: int, facts: Path) -> dict[str, object]:
    """Run all loops over one tree."""
    places = [
        place_of(root, audio)
        for row in audio_flan.stream(root, config, split, cache_dir=facts)
        for audio in (*row["input_audio"], *row["output_audio"])
    ]
    is_indexed = any(place.offset for place in places)
    memory = {}
    for place in set(places):
        with open(place.path, "rb") as handle:
            handle.seek(place.offset)
            memory[place] = handle.read(place.nbytes)

    def soundfile_in_memory() -> int:
        for place in places:
            soundfile.read(io.BytesIO(memory[place]), dtype="float32", always_2d=True)
        return len(places)

    def ours_in_memory() -> int:
        for place in places:
            LazyAudio(BytesSource(memory[place], place.path), place.path).decode()
        return len(places)

    def ours_from_files() -> int:
        for place in places:
            with open(place.path, "rb") as handle:
                data = handle.read()
            LazyAudio(BytesSource(data, place.path), place.path).decode()
        return len(places)

    def ours_from_shards() -> int:
        shards = {path: os.open(path, os.O_RDONLY) for path in {place.path for place in places}}
        for place in places:
            data = os.pread(shards[place.path], place.nbytes, place.offset)
            LazyAudio(BytesSource(data, place.path), place.path).decode()
        for shard in shards.values():
            os.close(shard)
        return len(places)

    def through_stream() -> int:
        return _decode_all(audio_flan.stream(root, config, split, cache_dir=facts))

    def through_load_dataset() -> int:
        return _decode_all(audio_flan.load_dataset(root, config, split, streaming=True, cache_dir=facts))

    from_disk = ours_from_shards if is_indexed else ours_from_files
    loops = (soundfile_in_memory, ours_in_memory, from_disk, through_stream, through_load_dataset)
    rates = _rates(dict(zip(LOOPS, loops, strict=True)), rounds)
    return {
        "clips": len(places),
        "unique_clips": len(memory),
        "clips_per_second": {name: round(statistics.median(values), 1) for name, values in rates.items()},
        "ratios": {
            "stream / soundfile in memory": _ratio(rates, LOOPS[3], LOOPS[0]),
            "stream / our decoders in memory": _ratio(rates, LOOPS[3], LOOPS[1]),
            "stream / our decoders from disk": _ratio(rates, LOOPS[3], LOOPS[2]),
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
            start = time.process_time()
            clips = loops[name]()
            rates[name].append(clips / (time.process_time() - start))
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
        "Clips per second of the processor, one process, one thread, median of the rounds:",
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
            release = make_release(
                work / audio_format, audio_format, options.clips, repeats=REPEATS[audio_format]
            )
            roots = {"a file each": release}
            if audio_format in INDEXED:
                roots["indexed"] = work / f"{audio_format}-indexed"
                audio_flan.build(release, roots["indexed"])
            for form, root in roots.items():
                results[f"{audio_format}, 2-15 s, {form}"] = bench(
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
