"""How many examples property tests have, and which.

``dev``, the default, draws new ones each time, ``ci`` always the same, ``thorough`` twenty times as many:
``pytest --hypothesis-profile=thorough``.
"""

from hypothesis import HealthCheck, settings

_USUAL = 100
_UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
"""The time that examples take says more of the machine than of the code."""


def register_profiles():
    settings.register_profile("dev", max_examples=_USUAL, **_UNTIMED)
    settings.register_profile("ci", max_examples=_USUAL, derandomize=True, print_blob=True, **_UNTIMED)
    settings.register_profile("thorough", max_examples=20 * _USUAL, **_UNTIMED)
    settings.load_profile("dev")


def examples(usual):
    """Settings of a test that has another number of examples than most; a profile multiplies it."""
    return settings(max_examples=max(1, usual * settings.default.max_examples // _USUAL))
