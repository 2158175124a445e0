"""Looks at everything, one area after the other."""

from collections.abc import Callable, Iterable, Iterator

from audio_flan._version import __version__
from audio_flan.installation.findings import Finding, Installation, State
from audio_flan.installation.packages import IMPORT_ERRORS, check_extras, check_requirements


def examine(timeout_s: float = 5.0) -> Installation:
    """Look at the installation: import what is required, decode a clip of each format, ask the Hub.

    Parameters
    ----------
    timeout_s : float
        How long the Hub may take to connect, and to answer, in seconds.
    """
    areas: tuple[tuple[str, Callable[[], Iterable[Finding]]], ...] = (
        ("core", check_requirements),
        ("core", _own_parts),
        ("decoders", _decoders),
        ("extras", check_extras),
        ("hub", lambda: _hub(timeout_s)),
    )
    return Installation(__version__, tuple(found for area, check in areas for found in _made(area, check)))


def _made(area: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Look at one area; what it needs to look may be missing itself."""
    try:
        yield from check()
    except IMPORT_ERRORS as error:
        yield Finding(
            area, "test", State.BROKEN, f"cannot be made: {error}", "mend what is broken above first"
        )


def _own_parts() -> Iterable[Finding]:
    from audio_flan.installation.own_parts import check_own_parts

    return check_own_parts()


def _decoders() -> Iterable[Finding]:
    from audio_flan.installation.codecs import check_decoders

    return check_decoders()


def _hub(timeout_s: float) -> Iterable[Finding]:
    from audio_flan.installation.hub import check_hub

    return check_hub(timeout_s)
