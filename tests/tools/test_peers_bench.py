"""The comparison with other libraries: its server, its figures, and a small run of what needs no peer."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

BENCH = Path(__file__).resolve().parents[2] / "tools/bench"


def test_the_server_gives_ranges_counts_them_and_refuses_in_turn(bench_modules, tmp_path):
    from peers.server import FileServer, Network, Traffic

    (tmp_path / "a file").write_bytes(bytes(range(100)))
    with FileServer(tmp_path) as server:
        server.begin(Network(fault_every=2))
        for value, expected in (("bytes=10-19", range(10, 20)), ("bytes=-5", range(95, 100))):
            with urlopen(Request(f"{server.url}/a%20file", headers={"Range": value})) as answer:
                assert answer.status == 206
                assert answer.read() == bytes(expected)
        for status in (500, None, 503):
            if status is None:
                with urlopen(f"{server.url}/a%20file") as answer:
                    assert len(answer.read()) == 100
            else:
                with pytest.raises(HTTPError) as refused:
                    urlopen(f"{server.url}/a%20file")
                assert refused.value.code == status
                refused.value.close()
        assert server.traffic() == Traffic(requests=5, faults=2, nbytes=115)
        server.begin(Network())
        with pytest.raises(HTTPError) as outside:
            urlopen(f"{server.url}/../../etc/hostname")
        assert outside.value.code == 404
        outside.value.close()


def test_a_ratio_is_the_median_of_those_of_the_rounds(bench_modules):
    from peers.ratios import rate, ratio

    def runs(*seconds):
        return [{"rows": 11, "rows_first": 1, "rest_s": s} if s else {"error": "E"} for s in seconds]

    found = {"a": runs(1.0, 1.0, None, 4.0), "b": runs(2.0, 3.0, 5.0, 4.0)}
    assert ratio(found, "a", "b", rate) == 2.0
    assert ratio(found, "a", "c", rate) is None


def test_round_trips_are_the_slope(bench_modules):
    from peers.ratios import round_trips

    first = {latency: [{"first_s": 0.3 + 4 * latency}] for latency in (0.02, 0.05, 0.1)}
    assert round_trips(first) == pytest.approx(4)


@pytest.mark.slow
def test_a_small_run_gives_every_row_and_a_report(tmp_path):
    readers = ["limit", "decoders", "bare", "prefetch", "audio_flan"]
    command = [sys.executable, BENCH / "compare_peers.py", "--clips", "6", "--rounds", "1"]
    command += ["--formats", "FLAC", "--settings", "local", "faults"]
    command += ["--readers", *readers, "--json", tmp_path / "found.json", "--markdown", tmp_path / "found.md"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    for setting, of in found["runs"].items():
        for runs in of.values():
            for name, (run,) in runs.items():
                if (setting, name) != ("faults", "prefetch"):  # it tries nothing twice
                    assert "error" not in run, (setting, name)
    assert set(found["runs"]["local"]["FLAC"]) == {"limit", "decoders", "bare", "audio_flan"}
    assert found["runs"]["faults"]["FLAC"]["audio_flan"][0]["rows"] == 24
    report = (tmp_path / "found.md").read_text()
    assert "| FLAC: bytes on disk / unique audio | 1.03 or less | " in report
    assert "| audio_flan.stream | all | " in report
