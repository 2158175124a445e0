"""What both executors of datatrove need: that it says less."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

TASK_ENVIRONMENT: Final = {"LOGURU_DIAGNOSE": "NO"}
"""Variables of a task: its log shows no values of variables, since a token may be among them."""


@contextmanager
def quiet() -> Iterator[None]:
    """Keep datatrove's log of this process off the terminal; tasks write logs of their own."""
    from loguru import logger

    logger.disable("datatrove")
    try:
        yield
    finally:
        logger.enable("datatrove")
