"""Read the workload once in this process, and print what it took as JSON; used by `compare_peers`."""

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from peers import READERS, Reader
from peers.clips import Place, rows_of

PACKAGES = (
    "audio-flan",
    "datasets",
    "torchcodec",
    "webdataset",
    "lhotse",
    "litdata",
    "mosaicml-streaming",
    "megatron-energon",
    "torch",
    "numpy",
    "soundfile",
    "miniaudio",
    "pyarrow",
    "huggingface_hub",
    "fsspec",
)


def measure(reader: Reader, place: Place, begun: float, *, batches: bool, first: bool) -> dict[str, Any]:
    """Read all rows, or the first one only.

    Returns
    -------
    dict
        ``first_s`` from the start of the process (`begun`, on the monotonic clock) and ``open_s`` from the
        end of the imports to the first row, ``rest_s`` and CPU time, of all threads, from there to the last;
        rows and frames; the peak of memory.
    """
    module = import_module(f"peers.{reader.module}")
    if reader.module == "limits" and batches:
        frames, seconds = module.frames_and_seconds(place, **reader.options)
        return {"rows": len(frames), "frames": sum(frames), "rest_s": seconds, "open_s": 0.0, "rows_first": 0}
    if not first:
        for name in reader.imports:
            import_module(name)
    read = module.batches if batches else module.clips
    opened = time.monotonic()
    found = _lengths(read(place, **reader.options), batches=batches)
    lengths = next(found)
    at_first, cpu_at_first = time.monotonic(), time.process_time()
    rows, frames, rows_first = len(lengths), sum(lengths), len(lengths)
    if not first:
        for lengths in found:
            rows += len(lengths)
            frames += sum(lengths)
    end, cpu_end = time.monotonic(), time.process_time()
    return {
        "rows": rows,
        "frames": frames,
        "rows_first": rows_first,
        "first_s": at_first - begun,
        "open_s": at_first - opened,
        "rest_s": end - at_first,
        "rest_cpu_s": cpu_end - cpu_at_first,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _lengths(found: Any, *, batches: bool) -> Iterator[list[int]]:
    if batches:
        for samples, lengths in found:
            counted = [int(length) for length in lengths]
            if sum(counted) != len(samples):
                raise ValueError(f"a batch of {len(samples)} frames, said to be {sum(counted)}")
            yield counted
        return
    for samples in found:
        if samples.dtype.name != "float32" or samples.ndim != 1:
            raise ValueError(f"samples are {samples.dtype}, {samples.shape}")
        yield [len(samples)]


def versions() -> dict[str, str]:
    """Return the versions of what is installed here."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def main() -> None:
    """Write a form, read one, or tell the versions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["write", "read", "versions"])
    parser.add_argument("reader", nargs="?", choices=list(READERS))
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--release", type=Path)
    parser.add_argument("--url")
    parser.add_argument("--begun", type=float, default=0.0)
    parser.add_argument("--batches", action="store_true")
    parser.add_argument("--first", action="store_true")
    options = parser.parse_args()
    if options.what == "versions":
        print(json.dumps(versions()))
        return
    reader = READERS[options.reader]
    if options.what == "write":
        options.folder.mkdir(parents=True)
        import_module(f"peers.{reader.module}").write(rows_of(options.release), options.folder)
        return
    found = measure(
        reader,
        Place(options.folder, options.url),
        options.begun,
        batches=options.batches,
        first=options.first,
    )
    print("\n" + json.dumps(found), flush=True)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
