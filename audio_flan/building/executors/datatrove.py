"""What both executors of datatrove need: that it is installed, and that it says less."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Final

TASK_ENVIRONMENT: Final = {"LOGURU_DIAGNOSE": "NO"}
"""Variables of a task: its log shows no values of variables, since a token may be among them."""


def require(package: str, what: str) -> None:
    """Raise `ImportError` with the remedy when a package is not installed."""
    if find_spec(package) is None:
        raise ImportError(f"{what} needs {package}: pip install 'audio-flan[cluster]'")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep datatrove's log of this process off the terminal; tasks write logs of their own."""
    from loguru import logger

    logger.disable("datatrove")
    try:
        yield
    finally:
        logger.enable("datatrove")
