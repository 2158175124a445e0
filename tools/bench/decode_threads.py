"""What threads that decode ahead are worth, in one run: ``python tools/bench/decode_threads.py``.

Batches of 32 rows, collated flat with lengths, in one process. The loops take turns, several rounds; a ratio
is the median of the ratios of its rounds. What two processors are worth on this machine at this moment is
measured in each round as well: bytes in memory, decoded by one process and by two. As WAV is hardly more than
copied, how fast one process and two copy memory is measured at the end.
"""

import argparse
import io
import json
import multiprocessing
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from workload import SUFFIX, make_release

import audio_flan
from audio_flan.waveform import BytesSource, LazyAudio

PACKAGES = ("audio-flan", "numpy", "soundfile", "miniaudio", "pyarrow")
ROWS_PER_BATCH = 32
COPIED_BYTES = 160_000_000
"""At a time: far more than the processor's cache holds."""
COPIES = 20
SOUNDFILE, OURS = "soundfile, bytes in memory", "our decoders, bytes in memory"
ONE, TWO = "only decoded, 1 process", "only decoded, 2 processes"
STREAM, AHEAD_1, AHEAD_2 = "stream", "stream, 1 thread ahead", "stream, 2 threads ahead"
RATIOS = (
    (AHEAD_2, STREAM),
    (AHEAD_2, SOUNDFILE),
    (AHEAD_1, STREAM),
    (STREAM, SOUNDFILE),
    (STREAM, OURS),
    (TWO, ONE),
)


def bench(root: Path, rounds: int, prefetch_bytes: int) -> dict[str, Any]:
    """Run all loops over one root of the indexed form."""
    rows = list(audio_flan.stream(root, "speech_asr", shuffle=True))
    clips = [row["input_audio"][0].encoded() for row in rows]

    def in_memory(decode: Callable[[bytes], np.ndarray]) -> float:
        start = time.perf_counter()
        for first in range(0, len(clips), ROWS_PER_BATCH):
            decoded = [decode(data) for data in clips[first : first + ROWS_PER_BATCH]]
            np.concatenate(decoded, axis=-1)
            np.array([samples.shape[-1] for samples in decoded])
        return time.perf_counter() - start

    def in_processes(count: int) -> float:
        parts = [clips[part::count] for part in range(count)]
        with multiprocessing.get_context("fork").Pool(count) as pool:
            return max(pool.map(_decode, parts, chunksize=1))

    def batches(threads: int) -> float:
        start = time.perf_counter()
        stream = audio_flan.stream(
            root, "speech_asr", shuffle=True, decode_threads=threads, prefetch_bytes=prefetch_bytes
        )
        collate = partial(audio_flan.collate, tensors="numpy")
        made = audio_flan.batches(stream, ROWS_PER_BATCH, collate=collate)
        found = sum(len(batch["input_audio_lengths"]) for batch in made)
        assert found == len(clips)
        return time.perf_counter() - start

    loops: dict[str, Callable[[], float]] = {
        SOUNDFILE: partial(in_memory, _soundfile),
        OURS: partial(in_memory, _ours),
        ONE: partial(in_processes, 1),
        TWO: partial(in_processes, 2),
        STREAM: partial(batches, 0),
        AHEAD_1: partial(batches, 1),
        AHEAD_2: partial(batches, 2),
    }
    seconds = _turns(loops, rounds)
    return {
        "clips": len(clips),
        "clips_per_second": {
            name: round(len(clips) / statistics.median(times), 1) for name, times in seconds.items()
        },
        "ratios": {f"{above} / {below}": _ratio(seconds[below], seconds[above]) for above, below in RATIOS},
    }


def _soundfile(data: bytes) -> np.ndarray:
    return soundfile.read(io.BytesIO(data), dtype="float32")[0]


def _ours(data: bytes) -> np.ndarray:
    return LazyAudio(BytesSource(data, "clip"), "clip").decode()[0]


def _decode(clips: list[bytes]) -> float:
    start = time.perf_counter()
    for data in clips:
        _ours(data)
    return time.perf_counter() - start


def copy_rates(rounds: int) -> dict[str, float]:
    """Return the bytes per second that one process copies, and two at the same time; and their ratio."""
    found: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for count, rates in found.items():
            rates.append(sum(_copy_together(count)))
    ratio = statistics.median(two / one for one, two in zip(found[1], found[2], strict=True))
    return {str(count): statistics.median(rates) for count, rates in found.items()} | {"2 / 1": ratio}


def _copy_together(count: int) -> list[float]:
    context = multiprocessing.get_context("fork")
    barrier, found = context.Barrier(count), context.SimpleQueue()
    processes = [context.Process(target=_copy, args=(barrier, found)) for _ in range(count)]
    for process in processes:
        process.start()
    rates = [found.get() for _ in processes]
    for process in processes:
        process.join()
    return rates


def _copy(barrier: Any, found: Any) -> None:
    source = np.ones(COPIED_BYTES, np.uint8)
    target = np.zeros_like(source)
    barrier.wait()
    start = time.perf_counter()
    for _ in range(COPIES):
        np.copyto(target, source)
    found.put(COPIES * COPIED_BYTES / (time.perf_counter() - start))


def _turns(loops: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    for loop in loops.values():  # warm the page cache and the imports
        loop()
    order = list(loops)
    for _ in range(rounds):
        for name in order:
            seconds[name].append(loops[name]())
        order = order[1:] + order[:1]
    return seconds


def _ratio(longer: list[float], shorter: list[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(longer, shorter, strict=True)), 2)


def as_markdown(results: dict[str, Any], options: argparse.Namespace) -> str:
    """Put the results into tables."""
    versions = ", ".join(f"{package} {number}" for package, number in results["versions"].items())
    command = f"python tools/bench/decode_threads.py --clips {options.clips} --rounds {options.rounds}"
    machine = f"{results['machine']}, {os.cpu_count()} CPUs, load before and after {results['load']}"
    lines = [
        "# Decoding ahead in threads",
        "",
        f"Written by `{command} --markdown FILE`.",
        f"Python {results['python']}, {machine}; {versions}.",
        "",
        "Clips of 2-15 s, indexed form, shuffled, batches of 32 rows, flat with lengths, one process.",
    ]
    memory = results["copied_bytes_per_second"]
    one, two = memory["1"] / 1e9, memory["2"] / 1e9
    lines.append(
        f"One process copies {one:.1f} GB of memory per second, two {two:.1f}: {memory['2 / 1']:.2f} of one."
    )
    formats = results["formats"]
    for title, what in (("Clips per second", "clips_per_second"), ("Ratios", "ratios")):
        names = list(next(iter(formats.values()))[what])
        lines += ["", f"| {title} | {' | '.join(formats)} |", f"|---|{'---|' * len(formats)}"]
        lines += [
            f"| {name} | " + " | ".join(f"{found[what][name]:,}" for found in formats.values()) + " |"
            for name in names
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Build the roots, run the loops, print a report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=120, help="clips of real size in each format")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--prefetch-bytes", type=int, default=64 << 20)
    parser.add_argument("--formats", nargs="+", default=["FLAC", "WAV", "OGG"], choices=list(SUFFIX))
    parser.add_argument("--json", type=Path, help="also write the results here")
    parser.add_argument("--markdown", type=Path, help="also write a report here")
    options = parser.parse_args()
    results: dict[str, Any] = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": {package: version(package) for package in PACKAGES},
        "load": f"{os.getloadavg()[0]:.1f}",
        "formats": {},
    }
    work = Path(tempfile.mkdtemp(prefix="audio-flan-bench-"))
    try:
        for audio_format in options.formats:
            release = make_release(work / f"{audio_format}-release", audio_format, options.clips)
            audio_flan.build(release, work / audio_format)
            results["formats"][audio_format] = bench(
                work / audio_format, options.rounds, options.prefetch_bytes
            )
    finally:
        shutil.rmtree(work)
    results["copied_bytes_per_second"] = copy_rates(options.rounds)
    results["load"] += f", {os.getloadavg()[0]:.1f}"
    print(json.dumps(results, indent=1))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    if options.markdown:
        options.markdown.write_text(as_markdown(results, options))


if __name__ == "__main__":
    main()
