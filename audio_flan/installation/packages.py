"""Required and optional packages, by what the installed package itself says that it needs."""

import platform
import sys
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from typing import Final

from packaging.requirements import Requirement

from audio_flan.extras import EXTRAS, install_command
from audio_flan.installation.findings import REINSTALL, Finding, State

_PACKAGE: Final = "audio-flan"
_MODULES: Final = {"pyyaml": "yaml", "vl-convert-python": "vl_convert"}
"""Modules that are not called as their packages are."""
IMPORT_ERRORS: Final = (ImportError, OSError, RuntimeError, AttributeError)
"""What importing a package may raise: one that lacks a shared library has errors of its own."""
_core = partial(Finding, "core")
_extra = partial(Finding, "extras")


def check_requirements() -> Iterator[Finding]:
    """Look at Python and at what is always required: its version, and whether it can be imported."""
    yield _core("python", State.OK, f"{platform.python_version()} ({sys.platform}, {platform.machine()})")
    required = _required("")
    if not required:
        yield _core(_PACKAGE, State.BROKEN, "is on the path but not installed", REINSTALL)
    for requirement in required:
        yield _imported(requirement)


def check_extras() -> Iterator[Finding]:
    """Look at the packages of each extra, without importing them."""
    always = {requirement.name for requirement in _required("")}
    for extra in EXTRAS:
        for requirement in _required(extra):
            if requirement.name not in always:
                yield _optional(requirement, extra)


def _required(extra: str) -> list[Requirement]:
    """Return what the package needs here, with one of its extras; nothing where it is not installed."""
    try:
        texts = requires(_PACKAGE) or ()
    except PackageNotFoundError:
        return []
    needed = map(Requirement, texts)
    return [each for each in needed if each.marker is None or each.marker.evaluate({"extra": extra})]


def _imported(requirement: Requirement) -> Finding:
    name = requirement.name
    remedy = f"pip install '{name}{requirement.specifier}'"
    installed = _installed_version(name)
    if installed is None:
        return _core(name, State.BROKEN, "is not installed", remedy)
    if not requirement.specifier.contains(installed, prereleases=True):
        return _core(name, State.BROKEN, f"{installed}, but {requirement.specifier} is needed", remedy)
    try:
        import_module(module_of(name))
    except IMPORT_ERRORS as error:
        found = f"{installed} does not import: {str(error).partition(chr(10))[0]}"
        return _core(
            name, State.BROKEN, found, f"pip install --force-reinstall '{name}{requirement.specifier}'"
        )
    return _core(name, State.OK, installed)


def _optional(requirement: Requirement, extra: str) -> Finding:
    name, remedy = requirement.name, install_command(extra)
    installed = _installed_version(name)
    if installed is None or find_spec(module_of(name)) is None:
        return _extra(name, State.MISSING, "is not installed", remedy)
    if not requirement.specifier.contains(installed, prereleases=True):
        return _extra(name, State.MISSING, f"{installed}, but {requirement.specifier} is needed", remedy)
    return _extra(name, State.OK, installed)


def _installed_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def module_of(package: str) -> str:
    """Return the module that a package brings."""
    return _MODULES.get(package.lower(), package.replace("-", "_"))
