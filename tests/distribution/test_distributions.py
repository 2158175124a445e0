"""The wheel and the sdist: the same bytes each time, what belongs in them; and the wheel alone works."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from functools import partial
from pathlib import Path

import pytest
from environments import install, make_once, python_of

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = (
    "audio_flan", "dataset_card", "docs", "examples", "tests", "tools",
    ".gitignore", "CHANGELOG.md", "LICENSE", "Makefile", "README.md", "loading_script.py", "pyproject.toml",
)  # fmt: skip
MADE = shutil.ignore_patterns("__pycache__", ".*_cache")


def copy_sources(folder, **_):
    folder.mkdir()
    for name in SOURCES:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=MADE)
        else:
            shutil.copy(source, folder / name)
    return folder


def build(folder, out):
    """Build both; without ``SOURCE_DATE_EPOCH`` hatchling has a time of its own."""
    environment = {name: text for name, text in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(out)]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return wheel_of(out), next(out.glob("*.tar.gz"))


def wheel_of(folder):
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def distributions(tmp_path_factory):
    """The wheel and the sdist of this tree."""
    folder = make_once(
        tmp_path_factory, "distributions", partial(build, copy_sources(tmp_path_factory.mktemp("tree") / "a"))
    )
    return wheel_of(folder), next(folder.glob("*.tar.gz"))


def test_the_same_files_give_the_same_bytes(distributions, tmp_path):
    tree = copy_sources(tmp_path / "another place")
    (tree / "stray.txt").write_text("left lying about")
    for path in tree.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(path.stat().st_mode & ~0o077)
    for ours, again in zip(distributions, build(tree, tmp_path / "out"), strict=True):
        assert ours.read_bytes() == again.read_bytes(), ours.name


def test_a_wheel_from_the_sdist_is_the_same(distributions, tmp_path):
    wheel, sdist = distributions
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    again, _ = build(tmp_path / sdist.name.removesuffix(".tar.gz"), tmp_path / "out")
    assert wheel.read_bytes() == again.read_bytes()


def test_the_wheel_has_the_package_and_nothing_else(distributions):
    names = zipfile.ZipFile(distributions[0]).namelist()
    info = next(name for name in names if name.endswith("/METADATA")).rpartition("/")[0]
    about = {
        f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    }
    package = (
        path for path in (PROJECT / "audio_flan").rglob("*") if path.is_file() and path.suffix != ".pyc"
    )
    assert set(names) == {path.relative_to(PROJECT).as_posix() for path in package} | about
    for name in ("py.typed", "taxonomy/taxonomy.json", "card/sources.json", "analysis/report/page.html"):
        assert f"audio_flan/{name}" in names


def test_the_sdist_has_what_a_maintainer_needs(distributions):
    with tarfile.open(distributions[1]) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    assert {name.partition("/")[0] for name in names} == {*SOURCES, "PKG-INFO"}
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


@pytest.mark.slow
def test_the_wheel_alone_makes_the_demo_corpus(distributions, tmp_path):
    """What is not declared is not there."""
    install(tmp_path / "env", f"{distributions[0]}[demo]")
    python = python_of(tmp_path / "env")
    settings = {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}

    def run(*args):
        command = [python.with_name("audio-flan"), *args]
        environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"} | settings
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr or done.stdout
        return done.stdout

    assert run("demo").startswith("80 tasks in ")
    found = json.loads(run("doctor", "--json"))
    assert found["works"]
    missing = {each["name"] for each in found["findings"] if each["state"] == "missing"}
    assert missing == {
        "torch",
        "torchcodec",
        "datatrove",
        "ray",
        "altair",
        "vl-convert-python",
        "endpoint",
        "login",
    }
