"""Our streams beside those of other libraries, on one workload: ``python tools/bench/compare_peers.py``.

Every run is a fresh process; readers take turns, several rounds, and a ratio is the median of the ratios of
its rounds, since rounds share whatever else the machine is doing. The page cache is warm; networks are the
loopback with what a real one adds. Two environments are needed, as one peer wants older packages than the
others: ``peers/requirements.txt`` (with this package) and ``peers/requirements-mosaicml.txt``.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import soundfile
from peers import READERS, Reader
from peers.clips import rows_of
from peers.report import as_markdown
from peers.server import FileServer
from peers.settings import SETTINGS, Setting
from workload import make_release

MEASURE: Final = Path(__file__).with_name("measure_reader.py")
LINK_FFMPEG: Final = Path(__file__).parents[1] / "link_ffmpeg.py"
FORMATS: Final = ["FLAC", "WAV"]
TIMEOUT_S: Final = 300
_EXCEPTION: Final = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Iteration|Interrupt)\b")


class Bench:
    """The workload in one format, and the processes that write and read it.

    Parameters
    ----------
    work : Path
        Forms that are there are used again.
    pythons : dict of str
        The interpreter of each environment.
    """

    def __init__(self, work: Path, pythons: dict[str, str]) -> None:
        self.work, self._pythons = work, pythons
        libraries = subprocess.run(
            [pythons["peers"], LINK_FFMPEG, work / "ffmpeg"], check=True, capture_output=True, text=True
        ).stdout.strip()
        self._environment = {
            **os.environ,
            "LD_LIBRARY_PATH": libraries,  # for torchcodec
            "OMP_NUM_THREADS": "1",
            "HF_HOME": str(work / "hf"),
        }

    def prepare(self, audio_format: str, clips: int, readers: dict[str, Reader]) -> dict[str, Any]:
        """Make all forms of a format; return what is known of it."""
        folder = self.work / audio_format
        release = folder / "release"
        if not release.is_dir():
            make_release(release, audio_format, clips)
        if not (folder / "indexed").is_dir():
            import audio_flan

            audio_flan.build(release, folder / "indexed")
        for name, reader in readers.items():
            form = folder / reader.form
            if not form.is_dir():
                partial = form.with_name(f".{reader.form}")
                shutil.rmtree(partial, ignore_errors=True)
                self._run(reader, ["write", name, str(partial), "--release", str(release)])
                partial.rename(form)
        rows = rows_of(release)
        sizes = {row.clip: row.clip.stat().st_size for row in rows}
        frames = {clip: soundfile.info(clip).frames for clip in sizes}
        return {
            "rows": len(rows),
            "clips": len(sizes),
            "unique_bytes": sum(sizes.values()),
            "referenced_bytes": sum(sizes[row.clip] for row in rows),
            "frames": sum(frames[row.clip] for row in rows),
            "disk_bytes": {reader.form: _size(folder / reader.form) for reader in readers.values()},
        }

    def read(self, name: str, audio_format: str, *arguments: str) -> dict[str, Any]:
        """Run a reader once; with ``error`` in what is returned when it fails."""
        reader = READERS[name]
        folder = self.work / audio_format / reader.form
        command = ["read", name, str(folder), *arguments, "--begun", str(time.monotonic())]
        begun = time.monotonic()
        try:
            output = self._run(reader, command)
        except subprocess.TimeoutExpired:
            return {"error": f"no end in {TIMEOUT_S} s"}
        except subprocess.CalledProcessError as error:
            return {"error": _what_went_wrong(error.stderr) or f"exit code {error.returncode}"}
        return {**json.loads(output.splitlines()[-1]), "process_s": time.monotonic() - begun}

    def versions(self) -> dict[str, dict[str, str]]:
        """Return what is installed in each environment."""
        return {
            name: json.loads(subprocess.check_output([python, MEASURE, "versions"], text=True))
            for name, python in self._pythons.items()
        }

    def _run(self, reader: Reader, arguments: list[str]) -> str:
        command = [self._pythons[reader.environment], MEASURE, *arguments]
        return subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=TIMEOUT_S, env=self._environment
        ).stdout


def _what_went_wrong(stderr: str) -> str:
    """Return the last line of a traceback that names an exception."""
    named = [line for line in stderr.splitlines() if _EXCEPTION.match(line)]
    return named[-1] if named else ""


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def run_setting(
    bench: Bench, server: FileServer, setting: Setting, audio_format: str, names: list[str], rounds: int
) -> dict[str, list[dict[str, Any]]]:
    """Let the readers take turns; return the runs of each."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    order = list(names)
    for number in range(rounds):
        for name in order:
            arguments = list(setting.arguments)
            if setting.network is not None:
                server.begin(setting.network)
                arguments += ["--url", f"{server.url}/{audio_format}/{READERS[name].form}"]
            found = bench.read(name, audio_format, *arguments)
            if setting.network is not None:
                found["traffic"] = server.traffic()._asdict()
            runs[name].append(found)
            said = found.get("error") or f"{found['process_s']:.1f} s"
            print(f"{setting.name} {audio_format} {number + 1}/{rounds} {name}: {said}", file=sys.stderr)
        order = order[1:] + order[:1]
    return runs


def mark_incomplete(runs: dict[str, list[dict[str, Any]]], facts: dict[str, Any]) -> None:
    """Make errors of runs that did not give the clip of every row."""
    for of in runs.values():
        for run in of:
            if "error" not in run and (run["rows"], run["frames"]) != (facts["rows"], facts["frames"]):
                run["error"] = f"{run['rows']} rows with {run['frames']} frames"


def _command(options: argparse.Namespace) -> str:
    command = f"--clips {options.clips} --rounds {options.rounds}"
    for name, all_of in (("formats", FORMATS), ("settings", SETTINGS), ("readers", READERS)):
        if len(chosen := getattr(options, name)) < len(all_of):
            command += f" --{name} {' '.join(chosen)}"
    return command


def main() -> None:
    """Make the workload, run the readers, write a report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=400, help="clips of 2 to 15 s, each used by four rows")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--formats", nargs="+", default=FORMATS, choices=FORMATS)
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    parser.add_argument("--readers", nargs="+", default=list(READERS), choices=list(READERS))
    parser.add_argument("--python", default=sys.executable, help="of the environment of most peers")
    parser.add_argument(
        "--mosaicml-python", help="of the other environment; without it that peer is left out"
    )
    parser.add_argument("--work", type=Path, help="keep the workload here, and use what is there")
    parser.add_argument("--json", type=Path, help="write the results here, after each setting")
    parser.add_argument("--markdown", type=Path, help="write a report here")
    options = parser.parse_args()
    pythons = {"peers": options.python}
    if options.mosaicml_python:
        pythons["mosaicml"] = options.mosaicml_python
    readers = {name: READERS[name] for name in READERS if name in options.readers}
    readers = {name: reader for name, reader in readers.items() if reader.environment in pythons}
    work = options.work or Path(tempfile.mkdtemp(prefix="audio-flan-bench-"))
    work.mkdir(parents=True, exist_ok=True)
    try:
        bench = Bench(work, pythons)
        results: dict[str, Any] = {
            "command": _command(options),
            "python": platform.python_version(),
            "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
            "versions": bench.versions(),
            "load": [],
            "workload": {},
            "runs": {},
        }
        for audio_format in options.formats:
            results["workload"][audio_format] = bench.prepare(audio_format, options.clips, readers)
        with FileServer(work) as server:
            for name in options.settings:
                setting = SETTINGS[name]
                results["runs"][name] = {
                    audio_format: run_setting(
                        bench,
                        server,
                        setting,
                        audio_format,
                        setting.choose(readers),
                        max(options.rounds, setting.least_rounds),
                    )
                    for audio_format in options.formats
                    if audio_format in setting.formats
                }
                if setting.complete:
                    for audio_format, runs in results["runs"][name].items():
                        mark_incomplete(runs, results["workload"][audio_format])
                results["load"].append(round(os.getloadavg()[0], 1))
                if options.json:
                    options.json.write_text(json.dumps(results, indent=1) + "\n")
    finally:
        if options.work is None:
            shutil.rmtree(work)
    report = as_markdown(results)
    print(report)
    if options.markdown:
        options.markdown.write_text(report)


if __name__ == "__main__":
    main()
