"""Whole numbers that callers give, of Python or NumPy."""

import operator


def integer(name: str, value: object) -> int:
    """Return a whole number as an int.

    Raises
    ------
    TypeError
        For something else, such as 1.0, "1" or True.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    return operator.index(value)
