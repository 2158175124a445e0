"""Reading a record and writing it back gives the same JSON, to the type."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from property_profiles import examples
from record_strategies import json_values, records, standard_records
from trees import record

from audio_flan.records import parse_record, to_record


def same(a, b) -> bool:
    """Equality of JSON values that tells 1, 1.0 and true apart."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b and (a != 0 or str(a) == str(b))


def as_line(value, **options) -> bytes:
    return json.dumps(value, **options).encode()


def written_forms(value) -> list[bytes]:
    return [
        as_line(value),
        as_line(value, ensure_ascii=False, separators=(",", ":")),
        as_line(value, separators=(" ,", "\t: ")),
        as_line(value, separators=(",\r", " :")),
    ]


@pytest.mark.parametrize(("a", "b"), [(1, 1.0), (1, True), (0, False), ([], {}), ("1", 1), (0.0, -0.0)])
def test_the_comparison_of_these_tests_is_strict(a, b):
    assert not same({"x": [a]}, {"x": [b]})


@examples(250)
@given(records(), st.integers(0, 3))
def test_a_record_in_any_form_comes_back_equal(value, form):
    instances = parse_record(written_forms(value)[form]).instances
    assert instances
    for instance in instances:
        assert same(to_record(instance), value)


@examples(200)
@given(standard_records())
def test_a_record_in_standard_form_needs_no_extra(value):
    (instance,) = parse_record(as_line(value)).instances
    assert instance.extra is None
    assert same(to_record(instance), value)


@given(json_values)
def test_what_other_holds_comes_back_equal(other):
    value = record("u", other=other)
    (instance,) = parse_record(as_line(value)).instances
    assert same(to_record(instance), value)
    assert instance.extra is None


def test_a_row_that_is_changed_does_not_change_later_ones():
    line = as_line(record("u", source=["studio"]))
    parse_record(line).instances[0].source.append("changed")
    assert parse_record(line).instances[0].source == ["studio"]


def test_every_record_of_the_shared_corpus_comes_back_equal(shared_corpus):
    n = 0
    for path in sorted(shared_corpus.glob("metadata/**/*.jsonl*")):
        data = path.read_bytes()
        for line in (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines():
            value = json.loads(line)
            assert all(same(to_record(instance), value) for instance in parse_record(line).instances)
            n += 1
    assert n == 9296
