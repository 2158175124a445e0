"""What is installed only on request, as data; the one place that says how to get what is missing."""

from importlib.util import find_spec
from typing import Final

EXTRAS: Final[dict[str, tuple[str, ...]]] = {
    "torch": ("torch", "torchcodec"),
    "demo": ("espeakng_loader",),
    "cluster": ("datatrove", "ray"),
    "report": ("altair", "vl_convert"),
}
"""Modules that each extra of the package brings."""


def require(module: str, purpose: str) -> None:
    """Make sure that a module of an extra can be imported, without importing it.

    Parameters
    ----------
    module : str
        One of those in `EXTRAS`.
    purpose : str
        What it is for, as in "for charts".

    Raises
    ------
    ImportError
        When it is not installed; the message is one line with the command that installs it.
    """
    if find_spec(module) is None:
        raise ImportError(f"{module} is not installed; for {purpose}: {install_command(extra_of(module))}")


def extra_of(module: str) -> str:
    """Return the extra that brings a module."""
    return next(extra for extra, modules in EXTRAS.items() if module in modules)


def install_command(extra: str) -> str:
    """Return the command that installs the package with an extra."""
    return f"pip install 'audio-flan[{extra}]'"
