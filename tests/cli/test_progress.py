"""Progress in a log: a line now and then, with rate and what is left."""

import pytest

from audio_flan.cli.output import ProgressLines, short_number


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1000, "1.0 k"), (12_345, "12.3 k"), (4_500_000, "4.5 M"), (5e12, "5.0 T")],
)  # fmt: skip
def test_numbers_are_short(number, text):
    assert short_number(number) == text


def test_a_line_is_printed_when_half_a_minute_has_passed(capsys):
    now = 0.0
    lines = ProgressLines(clock=lambda: now)
    for second in range(61):
        now = float(second)
        lines.report("storing clips", second * 1000, 100_000)
    assert capsys.readouterr().err.splitlines() == [
        "storing clips: 30.0 k of 100.0 k, 1.0 k/s, about 70 s left",
        "storing clips: 60.0 k of 100.0 k, 1.0 k/s, about 40 s left",
    ]
