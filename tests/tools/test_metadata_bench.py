"""The benchmark of metadata compares engines that answer the same question."""

import pytest


@pytest.mark.slow
def test_all_engines_give_the_same_answers(generated_root, bench_modules):
    from metadata_queries import FILTERS, questions

    asked = questions()
    assert len(asked) == 3 + 2 * len(FILTERS)
    for subject, engines in asked.items():
        digests = set()
        for prepare in engines.values():
            question = prepare(generated_root)
            digests.add(question.digest(question.ask()))
        assert len(digests) == 1, subject


def test_what_is_extrapolated_is_a_straight_line(bench_modules):
    from metadata import ALL_ROWS, extrapolated

    assert extrapolated({10: 1.0, 20: 2.0}) == pytest.approx(ALL_ROWS / 10)
    assert extrapolated({5: 9.0, 10: 1.5, 20: 2.5}) == pytest.approx(0.5 + ALL_ROWS / 10)
