"""A root with generated rows."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "tools/bench"


@pytest.fixture(scope="session")
def generate():
    """Run the generator."""

    def run(out, *options):
        command = [sys.executable, str(BENCH / "generate.py"), str(out), *map(str, options)]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    return run


@pytest.fixture(scope="session")
def generated_root(generate, tmp_path_factory) -> Path:
    """30,000 rows, with an index; not to be changed."""
    out = tmp_path_factory.mktemp("generated") / "root"
    done = generate(out, "--rows", 30_000, "--shard-rows", 5000, "--index")
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def bench_modules(monkeypatch):
    """Let the modules of the benchmarks be imported."""
    monkeypatch.syspath_prepend(BENCH)
