"""Figures out of runs: rates, ratios inside a round, and what was asked for beside what was found."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from peers import BARE, LIMIT, OURS, PEERS, PREFETCH
from peers.settings import BYTES_PER_S, FIRST_ROW_LATENCIES_S

Run = Mapping[str, Any]
Runs = Mapping[str, Sequence[Run]]
"""Of each reader, in the order of the rounds."""
Figure = Callable[[Run], float]


class Bound(NamedTuple):
    """What was asked for, and what was found."""

    what: str
    asked: str
    found: str
    kept: bool


def rate(run: Run) -> float:
    """Return clips per second after the first row or batch, as local reading is compared."""
    return (run["rows"] - run["rows_first"]) / run["rest_s"]


def whole_rate(run: Run) -> float:
    """Return clips per second with the opening of the data, but without imports, as networks are compared."""
    return run["rows"] / (run["open_s"] + run["rest_s"])


def cpu_us(run: Run) -> float:
    """Return the CPU time of a clip after the first one, of all threads, in microseconds."""
    return run["rest_cpu_s"] * 1e6 / (run["rows"] - run["rows_first"])


def median(runs: Sequence[Run], figure: Figure) -> float | None:
    """Return the median over the runs that came to their end; None without any."""
    values = [figure(run) for run in runs if "error" not in run]
    return statistics.median(values) if values else None


def ratio(runs: Runs, above: str, below: str, figure: Figure) -> float | None:
    """Return the median of the ratios of the rounds."""
    pairs = zip(runs.get(above, ()), runs.get(below, ()), strict=False)
    ratios = [figure(a) / figure(b) for a, b in pairs if "error" not in a and "error" not in b]
    return statistics.median(ratios) if ratios else None


def ratio_to_bandwidth(runs: Sequence[Run], nbytes: int) -> float | None:
    """Return the speed beside that of fetching so many bytes at the full bandwidth and nothing else."""
    seconds = median(runs, lambda run: run["open_s"] + run["rest_s"])
    return None if seconds is None else nbytes / BYTES_PER_S / seconds


def round_trips(first: Mapping[float, Sequence[Run]]) -> float | None:
    """Return by how many round trips the first row comes later, from the slope over their length."""
    points = [(latency, median(runs, lambda run: run["first_s"])) for latency, runs in first.items()]
    found = [(latency, seconds) for latency, seconds in points if seconds is not None]
    if len(found) < 2:
        return None
    return statistics.linear_regression(*zip(*found, strict=True)).slope


def bounds(results: Mapping[str, Any]) -> list[Bound]:
    """Compare what was found with what issue 5 asks for."""
    runs, workload = results["runs"], results["workload"]
    found: list[Bound] = []

    def least(what: str, least_value: float, value: float | None) -> None:
        if value is not None:
            found.append(Bound(what, f"{least_value:g} or more", f"{value:.2f}", value >= least_value))

    def most(what: str, most_value: float, value: float | None, digits: int = 2) -> None:
        if value is not None:
            found.append(Bound(what, f"{most_value:g} or less", f"{value:.{digits}f}", value <= most_value))

    def ahead(what: str, of: Runs, figure: Figure) -> None:
        best = _best(of, figure)
        if best is not None and OURS in of:
            least(f"{what}: ours / {best}, the best peer", 1, ratio(of, OURS, best, figure))

    for audio_format, of in runs.get("local", {}).items():
        local = f"{audio_format}, local, one thread"
        least(f"{local}: ours / limit", _LIMIT_FACTOR[audio_format], ratio(of, OURS, LIMIT, rate))
        least(f"{local}: ours / bare loop", 0.95, ratio(of, OURS, BARE, rate))
        # CPU time says the same where other work on the machine disturbs less.
        least(f"{local}, CPU time: limit / ours", _LIMIT_FACTOR[audio_format], ratio(of, LIMIT, OURS, cpu_us))
        least(f"{local}, CPU time: bare loop / ours", 0.95, ratio(of, BARE, OURS, cpu_us))
        ahead(local, of, rate)
        two = runs.get("two", {}).get(audio_format, {})
        pairs = zip(two.get(OURS, ()), of.get(OURS, ()), strict=False)
        threads = [rate(a) / rate(b) for a, b in pairs if "error" not in a and "error" not in b]
        least(
            f"{audio_format}, local, two threads / one", 1.6, statistics.median(threads) if threads else None
        )
        ahead(f"{audio_format}, local, two threads or workers", two, rate)
    for audio_format, facts in workload.items():
        disk = facts["disk_bytes"].get("indexed")
        most(
            f"{audio_format}: bytes on disk / unique audio",
            1.03,
            disk and disk / facts["unique_bytes"],
            digits=3,
        )
    for audio_format, of in runs.get("latency", {}).items():
        name, unique = f"{audio_format}, 20 ms for each request", workload[audio_format]["unique_bytes"]
        least(f"{name}: ours / prefetch loop", 0.95, ratio(of, OURS, PREFETCH, whole_rate))
        ahead(name, of, whole_rate)
        for reader, title in ((OURS, "ours"), ("audio_flan-shuffled", "shuffled")):
            nbytes = median(of.get(reader, ()), lambda run: run["traffic"]["nbytes"])
            requests = median(of.get(reader, ()), lambda run: run["traffic"]["requests"])
            most(f"{name}: {title}, bytes / unique audio", 1.02, nbytes and nbytes / unique, digits=3)
            most(f"{name}: {title}, requests", round(1.2 * unique / 8e6 + 20), requests, digits=0)
    for audio_format, of in runs.get("bandwidth", {}).items():
        name, unique = f"{audio_format}, 50 MB/s", workload[audio_format]["unique_bytes"]
        least(f"{name}: ours / bound", 0.95, ratio_to_bandwidth(of.get(OURS, ()), unique))
        ahead(name, of, whole_rate)
    first = runs.get("first", {}).get("FLAC", {})
    most("first row from the start of the process, s", 0.8, median(first.get(OURS, ()), _first_s))
    trips = round_trips(
        {
            s: runs.get(f"first-{s * 1000:.0f}ms", {}).get("FLAC", {}).get(OURS, ())
            for s in FIRST_ROW_LATENCIES_S
        }
    )
    most("first row over HTTP, round trips", 6, trips, digits=1)
    return found


_LIMIT_FACTOR: Final = {"FLAC": 1.4, "WAV": 3.0}


def _first_s(run: Run) -> float:
    return run["first_s"]


def _best(runs: Runs, figure: Figure) -> str | None:
    rates = {name: median(runs[name], figure) for name in PEERS if name in runs}
    found = {name: value for name, value in rates.items() if value is not None}
    return max(found, key=lambda name: found[name]) if found else None
