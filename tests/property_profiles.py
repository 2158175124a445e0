"""How many examples property tests have, and which.

``dev``, the default, draws new ones each time, ``ci`` always the same, ``thorough`` twenty times as many:
``pytest --hypothesis-profile=thorough``.
"""

from hypothesis import settings

_USUAL = 100


def register_profiles():
    settings.register_profile("dev", max_examples=_USUAL, deadline=None)
    settings.register_profile("ci", max_examples=_USUAL, deadline=None, derandomize=True, print_blob=True)
    settings.register_profile("thorough", max_examples=20 * _USUAL, deadline=None)
    settings.load_profile("dev")


def examples(usual):
    """Settings of a test that has another number of examples than most; a profile multiplies it."""
    return settings(max_examples=max(1, usual * settings.default.max_examples // _USUAL))
