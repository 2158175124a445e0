"""Random access by id, and what it costs beside bare reading: ``python tools/bench/audio_store.py``.

Look-ups are measured in a fresh process over generated tables of ids, which have no clips; with `--keep` the
tables stay for another run. Clips of real size are read in a random order, the loops taking turns, from the
page cache and from the disk, for which the system is told to let go of the shards before each loop: it does
for files of a disk, and not for those of a tmpfs. A ratio is the median of the ratios of its rounds.
"""

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import version
from itertools import chain, product
from multiprocessing import get_context
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from generate import describe_corpus, make_manifest
from population import population
from workload import make_release

import audio_flan
from audio_flan.shards import write_manifest
from audio_flan.waveform import BytesSource, LazyAudio

PACKAGES: Final = ("audio-flan", "numpy", "soundfile", "miniaudio", "xxhash", "msgspec")
ROWS_PER_CLIP: Final = 4.29
"""Of the generated population."""
LOOPS: Final = ("pread + decode", "store[id]", "store.get_many, 64 ids")
BATCH: Final = 64


def make_tables(out: Path, clips: int, jobs: int) -> None:
    """Write the manifest and the tables of a root with about so many clips, and nothing else."""
    rows = round(clips * ROWS_PER_CLIP)
    corpora = sorted({leaf.corpus for leaf in population(rows)}, key=attrgetter("name"))
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        found = pool.map(partial(describe_corpus, out, seed=0, index=True), corpora)
        described = dict(zip(corpora, found, strict=True))
    options = argparse.Namespace(rows=rows, shard_rows=rows, seed=0)
    files = list(chain.from_iterable(each.index for each in described.values()))
    write_manifest(out, make_manifest(options, files, [], described))


LOOKUPS_SCRIPT: Final = """
import json, os, random, sys, time
from pathlib import Path

def memory():
    lines = Path("/proc/self/status").read_text().splitlines()
    return {name: int(line.split()[1]) / 1024 for line in lines
            for name in ("VmRSS", "VmHWM", "RssAnon") if line.startswith(name)}

import audio_flan
AudioStore = audio_flan.AudioStore
found = {"memory": {"audio_flan imported": memory()}, "seconds": {}, "lookups_per_second": {}}
corpora, clips = json.loads(sys.argv[2])
draw = random.Random(0)

def some(count):
    names = draw.choices(corpora, clips, k=count)
    sizes = dict(zip(corpora, clips))
    return [f"{name}_{draw.randrange(sizes[name]):08d}" for name in names]

for path in Path(sys.argv[1], "index").iterdir():  # out of the page cache, as far as the system agrees
    handle = os.open(path, os.O_RDONLY)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)
begin = time.perf_counter()
store = AudioStore(sys.argv[1])
found["seconds"]["open"] = time.perf_counter() - begin
found["memory"]["open"] = memory()
first = some(1)[0]
begin = time.perf_counter()
store[first]
found["seconds"]["first look-up"] = time.perf_counter() - begin
found["clips"] = len(store)

def rate(name, ids, look_up):
    begin = time.perf_counter()
    for audio_id in ids:
        look_up(audio_id)
    found["lookups_per_second"][name] = len(ids) / (time.perf_counter() - begin)

rate("the first 2,000, tables not in the page cache", some(2000), store.__getitem__)
for path in Path(sys.argv[1], "index").glob("*.ids"):  # into the page cache
    with path.open("rb") as file:
        while file.read(1 << 20):
            pass
for number in range(3):
    rate(f"random ids, round {number + 1}", some(100_000), store.__getitem__)
    found["memory"][f"{100_000 * (number + 1):,} look-ups later"] = memory()
rate("ids that are not there", [audio_id + "x" for audio_id in some(20_000)], store.__contains__)
print(json.dumps(found))
"""


def look_up(root: Path) -> dict[str, Any]:
    """Open the tables in a fresh process and look ids up."""
    manifest = json.loads((root / "audio_flan.json").read_bytes())
    sizes = [[each[key] for each in manifest["corpora"]] for key in ("corpus", "clips")]
    command = [sys.executable, "-c", LOOKUPS_SCRIPT, str(root), json.dumps(sizes)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    tables, index = (
        sum(path.stat().st_size for path in root.glob(f"index/*.{end}")) for end in ("ids", "parquet")
    )
    return found | {"bytes_per_clip": {"ids": tables / found["clips"], "parquet": index / found["clips"]}}


def read_clips(root: Path, rounds: int) -> dict[str, Any]:
    """Read and decode all clips of a root in a random order, from the page cache and from the disk."""
    store = audio_flan.AudioStore(root)
    ids = list(store)
    random.Random(0).shuffle(ids)
    places = [store[audio_id].source.place for audio_id in ids]  # type: ignore[attr-defined]
    handles = {place.shard: os.open(root / place.shard, os.O_RDONLY) for place in places}
    plain = [(handles[place.shard], place.nbytes, place.offset, place.audio_id) for place in places]

    def bare() -> None:
        for handle, nbytes, offset, audio_id in plain:
            data = os.pread(handle, nbytes, offset)
            LazyAudio(BytesSource(data, audio_id), audio_id).decode()

    def one_by_one() -> None:
        for audio_id in ids:
            store[audio_id].decode()

    def many() -> None:
        for some in (ids[start : start + BATCH] for start in range(0, len(ids), BATCH)):
            for audio in store.get_many(some):
                audio.decode()

    def forget() -> None:
        for handle in handles.values():
            os.fsync(handle)  # what is not yet written cannot be let go of
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)

    loops = dict(zip(LOOPS, (bare, one_by_one, many), strict=True))
    found = {
        "clips": len(ids),
        "page cache": _figures(_rates(loops, len(ids), rounds)),
        "disk": _figures(_rates(loops, len(ids), rounds, forget)),
    }
    for handle in handles.values():
        os.close(handle)
    return found


def _figures(rates: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    return {
        "clips_per_second": {name: statistics.median(values) for name, values in rates.items()},
        "ratios": {
            name: statistics.median(a / b for a, b in zip(rates[name], rates[LOOPS[0]], strict=True))
            for name in LOOPS[1:]
        },
    }


def _rates(
    loops: dict[str, Callable[[], None]], clips: int, rounds: int, before: Callable[[], None] = lambda: None
) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {name: [] for name in loops}
    for loop in loops.values():  # warm the page cache and the imports
        loop()
    order = list(loops)
    for _ in range(rounds):
        for name in order:
            before()
            start = time.perf_counter()
            loops[name]()
            rates[name].append(clips / (time.perf_counter() - start))
        order = order[1:] + order[:1]
    return rates


def as_markdown(results: dict[str, Any], arguments: list[str]) -> str:
    """Put the results into tables."""
    found, read = results["look-ups"], results["clips"]
    sizes = found["bytes_per_clip"]
    versions = ", ".join(f"{package} {number}" for package, number in results["versions"].items())
    lines = [
        "# Random access by id",
        "",
        f"Written by `python tools/bench/audio_store.py {' '.join(arguments)}`.",
        f"Python {results['python']}, {results['machine']}, {os.cpu_count()} CPUs; {versions}.",
        "",
        f"## {found['clips']:,} ids of 52 corpora",
        "",
        *(f"* {name}: {1000 * value:.1f} ms" for name, value in found["seconds"].items()),
        f"* on disk: {sizes['ids']:.1f} bytes for each clip; {sizes['parquet']:.1f} in the Parquet index",
        "",
        "| resident memory, MB | now | anonymous | peak |",
        "|---|---|---|---|",
        *(
            f"| {name} | {value['VmRSS']:.1f} | {value['RssAnon']:.1f} | {value['VmHWM']:.1f} |"
            for name, value in found["memory"].items()
        ),
        "",
        "| look-ups, one thread | per second |",
        "|---|---|",
        *(f"| {name} | {value:,.0f} |" for name, value in found["lookups_per_second"].items()),
        "",
        "## Clips in a random order, from local disk",
        "",
        f"| | clips | {' | '.join(f'{name}, clips/s' for name in LOOPS)} | {' | '.join(LOOPS[1:])} |",
        f"|---|---|{'---|' * (2 * len(LOOPS) - 1)}",
    ]
    for (name, value), where in product(read.items(), ("page cache", "disk")):
        rates = " | ".join(f"{value[where]['clips_per_second'][loop]:,.0f}" for loop in LOOPS)
        ratios = " | ".join(f"{value[where]['ratios'][loop]:.2f}" for loop in LOOPS[1:])
        lines.append(f"| {name}, {where} | {value['clips']:,} | {rates} | {ratios} |")
    lines += [
        "",
        "The last two columns are ratios to reading with `os.pread` from open files and decoding. A store",
        "opens the shard for each clip and checks the hash of its bytes, which shows beside decoding WAV:",
        "that is little more than a copy. What `get_many` gives is in memory together, where a loop over",
        "single clips uses the same place again.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Make the roots, run the loops, print a report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ids", type=int, default=1_000_000, help="ids to look up among, about")
    parser.add_argument("--keep", type=Path, help="the tables of ids: made here, or here already")
    parser.add_argument("--clips", type=int, default=150, help="clips of real size in each format")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes that make the tables")
    parser.add_argument("--corpus", type=Path, help="a release whose clips are read as well")
    parser.add_argument("--json", type=Path, help="also write the results here")
    parser.add_argument("--markdown", type=Path, help="also write a report here")
    options = parser.parse_args()
    results: dict[str, Any] = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": {package: version(package) for package in PACKAGES},
        "clips": {},
    }
    work = Path(tempfile.mkdtemp(prefix="audio-flan-bench-"))
    try:
        tables = options.keep or work / "tables"
        if not (tables / "audio_flan.json").exists():
            make_tables(tables, options.ids, options.jobs)
        results["look-ups"] = look_up(tables)
        for audio_format in ("FLAC", "WAV", "OGG"):
            release = make_release(work / audio_format, audio_format, options.clips)
            audio_flan.build(release, work / f"{audio_format}-built", "indexed")
            results["clips"][f"{audio_format}, 2-15 s"] = read_clips(
                work / f"{audio_format}-built", options.rounds
            )
        if options.corpus:
            audio_flan.build(options.corpus, work / "corpus", "indexed")
            results["clips"]["corpus"] = read_clips(work / "corpus", options.rounds)
    finally:
        shutil.rmtree(work)
    print(json.dumps(results, indent=1))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    if options.markdown:
        said = [f"--{name} {getattr(options, name)}" for name in ("ids", "clips", "rounds")]
        said += ["--corpus RELEASE"] if options.corpus else []
        options.markdown.write_text(as_markdown(results, said))


if __name__ == "__main__":
    main()
