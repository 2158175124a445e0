"""Requests and seconds from `load_dataset` to the first sound, from a Hub: ``python tools/bench/hub.py``.

The Hub is that of the tests, on this machine; each of its answers takes at least 50 ms. A run is a fresh
process, cold with an empty cache of its own, warm with the cache of a run before. A redirect is a request.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import audio_flan

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tests"))

from hub.clients import run_client  # noqa: E402 - the Hub is one of the tests
from hub.large import FILES, enlarge  # noqa: E402
from hub.repos import COMMIT  # noqa: E402
from hub.server import Exchange, Hub  # noqa: E402

REPO = "HKUSTAudio/Audio-FLAN"
PACKAGES = ("audio-flan", "datasets", "huggingface_hub", "fsspec", "pyarrow", "torch", "torchcodec")
LATENCY_S = 0.05
CONFIGS = ("speech_asr", "speech")
MODULES = {"datasets": "plain datasets", "audio_flan": "audio_flan"}
RUN = """
import json, os, sys, time
module, repo, config = sys.argv[1:]
load_dataset = __import__(module).load_dataset
from huggingface_hub import get_session
begin = time.perf_counter()
rows = load_dataset(repo, config, streaming=True)["train"]
loaded = time.perf_counter()
get_session().get(os.environ["HF_ENDPOINT"] + "/loaded")
mark = time.perf_counter()
row = next(iter(rows))
frames = [len(audio["array"]) for column in ("input_audio", "output_audio") for audio in row[column]]
assert all(frames), row
print(json.dumps([loaded - begin, time.perf_counter() - mark]))
"""


class Run(NamedTuple):
    """Requests and seconds of the call, and from there to the first sound."""

    call_requests: int
    first_requests: int
    call_s: float
    first_s: float


def run(hub: Hub, home: Path, module: str, config: str) -> Run:
    """Run a fresh process; `RuntimeError` when it fails."""
    hub.forget()
    done = run_client(hub, home, RUN, module, REPO, config)
    if done.returncode:
        raise RuntimeError(f"{module} failed to load {config}:\n{done.stderr}")
    paths = [exchange.path for exchange in hub.log]
    loaded = paths.index("/loaded")
    return Run(loaded, len(paths) - loaded - 1, *json.loads(done.stdout))


def measure(hub: Hub, work: Path, module: str, config: str, rounds: int) -> dict[str, Run]:
    """Return the medians of some rounds, cold and warm."""
    runs: dict[str, list[Run]] = {"cold": [], "warm": []}
    for number in range(rounds):
        home = work / f"home{number}"
        for each in runs.values():
            each.append(run(hub, home, module, config))
        shutil.rmtree(home)
    return {state: Run(*map(statistics.median, zip(*each, strict=True))) for state, each in runs.items()}


def measure_faults(hub: Hub, work: Path, module: str) -> dict[str, Any]:
    """Let each request of a cold run fail in turn with HTTP 500; return how many, and those that end it."""
    run(hub, work / "home", module, CONFIGS[0])
    requests = [exchange for exchange in hub.log if exchange.path != "/loaded"]
    fatal = []
    for number, request in enumerate(requests, start=1):
        shutil.rmtree(work / "home")
        hub.heal()
        hub.fail(500, first=number)
        try:
            run(hub, work / "home", module, CONFIGS[0])
        except RuntimeError:
            fatal.append(named(request))
    hub.heal()
    shutil.rmtree(work / "home")
    return {"requests": len(requests), "fatal": fatal}


def named(request: Exchange) -> str:
    """Write a request without the name of the repo and its revision."""
    return f"{request.method} {request.path.replace(REPO, 'REPO').replace(COMMIT, 'COMMIT')}"


def repos(work: Path, release: Path) -> Iterator[tuple[str, Path, dict[str, Path]]]:
    """Build both forms; yield what is published: name, folder, and files that are elsewhere."""
    roots = {form: work / form for form in ("indexed", "embedded")}
    for form, root in roots.items():
        audio_flan.build(release, root, form, shard_size=8_000_000)
    audio_flan.rebase(roots["indexed"], f"hf://datasets/{REPO}")
    for form, root in roots.items():
        yield form, root, {}
    for form, kind in (("indexed", "audio"), ("embedded", "data")):
        folder = work / f"many-{form}"
        yield f"{form}, {FILES:,} files below {kind}/", folder, enlarge(roots[form], folder, kind)


def as_markdown(results: dict[str, Any], rounds: int) -> str:
    """Put the results into tables."""
    versions = ", ".join(f"{package} {number}" for package, number in results["versions"].items())
    lines = [
        "# From a Hub: requests and seconds to the first sound",
        "",
        f"Written by `python tools/bench/hub.py --rounds {rounds} --markdown FILE`.",
        f"Python {results['python']}, {results['machine']}, {os.cpu_count()} CPUs; {versions}.",
        "",
        f'`load_dataset("{REPO}", CONFIG, streaming=True)` and the first row of `train`, its sound decoded,',
        f"from the Hub of the tests: {LATENCY_S * 1000:.0f} ms for each answer, and redirects, which are",
        "requests, to a content network. Cold: an empty cache. Warm: a second process. Medians of rounds.",
        "The import of the module is not counted; what it puts off (torch, by plain datasets) is.",
        "",
        "| repo | config | client | cache | requests: call | first sound | seconds: call | first sound |",
        "|---|---|---|---|---:|---:|---:|---:|",
    ]
    for repo, config, module, state, done in results["runs"]:
        numbers = (
            f"{done.call_requests:.0f} | {done.first_requests:.0f} | {done.call_s:.2f} | {done.first_s:.2f}"
        )
        lines.append(f"| {repo} | {config} | {module} | {state} | {numbers} |")
    lines += [
        "",
        f"One request of a cold run answered with HTTP 500, {CONFIGS[0]} of the indexed form, each in turn:",
        "",
    ]
    for module, faults in results["faults"].items():
        end = f"{len(faults['fatal'])} of {faults['requests']} end the run"
        which = f": {', '.join(f'`{name}`' for name in faults['fatal'])}" if faults["fatal"] else ""
        lines.append(f"* {module}: {end}{which}")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Build the repos, run the clients, print a report."""
    shared = PROJECT.parent / "shared/corpus"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", type=Path, default=shared, help="a release that has rows of speech_asr")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--markdown", type=Path, help="also write the report here")
    options = parser.parse_args()
    results: dict[str, Any] = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": {package: version(package) for package in PACKAGES},
        "runs": [],
        "faults": {},
    }
    with tempfile.TemporaryDirectory(prefix="audio-flan-bench-") as name:
        work = Path(name)
        for repo, folder, others in repos(work, options.release):
            with Hub(redirects=True, latency_s=LATENCY_S) as hub:
                hub.add(REPO, folder, more_files=others)
                for config in CONFIGS:
                    for module, client in MODULES.items():
                        for state, done in measure(hub, work, module, config, options.rounds).items():
                            results["runs"].append((repo, config, client, state, done))
                if repo == "indexed":
                    results["faults"] = {
                        client: measure_faults(hub, work, module) for module, client in MODULES.items()
                    }
    report = as_markdown(results, options.rounds)
    print(report)
    if options.markdown:
        options.markdown.write_text(report)


if __name__ == "__main__":
    main()
