"""Python environments for tests: others than the one that runs them, made once for all workers."""

import subprocess
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def make_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that the first of the workers fills, in the time of which the others wait."""
    base = factory.getbasetemp()
    folder = (
        base.parent if base.name.startswith("popen-") else base
    ) / name  # workers have folders of their own
    with FileLock(folder.with_name(f"{name}.lock")):
        if not folder.exists():
            partial = folder.with_name(f"{name}.partial")
            make(partial)
            partial.rename(folder)
    return folder


def install(folder: Path, *requirements: str | Path, over: str | Path | None = None) -> None:
    """Make an environment with these packages and what they need.

    What the environment of the interpreter `over` has is there already, as far as the versions are right.
    """
    venv.create(folder, with_pip=True)
    if over is not None:
        (_packages_of(python_of(folder)) / "over.pth").write_text(f"{_packages_of(over)}\n")
    pip = [
        python_of(folder),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-compile",
    ]
    subprocess.run([*pip, *map(str, requirements)], check=True)


def link_all_but(package: str, python: str | Path, folder: Path) -> None:
    """Make an environment with the packages of that of `python`, linked, but one of them."""
    venv.create(folder, with_pip=False)
    there, here = _packages_of(python), _packages_of(python_of(folder))
    for entry in there.iterdir():
        if package not in entry.name:
            (here / entry.name).symlink_to(entry)


_FENCE = """
import sys

class Fence:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in MODULES else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = map(Fence, sys.meta_path)
"""


def fence_off(folder: Path, *modules: str) -> dict[str, str]:
    """Return variables with which Python finds all modules but these, as if they were not installed."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(f"MODULES = {modules!r}\n{_FENCE}")
    return {"PYTHONPATH": str(folder)}


def python_of(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / "bin/python"


def _packages_of(python: str | Path) -> Path:
    ask = [str(python), "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    return Path(subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip())
