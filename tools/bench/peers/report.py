"""The results as Markdown."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from peers import BARE, LIMIT, LOCAL_ONLY, OURS, PREFETCH, READERS
from peers.ratios import Run, Runs, bounds, cpu_us, median, rate, ratio, ratio_to_bandwidth, whole_rate
from peers.settings import BYTES_PER_S, FAULT_EVERY, FIRST_ROW_LATENCIES_S, LATENCY_S

Results = Mapping[str, Any]
Table = tuple[list[str], list[list[str]]]
"""Heads, and rows."""
_NONE = "-"


def as_markdown(results: Results) -> str:
    """Put the results into tables."""
    return "\n".join(_lines(results)) + "\n"


def _lines(results: Results) -> Iterator[str]:
    workload, peers = results["workload"], results["versions"]["peers"]
    load = ", ".join(str(load) for load in results["load"])
    yield from (
        "# Streaming beside other libraries",
        "",
        f"Written by `python tools/bench/compare_peers.py {results['command']} --markdown FILE`.",
        f"Python {results['python']}, {results['machine']}; load after each setting {load}.",
        f"Packages: {_versions(peers)}.",
    )
    if "mosaicml" in results["versions"]:
        others = results["versions"]["mosaicml"]
        own = {name: number for name, number in others.items() if peers.get(name) != number}
        yield f"mosaicml-streaming, which does not go with these, has {_versions(own)}."
    facts = next(iter(workload.values()))
    megabytes = {name: of["unique_bytes"] / 1e6 for name, of in workload.items()}
    sizes = ", ".join(f"{value:,.0f} MB of {name}" for name, value in megabytes.items())
    clips, rows = facts["clips"], facts["rows"]
    yield from (
        "",
        f"{clips:,} clips of 2 to 15 s, 16 kHz, mono: {sizes}. {rows:,} rows, one clip each;",
        "a clip is that of four rows. Every reader decodes the clip of every row to float32 samples, in the",
        "order in which its form is stored where nothing else is said; megatron-energon shuffles by default.",
        "Each run is a fresh process with one thread for numerics; readers take turns, and a ratio is the",
        "median of the ratios inside each round. The page cache is warm. Peers write their forms themselves,",
        "in shards of 64 MB, and are read as their documents advise for speed.",
        "",
        "## What is asked for",
        "",
    )
    found = [
        [bound.what, bound.asked, bound.found, "yes" if bound.kept else "**no**"] for bound in bounds(results)
    ]
    yield from _markdown((["", "asked for", "found", "kept"], found))
    for audio_format, of in workload.items():
        for title, text, table in _sections(results, audio_format, of):
            yield from ("", f"## {title}", "", *text, "", *_markdown(table))
    yield from _first(results)


def _sections(
    results: Results, audio_format: str, facts: Mapping[str, Any]
) -> Iterator[tuple[str, list[str], Table]]:
    runs: dict[str, Runs] = {
        name: of[audio_format] for name, of in results["runs"].items() if audio_format in of
    }
    unique, referenced = facts["unique_bytes"], facts["referenced_bytes"]
    rows = facts["rows"]
    if "local" in runs:
        text = [
            "Clips per second after the first one, and CPU time of all threads of the process from there on."
        ]
        yield f"{audio_format}, local, one process, one thread", text, _local(runs["local"], facts)
    if "two" in runs:
        text = [
            "Batches of 16 rows, all clips in one vector and their lengths: the fastest way from process to",
            "process. Ours decodes in two threads of one process; the peers have two DataLoader workers. The",
            "limit decodes in two processes and hands nothing over.",
        ]
        columns = {
            "clips/s": lambda of, name: _number(median(of[name], rate)),
            "of the limit": lambda of, name: _ratio(ratio(of, name, LIMIT, rate)),
            "first batch, s": lambda of, name: _first_batch(of[name]),
        }
        yield f"{audio_format}, local, two threads or workers", text, _table(runs["two"], columns)
    network: dict[str, Callable[[Runs, str], str]] = {
        "clips/s": lambda of, name: _number(median(of[name], whole_rate)),
        "requests": lambda of, name: _traffic(of[name], "requests"),
        "MB fetched": lambda of, name: _traffic(of[name], "nbytes", 1e6),
    }
    if "latency" in runs:
        text = [
            f"A server on this machine waits {LATENCY_S * 1000:.0f} ms before each answer. Clips per second",
            "of the whole run without imports.",
        ]
        columns = {
            **network,
            "of the prefetch loop": lambda of, name: _ratio(ratio(of, name, PREFETCH, whole_rate)),
        }
        yield (
            f"{audio_format}, {LATENCY_S * 1000:.0f} ms for each request",
            text,
            _table(runs["latency"], columns),
        )
    if "bandwidth" in runs:
        bounds_s = [nbytes / BYTES_PER_S for nbytes in (unique, referenced)]
        once, each = (f"{seconds:.2f} s, {rows / seconds:,.0f} clips/s" for seconds in bounds_s)
        text = [
            f"{BYTES_PER_S / 1e6:.0f} MB/s for all connections. To fetch each clip once takes {once};",
            f"the clip of each row, as the forms of the peers have it, {each}.",
        ]
        columns = {
            **network,
            "of the bound, clips once": lambda of, name: _ratio(ratio_to_bandwidth(of[name], unique)),
            "of the bound, a clip for each row": lambda of, name: _ratio(
                ratio_to_bandwidth(of[name], referenced)
            ),
        }
        yield f"{audio_format}, {BYTES_PER_S / 1e6:.0f} MB/s", text, _table(runs["bandwidth"], columns)
    if "faults" in runs:
        text = [f"The third request and each {FAULT_EVERY}th after it is refused: HTTP 500 and 503 by turns."]
        columns = {
            "rows": lambda of, name: _outcome(of[name], rows),
            "requests": network["requests"],
            "refused": lambda of, name: _traffic(of[name], "faults"),
        }
        yield f"{audio_format}, refused requests", text, _table(runs["faults"], columns)


def _local(runs: Runs, facts: Mapping[str, Any]) -> Table:
    disk = facts["disk_bytes"]

    def on_disk(_: Runs, name: str) -> str:
        if name in LOCAL_ONLY:
            return _NONE
        return f"{disk[READERS[name].form] / facts['unique_bytes']:.2f}"

    columns: dict[str, Callable[[Runs, str], str]] = {
        "clips/s": lambda of, name: _number(median(of[name], rate)),
        "of the limit": lambda of, name: _ratio(ratio(of, name, LIMIT, rate)),
        "of the bare loop": lambda of, name: _ratio(ratio(of, name, BARE, rate)),
        "CPU µs/clip": lambda of, name: _number(median(of[name], cpu_us)),
        "peak MB": lambda of, name: _number(median(of[name], lambda run: run["peak_mb"])),
        "disk / unique audio": on_disk,
    }
    return _table(runs, columns)


def _first(results: Results) -> Iterator[str]:
    runs = results["runs"].get("first", {}).get("FLAC")
    if not runs:
        return
    yield from (
        "",
        "## The first row",
        "",
        "Seconds from the start of the process to the first decoded clip, with imports.",
        "",
    )
    columns = {"local": lambda of, name: _number(median(of[name], lambda run: run["first_s"]), 2)}
    yield from _markdown(_table(runs, columns))
    remote = {
        seconds: results["runs"].get(f"first-{seconds * 1000:.0f}ms", {}).get("FLAC", {}).get(OURS)
        for seconds in FIRST_ROW_LATENCIES_S
    }
    rows = [
        [
            f"{seconds * 1000:.0f} ms for each request",
            _number(median(of, lambda run: run["first_s"]), 2),
            _traffic(of, "requests"),
        ]
        for seconds, of in remote.items()
        if of
    ]
    if rows:
        yield from ("", "`audio_flan.stream` over HTTP:", "", *_markdown((["", "s", "requests"], rows)))


def _table(runs: Runs, columns: Mapping[str, Callable[[Runs, str], str]]) -> Table:
    rows = []
    for name, of in runs.items():
        errors = [run["error"] for run in of if "error" in run]
        if len(errors) == len(of) and "rows" not in columns:
            rows.append([READERS[name].title, f"fails: {_code(errors[0])}", *[""] * (len(columns) - 1)])
        else:
            rows.append([READERS[name].title, *(column(runs, name) for column in columns.values())])
    remote = any("traffic" in run for of in runs.values() for run in of)
    if remote:
        rows += [
            [reader.title, f"not measured: {reader.why_not}", *[""] * (len(columns) - 1)]
            for reader in READERS.values()
            if reader.why_not
        ]
    return ["", *columns], rows


def _first_batch(runs: list[Run]) -> str:
    return _number(median([run for run in runs if "first_s" in run], lambda run: run["first_s"]), 1)


def _outcome(runs: list[Run], rows: int) -> str:
    """Say what became of a run with faults, as the worst of the runs shows it."""
    errors = [run["error"] for run in runs if "error" in run]
    if errors:
        return f"ends: {_code(errors[0])}"
    fewest = min(run["rows"] for run in runs)
    return "all" if fewest == rows else f"{fewest:,} of {rows:,}, no error"


def _code(text: str) -> str:
    return f"`{text.replace('`', '').replace('|', '/')[:110]}`"


def _traffic(runs: list[Run], what: str, unit: float = 1.0) -> str:
    values = sorted(run["traffic"][what] for run in runs if "traffic" in run)
    return f"{values[len(values) // 2] / unit:,.0f}" if values else _NONE


def _number(value: float | None, digits: int = 0) -> str:
    return _NONE if value is None else f"{value:,.{digits}f}"


def _ratio(value: float | None) -> str:
    return _NONE if value is None else f"{value:.2f}"


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())


def _markdown(table: Table) -> Iterator[str]:
    heads, rows = table
    yield f"| {' | '.join(heads)} |"
    yield f"|---|{'---:|' * (len(heads) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
