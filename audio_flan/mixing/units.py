"""What shares and budgets are counted in: rows, seconds of audio or tokens, as whole numbers of quanta."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final, Literal

from audio_flan.mixing.errors import MixtureError
from audio_flan.mixing.leaves import MICRO, Leaf

Unit = Literal["rows", "input_seconds", "target_seconds", "target_tokens"]
UNITS: Final = ("rows", "input_seconds", "target_seconds", "target_tokens")
BYTES_PER_TOKEN: Final = 4
"""Estimate for text in UTF-8: English has about four letters a token, Chinese one letter of three bytes."""


def quanta(unit: str) -> int:
    """Return how many quanta make one of `unit`: rows are whole, all else is counted in millionths."""
    return 1 if unit == "rows" else MICRO


def exact(value: float) -> Fraction:
    """Return the number that a float is written as: 0.1 is a tenth."""
    return Fraction(str(value))


def target_tokens(leaf: Leaf, codec_rate: float | None) -> Fraction | None:
    """Estimate the tokens of the outputs of a leaf; None without the rate of the codec where it is needed."""
    text = Fraction(leaf.target_bytes, BYTES_PER_TOKEN)
    if not leaf.target_microseconds:
        return text
    return None if codec_rate is None else text + leaf.target_microseconds * exact(codec_rate) / MICRO


def amounts(leaves: Sequence[Leaf], unit: Unit, codec_rate: float | None) -> list[int]:
    """Return how much there is of each leaf when every row is drawn once, in quanta.

    Parameters
    ----------
    codec_rate : float or None
        Tokens per second of output audio.

    Raises
    ------
    MixtureError
        When tokens are asked for, there is output audio, and no rate was given.
    """
    match unit:
        case "rows":
            return [leaf.available for leaf in leaves]
        case "input_seconds":
            return [leaf.input_microseconds for leaf in leaves]
        case "target_seconds":
            return [leaf.target_microseconds for leaf in leaves]
    found = [target_tokens(leaf, codec_rate) for leaf in leaves]
    if None in found:
        raise MixtureError(
            "unit='target_tokens' needs codec_rate, the tokens per second of output audio "
            "(for instance 50 frames a second in 8 codebooks: codec_rate=400)"
        )
    return [int(tokens * MICRO) for tokens in found if tokens is not None]
