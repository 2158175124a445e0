"""Which tests are slow, and which are of some versions only."""

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import pytest

since_datasets_4 = pytest.mark.skipif(
    version("datasets").startswith("3."),
    reason="datasets 3: no List; of streams no sums, no to_parquet, no number of epochs, none lazy filtered",
)


def quick(first: int, values: Iterable[Any]) -> list[Any]:
    """Return the values for `pytest.mark.parametrize`; all after so many are slow."""
    return [
        value
        if number < first
        else pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.slow)
        for number, value in enumerate(values)
    ]


STARTS = quick(1, ("fork", "spawn", "forkserver"))
"""How workers begin. Those that are not forked import everything anew."""
