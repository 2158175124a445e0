"""How the labels of a task are spread: bias towards yes, imbalance of classes, answers that give no label."""

from collections import Counter
from collections.abc import Mapping
from math import fsum, log2
from typing import Final

import msgspec
import polars as pl

from audio_flan.analysis.labels.answers import AMBIGUOUS, NONE, QUESTION, answer_by_question, read_answer
from audio_flan.analysis.labels.label_sets import tables

MAX_ANSWER_BYTES: Final = 400
"""A longer output is no label: it is counted as not covered, and not read."""


class LabelStatistics(msgspec.Struct, frozen=True):
    """The labels of one task.

    Attributes
    ----------
    rows : int
        Rows of the task.
    covered : int
        Rows in whose output a label was found.
    coverage : float
        covered / rows, in [0, 1].
    ambiguous : int
        Rows whose output names two labels where one is asked for; they are not covered.
    found : dict
        Covered rows by how the label was found: ``bare``, ``lead_in``, ``mention``, ``question``; see
        `audio_flan.analysis.labels.answers.Answer`.
    multiple : bool
        An output may be a list of labels: each counts, so `labels` may add up to more than `covered`.
    labels : dict
        Rows by label, the commonest first, equal ones by name. Labels are in lower case but for note names,
        and those that are known are in one spelling (``F`` is ``female``, ``Bb major`` is ``A# major``).
    distinct : int
        Number of labels.
    entropy_bits : float
        H = -sum p log2 p, with p the share of a label in all labels that were found.
    normalised_entropy : float
        H / log2(distinct), in [0, 1]: 1 if all labels are equally common; 0 if there is only one.
    majority_label : str or None
        The commonest label; None if none was found.
    majority_share : float
        Share of the covered rows that have it, in [0, 1]: how often one is right who always says it.
    """

    rows: int
    covered: int
    coverage: float
    ambiguous: int
    found: dict[str, int]
    multiple: bool
    labels: dict[str, int]
    distinct: int
    entropy_bits: float
    normalised_entropy: float
    majority_label: str | None
    majority_share: float


def label_tasks() -> tuple[str, ...]:
    """Return the configs of the tasks whose answer is a label."""
    return tuple(tables().tasks)


def label_statistics(frame: pl.LazyFrame) -> dict[str, LabelStatistics]:
    """Count the labels of every task whose answer is a label (`label_tasks`).

    Rows of other tasks are not read. Outputs are counted first and read once each, so memory grows with the
    number of different outputs of up to `MAX_ANSWER_BYTES`, not with that of rows.

    Parameters
    ----------
    frame : polars.LazyFrame
        Instances with the columns ``task, output, output_audio_ids``, and ``instruction``, which is read only
        for tasks whose outputs are a bare yes or no; no other column is read.

    Returns
    -------
    dict
        By task config, sorted; tasks without rows are left out. It does not depend on the order of the rows.
    """
    rows = frame.filter(pl.col("task").is_in(label_tasks())).select(
        "task", "instruction", _answer().alias("answer")
    )
    counted = rows.group_by("task", "answer").agg(pl.len().alias("rows")).collect(engine="streaming")
    tallies: dict[str, _Tally] = {}
    open_questions: list[tuple[str, str]] = []
    for task, answer, count in counted.iter_rows():
        tally = tallies.setdefault(task, _Tally())
        read = read_answer(answer, tables().tasks[task]) if answer else None
        if read and read.found == QUESTION:
            open_questions.append((task, answer))
        else:
            tally.add(read.labels if read else (), read.found if read else NONE, count)
    for (task, yes_or_no, instruction), count in _questions(rows, open_questions).items():
        read = answer_by_question(yes_or_no, instruction, tables().tasks[task])
        tallies[task].add(read.labels, read.found, count)
    return {task: tallies[task].statistics(task) for task in sorted(tallies)}


def _answer() -> pl.Expr:
    is_text = pl.col("output_audio_ids").list.len() == 0
    is_short = pl.col("output").str.len_bytes() <= MAX_ANSWER_BYTES
    return pl.when(is_text & is_short).then("output")


def _questions(rows: pl.LazyFrame, answers: list[tuple[str, str]]) -> Mapping[tuple[str, str, str], int]:
    """Count the rows with a bare yes or no by task, answer and instruction."""
    if not answers:
        return {}
    asked = pl.LazyFrame(answers, schema={"task": pl.String, "answer": pl.String}, orient="row")
    tasks = {task for task, _ in answers}
    counted = (
        rows.filter(pl.col("task").is_in(tasks))
        .join(asked, on=["task", "answer"], how="semi")
        .group_by("task", "answer", "instruction")
        .agg(pl.len())
        .collect(engine="streaming")
    )
    total: Counter[tuple[str, str, str]] = Counter()
    for task, answer, instruction, count in counted.iter_rows():
        said = read_answer(answer, tables().tasks[task]).labels[0]
        total[task, said, instruction] += count
    return total


class _Tally:
    """Labels of a task while they are counted."""

    def __init__(self) -> None:
        self.labels: Counter[str] = Counter()
        self.found: Counter[str] = Counter()

    def add(self, labels: tuple[str, ...], found: str, rows: int) -> None:
        self.found[found] += rows
        for label in labels:
            self.labels[label] += rows

    def statistics(self, task: str) -> LabelStatistics:
        labels = dict(sorted(self.labels.items(), key=lambda item: (-item[1], item[0])))
        rows = self.found.total()
        covered = rows - self.found[NONE] - self.found[AMBIGUOUS]
        entropy = entropy_bits(labels)
        majority = next(iter(labels), None)
        return LabelStatistics(
            rows=rows,
            covered=covered,
            coverage=covered / rows,
            ambiguous=self.found[AMBIGUOUS],
            found={how: n for how, n in sorted(self.found.items()) if n and how not in (AMBIGUOUS, NONE)},
            multiple=tables().sets[tables().tasks[task]].multiple,
            labels=labels,
            distinct=len(labels),
            entropy_bits=entropy,
            normalised_entropy=entropy / log2(len(labels)) if len(labels) > 1 else 0.0,
            majority_label=majority,
            majority_share=labels[majority] / covered if majority else 0.0,
        )


def entropy_bits(counts: Mapping[str, int]) -> float:
    """Return the entropy of a distribution in bits, from counts greater than zero; 0 for none."""
    total = sum(counts.values())
    return fsum(n / total * log2(total / n) for n in counts.values())
