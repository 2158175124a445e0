"""The house rules that a machine can check: which way imports point, and where heavy packages come in."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "audio_flan"
ROOMS = (
    "taxonomy", "records", "waveform", "demo", "release", "shards", "fetch", "card", "mixing", "building",
    "publishing", "streaming", "analysis", "loading", "exporting", "installation", "cli",
)  # fmt: skip
FENCES = {
    "torch": {"waveform/samples.py", "waveform/decoders/torchcodec.py", "streaming/collate.py"},
    "torchcodec": {"waveform/decoders/torchcodec.py"},
    "av": {"waveform/decoders/pyav.py", "installation/codecs.py"},
    "miniaudio": {"waveform/decoders/flac.py"},
    "soxr": {"waveform/resample.py"},
    "rich": {"cli/output.py"},
    "polars": {
        "taxonomy/frame.py",
        "mixing/conditions.py",
        "mixing/leaves.py",
        "mixing/plan.py",
        "mixing/row_keys.py",
        "mixing/row_schema.py",
        "streaming/filtered_rows.py",
    },
    "espeakng_loader": {"demo/voices.py"},
    "ray": {"building/executors/ray.py", "building/executors/ray_job.py"},
    "datatrove": {"building/executors/ray_job.py", "building/executors/slurm_job.py"},
    "altair": {"analysis/report/charts.py"},
    "vl_convert": {"analysis/report/charts.py"},
    "loguru": {"building/executors/datatrove.py"},
}
HOMES = {("demo", "soxr"), ("analysis", "polars"), ("exporting", "polars")}
"""Rooms whose every module may import a fenced package."""
MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(path):
    """Names that a module imports when it is run, those for the type checker aside."""
    tree = ast.parse(path.read_text())
    typing_only = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(path):
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else None


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way_and_heavy_packages_have_one_door(path):
    here = room(path)
    relative = str(path.relative_to(PACKAGE))
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "audio_flan" and len(parts) > 1 and parts[1] in ROOMS and here:
            assert ROOMS.index(parts[1]) <= ROOMS.index(here), f"{relative} imports {name}"
        if parts[0] in FENCES:
            at_home = (here, parts[0]) in HOMES
            assert relative in FENCES[parts[0]] or at_home, f"{relative} imports {name}"
        if parts[0] in ("datasets", "pyarrow"):
            writes_parquet = here == "shards" and parts[0] == "pyarrow"
            allowed = here == "loading" or relative == "waveform/feature.py" or writes_parquet
            assert allowed, f"{relative} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_keep_to_one_thing(path):
    assert len(path.read_text().splitlines()) <= 480


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()


def test_importing_the_package_loads_nothing_heavy():
    heavy = ("torch", "av", "datasets", "rich", "polars", "pyarrow", "numpy", "soundfile", "pandas")
    assert run(f"import sys, audio_flan\nprint(*[m for m in {heavy} if m in sys.modules])") == []


def test_public_names_are_there_and_listed():
    import audio_flan

    for name in audio_flan.__all__:
        assert getattr(audio_flan, name) is not None
        assert name in dir(audio_flan)
    with pytest.raises(AttributeError, match="nothing"):
        audio_flan.nothing  # noqa: B018
