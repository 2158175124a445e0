"""Words of a text, in any script."""

from typing import Final

import polars as pl

_UNSPACED: Final = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
WORD: Final = (
    rf"[{_UNSPACED}]\p{{M}}*|[\p{{L}}\p{{M}}\p{{N}}--[{_UNSPACED}]]+(?:['\u2019-][\p{{L}}\p{{M}}\p{{N}}]+)*"
)
"""Regular expression (of Rust) of a word.

Letters, marks and digits in a row, with apostrophes and hyphens inside; in scripts that put no space between
words, each letter is one.
"""


def words(text: pl.Expr) -> pl.Expr:
    """Split texts into words, in lower case: a column of lists."""
    return text.str.to_lowercase().str.extract_all(WORD)


def count_words(text: pl.Expr) -> pl.Expr:
    """Count the words of texts."""
    return text.str.count_matches(WORD)
