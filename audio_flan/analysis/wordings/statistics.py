"""How varied the instructions of a task are, and how long its texts."""

import zlib
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import msgspec
import polars as pl

from audio_flan.analysis.wordings.wording_counts import MAX_WORDINGS, Wordings, count_wordings
from audio_flan.analysis.wordings.words import count_words, words

_AUDIO: Final = r"<\|SOA\|>[^\r\n]*?<\|EOA\|>"
_TEXTS: Final = ("instruction", "input", "output")


class Lengths(msgspec.Struct, frozen=True):
    """Lengths of one text of the rows of a task; a quantile is the smallest length that so many rows keep to.

    Attributes
    ----------
    min, p5, p50, p95, max : int
        Quantiles at 0, 0.05, 0.5, 0.95 and 1.
    mean : float
        Arithmetic mean.
    """

    min: int
    p5: int
    p50: int
    p95: int
    max: int
    mean: float


class TextLengths(msgspec.Struct, frozen=True):
    """Lengths of a text in characters (code points) and in words, audio tokens aside."""

    characters: Lengths
    words: Lengths


class WordingStatistics(msgspec.Struct, frozen=True):
    """The texts of one task.

    A word is a row of letters, marks and digits; in scripts without spaces, a letter. Case is ignored.

    Attributes
    ----------
    rows : int
        Rows of the task.
    distinct_instructions : int
        Number of different instructions; an estimate if `sampled`.
    measured_instructions : int
        How many of them the measures below are of.
    sampled : bool
        There are more instructions than can be held in memory. Those measured are the ones with the smallest
        64-bit XXH3, whatever the order of rows; their number is estimated from the largest of these hashes
        (k-minimum values: k / the next hash, scaled to [0, 1]).
    type_token_ratio : float
        Different words / words, in [0, 1], every row counted: how much is new in what a model reads.
    distinct_1, distinct_2 : float
        Different n-grams of words / n-grams, in [0, 1], every instruction counted once (Li et al. 2016, arXiv
        1510.03055): how much the wordings differ from each other. It falls as their number grows.
    compression_ratio : float
        Bytes / bytes after DEFLATE (zlib, level 9) of the instructions, each once, joined by line feeds in
        the order of their hashes (Shaib et al. 2024, arXiv 2403.00553): the larger, the more alike they are.
    commonest : str or None
        The most frequent instruction; None if `sampled` and none has more than 1/256 of the rows.
    commonest_share : float or None
        Its share of the rows, in [0, 1].
    instruction, input, output : TextLengths
        Lengths over all rows.
    """

    rows: int
    distinct_instructions: int
    measured_instructions: int
    sampled: bool
    type_token_ratio: float
    distinct_1: float
    distinct_2: float
    compression_ratio: float
    commonest: str | None
    commonest_share: float | None
    instruction: TextLengths
    input: TextLengths
    output: TextLengths


def wording_statistics(
    frame: pl.LazyFrame, *, max_wordings: int = MAX_WORDINGS
) -> dict[str, WordingStatistics]:
    """Measure the texts of every task.

    The rows are read twice, and a third time if instructions were sampled.

    Parameters
    ----------
    frame : polars.LazyFrame
        Instances with the columns ``task, instruction, input, output``; no other is read.
    max_wordings : int
        How many instructions of a task are measured at most.

    Returns
    -------
    dict
        By task config, sorted. It does not depend on the order of the rows.
    """
    lengths = _lengths(frame)
    counted = count_wordings(frame, max_wordings)
    return {task: _statistics(counted[task], lengths[task]) for task in sorted(counted)}


def _statistics(wordings: Wordings, lengths: dict[str, TextLengths]) -> WordingStatistics:
    texts = wordings.table
    split = texts.select("rows", word=words(pl.col("instruction"))).with_row_index("text")
    all_words = int(split.select((pl.col("word").list.len() * pl.col("rows")).sum()).item())
    once = split.explode("word").drop_nulls("word")
    return WordingStatistics(
        rows=wordings.rows,
        distinct_instructions=wordings.distinct,
        measured_instructions=len(texts),
        sampled=wordings.sampled,
        type_token_ratio=once["word"].n_unique() / max(all_words, 1),
        distinct_1=_distinct_share(once["word"]),
        distinct_2=_distinct_share(_bigrams(once)),
        compression_ratio=_compression_ratio(texts["instruction"].to_list()),
        commonest=wordings.commonest,
        commonest_share=wordings.commonest_share,
        instruction=lengths["instruction"],
        input=lengths["input"],
        output=lengths["output"],
    )


def _bigrams(once: pl.DataFrame) -> pl.Series:
    """Return the pairs of words that follow each other in a text."""
    follows = pl.col("text") == pl.col("text").shift(-1)
    pairs = once.select(pair=pl.struct("word", after=pl.col("word").shift(-1)), follows=follows)
    return pairs.filter("follows")["pair"]


def _distinct_share(grams: pl.Series) -> float:
    return grams.n_unique() / len(grams) if len(grams) else 0.0


def _compression_ratio(texts: Sequence[str]) -> float:
    raw = "\n".join(texts).encode()
    return len(raw) / len(zlib.compress(raw, 9))


def _lengths(frame: pl.LazyFrame) -> dict[str, dict[str, TextLengths]]:
    """Measure all rows in one pass: how many have which length is little to remember, and is exact."""
    measures = [
        measure.cast(pl.UInt32).alias(f"{text}/{unit}")
        for text in _TEXTS
        for unit, measure in (
            ("characters", _spoken(text).str.len_chars()),
            ("words", count_words(_spoken(text))),
        )
    ]
    counted = (
        frame.select("task", *measures)
        .unpivot(index="task", variable_name="measure", value_name="length")
        .group_by("task", "measure", "length")
        .agg(rows=pl.len())
        .collect(engine="streaming")
        .sort("task", "measure", "length")
    )
    found: dict[str, dict[str, Lengths]] = {}
    for (task, measure), group in counted.group_by("task", "measure", maintain_order=True):
        lengths = quantiles(group["length"].to_list(), group["rows"].to_list())
        found.setdefault(str(task), {})[str(measure)] = lengths
    return {
        task: {text: TextLengths(by[f"{text}/characters"], by[f"{text}/words"]) for text in _TEXTS}
        for task, by in found.items()
    }


def _spoken(text: str) -> pl.Expr:
    return pl.col(text).fill_null("").str.replace_all(_AUDIO, "").str.strip_chars()


def quantiles(lengths: Sequence[int], rows: Sequence[int]) -> Lengths:
    """Describe lengths by how many rows have each.

    Parameters
    ----------
    lengths : sequence of int
        Different lengths, ascending; at least one.
    rows : sequence of int
        How many rows have each; greater than zero.
    """
    until = list(accumulate(rows))

    def at_least(percent: int) -> int:
        return lengths[bisect_left(until, -(-until[-1] * percent // 100))]

    mean = sum(length * count for length, count in zip(lengths, rows, strict=True)) / until[-1]
    return Lengths(lengths[0], at_least(5), at_least(50), at_least(95), lengths[-1], mean)
