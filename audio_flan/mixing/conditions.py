"""A filter as expressions of Polars, one for each reason for which a row may go."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import polars as pl

from audio_flan.card.sources import Source, find_source
from audio_flan.mixing.errors import MixtureError
from audio_flan.mixing.row_filter import SCRIPTS, RowFilter
from audio_flan.mixing.row_schema import ROW_SCHEMA
from audio_flan.taxonomy import UnknownNameError
from audio_flan.taxonomy.errors import nearest_names

PERMISSIVE_LICENCES: Final = frozenset(
    ("Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CC-BY-3.0", "CC-BY-4.0",
     "LicenseRef-public-domain")
)  # fmt: skip
"""Those that ask for no more than naming the authors."""
_LIST_FUNCTIONS: Final = {
    "list_max": "array_upper", "list_min": "array_lower", "list_mean": "array_mean", "list_avg": "array_mean",
    "list_sum": "array_sum", "list_length": "array_length", "list_len": "array_length",
    "list_contains": "array_contains",
}  # fmt: skip
"""Names that DuckDB has for functions, and those that Polars has for them."""
_NUMBER_IN_SECONDS: Final = (
    r"""\b(?i:list|array)_(?i:contains)\s*\(\s*"?(?P<column>(?:in|out)put_seconds)"?\s*,"""
    r"""\s*(?P<number>\d+(?:\.\d*)?)\s*\)"""
)
_QUOTED_OR_CALL = re.compile(
    rf"""'(?:[^']|'')*'|"(?:[^"]|"")*"|{_NUMBER_IN_SECONDS}|\b[A-Za-z_]\w*(?=\s*\()"""
)
_OF_MANY_ROWS: Final = frozenset(
    ("array_agg", "avg", "corr", "count", "covar", "covar_pop", "covar_samp", "dense_rank", "first",
     "first_value", "lag", "last", "last_value", "lead", "listagg", "max", "median", "min", "over",
     "quantile", "quantile_cont", "quantile_disc", "rank", "row_number", "stddev", "stddev_pop",
     "stddev_samp", "stdev", "stdev_pop", "stdev_samp", "string_agg", "sum", "unnest", "var", "var_pop",
     "var_samp", "variance")
)  # fmt: skip
"""Functions of Polars SQL that look at more rows than one."""
_OF_VALUES: Final = ("conversion from", "could not find an appropriate format")
"""How errors of Polars begin that come of what a text says, and not of the condition."""
_SOUND_MARK: Final = r"<\|SOA\|>.*?<\|EOA\|>"
_SCRIPT_CLASSES: Final = {
    script: rf"\p{{{script.title()}}}" for script in SCRIPTS if script not in ("kana", "other", "none")
} | {"kana": r"[\p{Hiragana}\p{Katakana}]"}


def _probe_value(row: int, kind: pl.DataType) -> Any:  # noqa: ANN401 - of any column
    if not isinstance(kind, pl.List):
        return row == 1 if kind == pl.Boolean else f"{row}" * row
    items = range(10 * row, 10 * row + (0, 1, 3)[row - 1])
    return [str(item) if kind.inner == pl.String else item / 10 for item in items]


_PROBE: Final = pl.DataFrame(
    [{name: _probe_value(row, kind) for name, kind in ROW_SCHEMA.items()} for row in (1, 2, 3)],
    schema=ROW_SCHEMA,
)
"""Rows whose values and numbers of clips differ; texts are digits, so that they can be cast to numbers."""


class Condition(NamedTuple):
    """What a row has to fulfil, and the reason that is told of those that do not."""

    reason: str
    expression: pl.Expr


def parse_where(where: str) -> pl.Expr:
    """Turn an SQL expression over the columns of a row into one of Polars.

    Parameters
    ----------
    where : str
        For instance ``domain = 'speech' AND list_max(input_seconds) < 30``. The functions are those of Polars
        SQL; ``list_max, list_min, list_mean, list_sum, list_length, list_contains`` as well.

    Returns
    -------
    polars.Expr
        A Boolean for each row of a table with `ROW_SCHEMA`.

    Raises
    ------
    UnknownNameError
        For a column that does not exist.
    MixtureError
        For what is no condition on one row.
    """
    try:
        expression = pl.sql_expr(_QUOTED_OR_CALL.sub(_known_function, where))
        for column in expression.meta.root_names():
            if column not in ROW_SCHEMA:
                nearest = nearest_names(column, ROW_SCHEMA)
                names = ", ".join(map(repr, nearest[:2])) + f" or {nearest[2]!r}"
                hint = f"did you mean {names}? Text takes single quotes: '{column}'"
                raise UnknownNameError("column", column, nearest, hint)
        found = pl.LazyFrame(schema=ROW_SCHEMA).select(expression).collect_schema().dtypes()
        if found == [pl.Boolean] and _is_constant(where, expression):
            # As long as the rows are: no row is without a task.
            has_task = pl.col("task").is_not_null()
            return has_task if pl.select(expression).item() else ~has_task
        alone = found != [pl.Boolean] or _asks_each_row_alone(where, expression)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise MixtureError(f"where={where!r} is not understood: {_explained(where, error)}") from None
    if found != [pl.Boolean]:
        raise MixtureError(f"where={where!r} is no condition: it gives {found[0]} and not true or false")
    if not alone:
        raise MixtureError(f"where={where!r} looks at many rows at once; it has to ask each on its own")
    return expression


@contextmanager
def naming_condition(row_filter: RowFilter) -> Iterator[None]:
    """Let an error that the values of rows cause name the SQL expression that it comes of.

    Raises
    ------
    MixtureError
        When a value is not what the expression takes it for.
    """
    try:
        yield
    except (pl.exceptions.InvalidOperationError, pl.exceptions.ComputeError) as error:
        if row_filter.where is None:
            raise
        message = str(error).partition("\n")[0]
        hint = "TRY_CAST gives null where CAST fails"
        raise MixtureError(f"where={row_filter.where!r} fails on the rows: {message}; {hint}") from None


def conditions(row_filter: RowFilter, corpora: Iterable[str]) -> list[Condition]:
    """List the conditions of a filter, in the order in which rows are asked.

    Parameters
    ----------
    corpora : iterable of str
        All that there are: licences are theirs.
    """
    return list(_conditions(row_filter, list(corpora)))


def passes(listed: Iterable[Condition]) -> pl.Expr:
    """Return one expression that says whether a row fulfils all conditions; what is null does not."""
    return pl.all_horizontal(pl.lit(True), *(each.expression.fill_null(value=False) for each in listed))


def unknown_licences(row_filter: RowFilter, corpora: Iterable[str]) -> list[str]:
    """List the corpora that a filter leaves out because nobody knows whether their licence allows it."""
    if row_filter.licence == "any":
        return []
    return sorted(corpus for corpus in corpora if _allowed(find_source(corpus), row_filter.licence) is None)


def _conditions(row_filter: RowFilter, corpora: list[str]) -> Iterator[Condition]:
    if row_filter.tasks:
        yield Condition("task", pl.col("task").is_in(list(row_filter.tasks)))
    if row_filter.corpora:
        yield Condition("corpus", pl.col("corpus").is_in(list(row_filter.corpora)))
    if row_filter.licence != "any":
        verdicts = {corpus: _allowed(find_source(corpus), row_filter.licence) for corpus in corpora}
        known = [corpus for corpus, allowed in verdicts.items() if allowed is not None]
        yield Condition("unknown licence", pl.col("corpus").is_in(known))
        yield Condition("licence", pl.col("corpus").is_in([corpus for corpus in known if verdicts[corpus]]))
    if row_filter.unseen is not None:
        yield Condition("unseen", pl.col("unseen").eq(row_filter.unseen))
    for side in ("input_seconds", "output_seconds"):
        lengths = pl.col(side).list
        if row_filter.min_seconds is not None or row_filter.max_seconds is not None:
            yield Condition("clip that cannot be opened", lengths.drop_nulls().list.len() == lengths.len())
        if row_filter.min_seconds is not None:
            yield Condition("too short", (lengths.len() == 0) | (lengths.min() >= row_filter.min_seconds))
        if row_filter.max_seconds is not None:
            yield Condition("too long", (lengths.len() == 0) | (lengths.max() <= row_filter.max_seconds))
    if row_filter.scripts:
        yield Condition("script", _in_scripts(row_filter.scripts))
    if row_filter.where is not None:
        yield Condition("where", parse_where(row_filter.where))


def _asks_each_row_alone(where: str, expression: pl.Expr) -> bool:
    """Say whether a condition gives an answer for each row, and looks at no other for it."""
    if _names_many_rows(where) or len(_PROBE.clear(2).select(expression)) != 2:
        return False
    try:
        answers = _PROBE.select(expression).to_series().to_list()
        alone = [row.select(expression).to_series().to_list() for row in _PROBE.iter_slices(1)]
        reversed_ = _PROBE.reverse().select(expression).to_series().to_list()
    except (pl.exceptions.InvalidOperationError, pl.exceptions.ComputeError) as error:
        if not str(error).startswith(_OF_VALUES):
            raise
        return True  # the rows may have texts that can be cast; those of the probe say nothing
    return alone == [[answer] for answer in answers] and reversed_ == answers[::-1]


def _is_constant(where: str, expression: pl.Expr) -> bool:
    plain = not expression.meta.root_names() and not expression.meta.has_multiple_outputs()
    return plain and not _names_many_rows(where)


def _names_many_rows(where: str) -> bool:
    called = (match[0].strip('"').lower() for match in _QUOTED_OR_CALL.finditer(where))
    return not _OF_MANY_ROWS.isdisjoint(called)


def _explained(where: str, error: BaseException) -> str:
    """Say what Polars does not understand, and what to write instead where a list is taken for one value."""
    message = str(error).partition("\n")[0]
    words = re.findall(r"\w+", where)
    lists = [name for name in ROW_SCHEMA if isinstance(ROW_SCHEMA[name], pl.List) and name in words]
    if not lists or "list.contains" in message or not re.search(r"\blist\b", message, re.IGNORECASE):
        return message
    example = "2.5" if lists[0].endswith("_seconds") else "'x'"
    return f"{lists[0]} is a list; for one value in it ask list_contains({lists[0]}, {example})"


def _known_function(match: re.Match[str]) -> str:
    if match["number"]:  # Polars casts no number to look for it in a list
        return f"array_contains({match['column']}, CAST({match['number']} AS DOUBLE))"
    return _LIST_FUNCTIONS.get(match[0].lower(), match[0])


def _allowed(source: Source | None, licence: str) -> bool | None:
    """Say whether a corpus is of a class of licences; None where that is not known."""
    if source is None or source.licence is None:
        return None
    if source.commercial_use is None or licence == "commercial":
        return source.commercial_use
    return source.commercial_use and source.licence in PERMISSIVE_LICENCES


def _in_scripts(scripts: tuple[str, ...]) -> pl.Expr:
    """Say whether most letters of input and output, audio tokens aside, are of one of `scripts`.

    Of two that have as many, either counts.
    """

    def decide(rows: pl.Series) -> pl.Series:
        text = rows.struct.unnest().select(pl.concat_str("input", "output", separator=" "))
        found = text.to_series().fill_null("").str.replace_all(_SOUND_MARK, " ").rename("text").to_frame()
        plain = pl.col("text").str.len_bytes() == pl.col("text").str.len_chars()
        found = found.with_row_index("row").with_columns(plain=plain)
        letters = pl.col("text").str.contains("[A-Za-z]")
        ascii_rows = found.filter("plain").select("row", kept=_ascii_kept(scripts, letters))
        others = found.filter(~pl.col("plain")).select("row", kept=_kept_by_count(scripts))
        return pl.concat([ascii_rows, others]).sort("row")["kept"]

    return pl.struct("input", "output").map_batches(decide, return_dtype=pl.Boolean(), is_elementwise=True)


def _ascii_kept(scripts: tuple[str, ...], letters: pl.Expr) -> pl.Expr:
    """Decide on texts that are all ASCII, as most are: their letters are Latin."""
    return (letters & ("latin" in scripts)) | (~letters & ("none" in scripts))


def _kept_by_count(scripts: tuple[str, ...]) -> pl.Expr:
    text = pl.col("text")
    letters = text.str.count_matches(r"\p{L}").cast(pl.Int64)
    counts = {name: text.str.count_matches(each).cast(pl.Int64) for name, each in _SCRIPT_CLASSES.items()}
    counts["other"] = letters - pl.sum_horizontal(counts.values())
    wanted = [counts[name] for name in scripts if name != "none"]
    accepted = pl.lit(value=False)
    if wanted:
        most = pl.max_horizontal(wanted)
        accepted = (most > 0) & (most >= pl.max_horizontal(counts.values()))
    return accepted | (letters == 0) if "none" in scripts else accepted
