"""The rows of a leaf, all columns at once."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from arrow_text import joined, uuids
from clip_facts import clip_cells, clip_facts, clip_ids
from phrases import ONE_CLIP, OTHERS, TEXT, TWO_CLIPS, instructions, outputs, sentences, skewed
from population import Leaf, clips_of_row

from audio_flan.records.grammar import audio_token
from audio_flan.shards import RowCount
from audio_flan.shards.schema import CELL, row_schema

_UNSEEN_SHARE = 0.1
"""Of the rows of the split test."""
_BEFORE, _AFTER = audio_token("\0").split("\0")


def make_rows(leaf: Leaf, rows: range, seed: int, rng: np.random.Generator) -> tuple[pa.Table, RowCount]:
    """Make some of the rows of a leaf, in order; count them as the manifest does."""
    count, task = len(rows), leaf.task
    n_input, n_output = clips_of_row(task)
    places = np.arange(rows.start, rows.stop, dtype=np.int64) * leaf.clips // leaf.rows
    clips = [
        clip_facts(leaf.corpus, leaf.first + np.minimum(places + k, leaf.clips - 1), seed)
        for k in range(n_input + n_output)
    ]
    ids = [clip_ids(leaf.corpus, facts) for facts in clips]
    cells = [clip_cells(leaf.corpus, facts) for facts in clips]
    seconds = [facts.frames / leaf.corpus.sampling_rate for facts in clips]
    tokens = [joined(_BEFORE, each, _AFTER) for each in ids]
    unseen = rng.random(count) < (_UNSEEN_SHARE if leaf.split == "test" else 0)
    wordings = instructions(task)
    answer = tokens[n_input] if n_output else None
    columns = {
        "uuid": uuids(count, rng),
        "instruction": wordings.take(skewed(len(wordings), count, rng)),
        "input": _inputs(leaf, tokens[:n_input], count, rng),
        "output": outputs(task, answer, count, rng, chinese=leaf.corpus.chinese),
        "split": pa.repeat(leaf.split, count),
        "domain": pa.repeat(task.domain, count),
        "major": pa.repeat(task.major, count),
        "minor": pa.repeat(task.minor, count),
        "task": pa.repeat(task.config, count),
        "direction": pa.repeat(task.output_direction, count),
        "unseen": pa.array(unseen),
        "source": _lists([pa.repeat(leaf.corpus.kind, count)], count),
        "corpus": pa.repeat(leaf.corpus.name, count),
        "other": pa.array(OTHERS, pa.string()).take(skewed(len(OTHERS), count, rng)),
        "extra": pa.nulls(count, pa.string()),
        "input_audio": _cell_lists(cells[:n_input], count),
        "output_audio": _cell_lists(cells[n_input:], count),
        "input_audio_ids": _lists(ids[:n_input], count),
        "output_audio_ids": _lists(ids[n_input:], count),
        "input_seconds": _lists([pa.array(each) for each in seconds[:n_input]], count, pa.float64()),
        "output_seconds": _lists([pa.array(each) for each in seconds[n_input:]], count, pa.float64()),
    }
    table = pa.table(columns, schema=row_schema())
    n_unseen = int(unseen.sum())
    total = float(sum(each.sum() for each in seconds))
    found = (count, total, count * len(clips), n_unseen, count - n_unseen)
    return table, RowCount(task.config, leaf.split, leaf.corpus.name, task.output_direction, *found)


def _inputs(leaf: Leaf, tokens: Sequence[pa.Array], count: int, rng: np.random.Generator) -> pa.Array:
    """Print the inputs of each row, one to a line, with or without labels."""
    if len(tokens) == 2:
        drawn = pa.array(rng.integers(0, len(TWO_CLIPS), count, np.int32))
        labels = [pa.array(each).take(drawn) for each in zip(*TWO_CLIPS, strict=True)]
        return joined(labels[0], tokens[0], "\n", labels[1], tokens[1])
    values = [_labelled(ONE_CLIP, each, rng) for each in tokens]
    if "text" in leaf.task.input_modality:
        texts = sentences(leaf.task, count, rng, chinese=leaf.corpus.chinese)
        values.append(_labelled(TEXT, texts, rng))
    return joined(values[0], "\n", values[1]) if len(values) == 2 else values[0]


def _labelled(labels: Sequence[str], values: pa.Array, rng: np.random.Generator) -> pa.Array:
    drawn = pa.array(rng.integers(0, len(labels), len(values), np.int32))
    return joined(pa.array(labels).take(drawn), values)


def _cell_lists(paths: Sequence[pa.Array], count: int) -> pa.Array:
    lists = _lists(paths, count)
    no_bytes = pa.nulls(len(lists.values), pa.binary())
    cells = pa.StructArray.from_arrays([no_bytes, lists.values], fields=list(CELL))
    return pa.ListArray.from_arrays(lists.offsets, cells)


def _lists(values: Sequence[pa.Array], count: int, kind: pa.DataType | None = None) -> pa.ListArray:
    """Make lists of the values of each row; without values, empty ones of strings or of `kind`."""
    offsets = np.arange(count + 1, dtype=np.int32) * len(values)
    if not values:
        return pa.ListArray.from_arrays(offsets, pa.array([], kind or pa.string()))
    if len(values) == 1:
        return pa.ListArray.from_arrays(offsets, values[0])
    order = np.arange(count * len(values)).reshape(len(values), count).T.ravel()
    return pa.ListArray.from_arrays(offsets, pa.concat_arrays(values).take(pa.array(order)))
