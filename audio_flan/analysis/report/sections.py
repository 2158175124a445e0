"""Tables of the sections of statistics that are made when they are asked for."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from audio_flan.analysis.labels.statistics import LabelStatistics
from audio_flan.analysis.report.values import Value, ValueTable, hours, percent
from audio_flan.analysis.statistics.attributes import AttributeStatistics
from audio_flan.analysis.statistics.durations import Durations, TaskAudio
from audio_flan.analysis.statistics.paper import Comparison, known_inconsistencies
from audio_flan.analysis.wordings.statistics import WordingStatistics

if TYPE_CHECKING:
    from audio_flan.analysis.statistics.measured import Stats

_QUANTILES = ("min", "p5", "p25", "p50", "p75", "p95", "max", "mean")
_TEXT_QUANTILES = ("min", "p5", "p50", "p95", "max", "mean")


def section_tables(stats: "Stats") -> Iterator[ValueTable]:
    """Yield the tables of audio, attributes, labels, text and the paper, as far as they were asked for."""
    if stats.audio is not None:
        yield from _audio(stats.audio)
    if stats.attributes is not None:
        yield _attributes(stats.attributes)
    if stats.labels is not None:
        yield from _labels(stats.labels)
    if stats.text is not None:
        yield from _text(stats.text)
    if stats.paper is not None:
        yield _paper(stats.paper)
        own = tuple((each.where, each.what) for each in known_inconsistencies())
        yield ValueTable("paper_sums", "Where the paper's own sums differ", ("where", "what"), own)


def _audio(audio: tuple[TaskAudio, ...]) -> Iterator[ValueTable]:
    rows = tuple(
        (
            each.task,
            each.rows,
            each.unique_clips,
            hours(each.unique_seconds),
            each.referenced_clips,
            hours(each.referenced_seconds),
        )
        for each in audio
    )
    columns = ("task", "rows", "clips, unique", "hours, unique", "clips, referenced", "hours, referenced")
    yield ValueTable("audio", "Audio of tasks", columns, rows)
    lengths = tuple(
        (each.task, side, found.clips, *(getattr(found, name) for name in _QUANTILES))
        for each in audio
        for side, found in (("input", each.inputs), ("output", each.outputs))
        if isinstance(found, Durations)
    )
    title = "Lengths of clips in seconds, as rows refer to them"
    yield ValueTable("durations", title, ("task", "side", "clips", *_QUANTILES), lengths)


def _attributes(attributes: AttributeStatistics) -> ValueTable:
    """Make a table of attributes, and of groups of them after these."""
    columns = (
        "domain",
        "attribute",
        "group",
        "occurrences",
        "share %",
        "printed %",
        "in group %",
        "printed in group %",
    )
    rows = tuple(
        (
            each.domain,
            each.attribute,
            each.group,
            each.occurrences,
            each.share_percent,
            each.paper_share_percent,
            each.share_within_group_percent,
            each.paper_share_within_group_percent,
        )
        for each in (*attributes.shares, *attributes.groups)
    )
    title = "Audio attributes: shares computed by the map of tasks, beside those that the paper prints"
    return ValueTable("attributes", title, columns, rows)


def _labels(labels: Mapping[str, LabelStatistics]) -> Iterator[ValueTable]:
    columns = (
        "task",
        "rows",
        "with a label %",
        "ambiguous",
        "labels",
        "entropy, bits",
        "of the most %",
        "commonest label",
        "its share %",
    )
    rows = tuple(
        (
            task,
            each.rows,
            100 * each.coverage,
            each.ambiguous,
            each.distinct,
            each.entropy_bits,
            100 * each.normalised_entropy,
            each.majority_label,
            100 * each.majority_share,
        )
        for task, each in labels.items()
    )
    yield ValueTable("labels", "Labels in the answers", columns, rows)
    counts = tuple(
        (task, label, n, percent(n, each.covered))
        for task, each in labels.items()
        for label, n in each.labels.items()
    )
    named = ("task", "label", "rows", "share of rows with a label %")
    yield ValueTable("label_counts", "Rows by label", named, counts, detail=True)


def _text(text: Mapping[str, WordingStatistics]) -> Iterator[ValueTable]:
    columns = (
        "task",
        "rows",
        "instructions",
        "type-token %",
        "distinct-1 %",
        "distinct-2 %",
        "compression ratio",
        "commonest %",
    )
    rows = tuple(
        (
            task,
            each.rows,
            each.distinct_instructions,
            100 * each.type_token_ratio,
            100 * each.distinct_1,
            100 * each.distinct_2,
            each.compression_ratio,
            None if each.commonest_share is None else 100 * each.commonest_share,
        )
        for task, each in text.items()
    )
    yield ValueTable("text", "Wordings of instructions", columns, rows)
    lengths: list[tuple[Value, ...]] = []
    for task, each in text.items():
        for name in ("instruction", "input", "output"):
            for unit in ("characters", "words"):
                found = getattr(getattr(each, name), unit)
                lengths.append((task, name, unit, *(getattr(found, q) for q in _TEXT_QUANTILES)))
    measured = ("task", "text", "unit", *_TEXT_QUANTILES)
    yield ValueTable("text_lengths", "Lengths of texts, audio tokens aside", measured, tuple(lengths), True)


def _paper(paper: tuple[Comparison, ...]) -> ValueTable:
    rows = tuple(
        (
            each.name,
            each.rows,
            each.printed,
            each.difference,
            int(each.tolerance),
            "yes" if each.agrees else "no",
        )
        for each in paper
    )
    columns = ("config", "rows", "printed", "difference", "rounding explains", "agrees")
    return ValueTable("paper", "Beside the counts that the paper prints", columns, rows)
