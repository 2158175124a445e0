"""Measures of wordings and lengths, against plain definitions of them."""

import re
import zlib
from collections import Counter, defaultdict
from itertools import pairwise
from math import ceil

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_64_intdigest

from audio_flan.analysis.table import open_table
from audio_flan.analysis.wordings.statistics import Lengths, quantiles, wording_statistics
from audio_flan.analysis.wordings.wording_counts import FREQUENT, count_wordings
from audio_flan.analysis.wordings.words import words

TASK = "speech_asr"


def table(instructions, inputs="", outputs="text", task=TASK):
    return pl.LazyFrame(
        {"instruction": instructions},
        schema={"instruction": pl.String},
    ).select(
        pl.lit(task).alias("task"),
        "instruction",
        pl.lit(inputs).alias("input"),
        pl.lit(outputs).alias("output"),
    )


def measured(instructions, **options):
    return wording_statistics(table(instructions), **options)[TASK]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tell me: what's the state-of-the-art?", ["tell", "me", "what's", "the", "state-of-the-art"]),
        ("Don\u2019t!", ["don\u2019t"]),
        ("\u8bf7\u8f6c\u5199 this clip\u3002", ["\u8bf7", "\u8f6c", "\u5199", "this", "clip"]),
        ("\u3053\u3048\u3092\u6587\u5b57\u306b", list("\u3053\u3048\u3092\u6587\u5b57\u306b")),
        ("\uc74c\uc131\uc744 \uc368\uc694", ["\uc74c\uc131\uc744", "\uc368\uc694"]),
        ("\u092a\u093e\u0901\u091a \u0915\u0941", ["\u092a\u093e\u0901\u091a", "\u0915\u0941"]),
        ("44.1 kHz -- ", ["44", "1", "khz"]),
        ("", []),
    ],
)  # fmt: skip
def test_words_of_any_script(text, expected):
    assert pl.select(words(pl.lit(text))).item().to_list() == expected


def test_formulas_on_a_small_case():
    found = measured(["a b a", "a b a", "c"])
    assert (found.rows, found.distinct_instructions, found.measured_instructions) == (3, 2, 2)
    assert found.type_token_ratio == 3 / 7
    assert found.distinct_1 == 3 / 4
    assert found.distinct_2 == 1.0
    assert (found.commonest, found.commonest_share) == ("a b a", 2 / 3)
    assert not found.sampled


def test_pairs_of_words_do_not_reach_over_texts():
    assert measured(["a b", "b a", "a"]).distinct_2 == 1.0
    assert measured(["a b a b", "c"]).distinct_2 == 2 / 3


def test_texts_without_words_have_no_shares():
    found = measured(["", "..."])
    assert (found.type_token_ratio, found.distinct_1, found.distinct_2) == (0.0, 0.0, 0.0)
    assert found.commonest == ""


def test_wordings_that_are_alike_compress_better():
    alike = measured([f"Please write down what is said in clip number {i}." for i in range(200)])
    assert (
        alike.compression_ratio > 2 * measured([f"{hash_of(str(i)):x}" for i in range(200)]).compression_ratio
    )


def hash_of(text):
    return xxh3_64_intdigest(text.encode())


def test_audio_tokens_count_neither_in_inputs_nor_in_outputs():
    token = "<|SOA|>01_FSDD_7_george 3<|EOA|>"
    frame = table(["Say it."], inputs=f"text: hello there\naudio: {token}", outputs=f"The speech is: {token}")
    found = wording_statistics(frame)[TASK]
    assert found.input.characters.max == len("text: hello there\naudio:")
    assert found.input.words.max == 4
    assert found.output.words.mean == 3.0
    assert found.instruction.words.p50 == 2


WORDINGS = st.lists(
    st.sampled_from(["Say it.", "Say what?", "What is it", "\u8bf4", "x y x y", ""]), min_size=1
)


def plain(instructions):
    """The same measures by their definitions, in plain Python."""
    split = {text: re.findall(r"\w+", text.lower()) for text in set(instructions)}
    ones = [word for one in split.values() for word in one]
    twos = [pair for one in split.values() for pair in pairwise(one)]
    every = [word for text in instructions for word in split[text]]
    raw = "\n".join(sorted(split, key=hash_of)).encode()
    text, times = min(Counter(instructions).items(), key=lambda item: (-item[1], item[0]))
    return (
        len(set(every)) / max(len(every), 1),
        len(set(ones)) / max(len(ones), 1),
        len(set(twos)) / max(len(twos), 1),
        len(raw) / len(zlib.compress(raw, 9)),
        text,
        times / len(instructions),
    )


@given(WORDINGS, st.randoms())
def test_measures_are_what_they_say_in_any_order(instructions, random):
    found = measured(instructions)
    assert plain(instructions) == (
        found.type_token_ratio,
        found.distinct_1,
        found.distinct_2,
        found.compression_ratio,
        found.commonest,
        found.commonest_share,
    )
    mixed = list(instructions)
    random.shuffle(mixed)
    assert measured(mixed) == found


@given(st.lists(st.integers(0, 50), min_size=1))
def test_quantiles_are_the_smallest_lengths_that_so_many_keep_to(lengths):
    counts = sorted(Counter(lengths).items())
    found = quantiles([length for length, _ in counts], [rows for _, rows in counts])
    ranked = sorted(lengths)

    def nearest(percent):
        return ranked[max(ceil(len(ranked) * percent / 100), 1) - 1]

    expected = (ranked[0], nearest(5), nearest(50), nearest(95), ranked[-1])
    assert (found.min, found.p5, found.p50, found.p95, found.max) == expected
    assert found.mean == pytest.approx(sum(lengths) / len(lengths))


@given(st.lists(st.integers(0, 40), min_size=1, max_size=80), st.integers(1, 10), st.randoms())
def test_a_sample_is_the_smallest_hashes_with_their_exact_counts(numbers, limit, random):
    texts = [f"wording {n}" for n in numbers]
    found = count_wordings(table(texts), limit)[TASK]
    expected = sorted(Counter(texts).items(), key=lambda item: hash_of(item[0]))
    assert found.table.rows() == expected[:limit]
    assert found.sampled == (len(expected) > limit)
    assert found.sampled or found.distinct == len(expected)
    assert len(found.table) <= found.distinct <= found.rows == len(texts)
    mixed = list(texts)
    random.shuffle(mixed)
    again = count_wordings(table(mixed), limit)[TASK]
    assert again.table.equals(found.table)
    assert again[1:] == found[1:]


def test_a_sample_estimates_the_number_and_finds_what_is_frequent(monkeypatch):
    monkeypatch.setattr("audio_flan.analysis.wordings.wording_counts._BATCH_ROWS", 2000)
    monkeypatch.setattr("audio_flan.analysis.wordings.wording_counts._PIECE_ROWS", 5000)
    texts = [f"wording {i % 30_000}" for i in range(40_000)]
    texts[::100] = ["the frequent one"] * 400
    many = measured(texts, max_wordings=2000)
    assert many.sampled
    assert many.measured_instructions == 2000
    assert many.distinct_instructions == pytest.approx(len(set(texts)), rel=0.1)
    assert (many.commonest, many.commonest_share) == ("the frequent one", 400 / 40_000)
    assert 400 / 40_000 > 1 / FREQUENT > 100 / 40_000
    texts[::100] = [f"rare {i % 4}" for i in range(400)]
    rare = measured(texts, max_wordings=2000)
    assert (rare.commonest, rare.commonest_share) == (None, None)


def test_every_task_of_the_demo_is_measured(demo_root, tmp_path):
    frame = open_table(demo_root, cache_dir=tmp_path).frame()
    found = wording_statistics(frame)
    rows = frame.select("task", "instruction", "output").collect()
    by_task = defaultdict(list)
    for task, instruction, output in rows.iter_rows():
        by_task[task].append((instruction, output))
    assert {task: one.rows for task, one in found.items()} == {
        task: len(texts) for task, texts in by_task.items()
    }
    for task, texts in by_task.items():
        instructions = [instruction for instruction, _ in texts]
        assert found[task].distinct_instructions == len(set(instructions))
        lengths = sorted(map(len, instructions))
        assert (found[task].instruction.characters.min, found[task].instruction.characters.max) == (
            lengths[0],
            lengths[-1],
        )
    assert list(found) == sorted(found)


def test_no_rows_are_no_statistics():
    assert wording_statistics(table([])) == {}


def test_one_length_is_all_quantiles():
    assert quantiles([7], [3]) == Lengths(7, 7, 7, 7, 7, 7.0)
