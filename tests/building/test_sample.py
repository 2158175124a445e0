"""The sample: a few rows of every task, with their audio inside, as they stand in the row files."""

import json

import polars as pl
import pyarrow.parquet as pq
import pytest
from built import Built, cells_of, key_of
from hypothesis import given
from hypothesis import strategies as st

from audio_flan.building import build
from audio_flan.building.write_sample import SMALL_BYTES, TASK_ROWS, Candidate, choose
from audio_flan.records.schema import AUDIO_COLUMNS
from audio_flan.shards import read_manifest
from audio_flan.shards.layout import SAMPLE_FILE
from audio_flan.shards.schema import row_schema


@pytest.fixture(params=["indexed", "embedded"])
def built(request) -> Built:
    return request.getfixturevalue(request.param)


def sample_of(root):
    return pq.read_table(root / SAMPLE_FILE).to_pylist()


def test_every_task_has_its_first_rows_with_their_audio(built):
    rows, sample = built.by_key(), sample_of(built.root)
    by_task = pl.DataFrame([(row["task"], row["split"]) for row in sample], ["task", "split"], orient="row")
    assert set(by_task["task"]) == {row["task"] for row in rows.values()}
    assert by_task["task"].value_counts()["count"].max() == TASK_ROWS
    assert set(by_task["split"]) == {"train"}  # every task of the demo has rows enough there
    for row in sample:
        original = rows[key_of(row)]
        assert {k: v for k, v in row.items() if k not in AUDIO_COLUMNS} == {
            k: v for k, v in original.items() if k not in AUDIO_COLUMNS
        }
        assert [cell["bytes"] for cell in cells_of(row)] == [built.cell_bytes(c) for c in cells_of(original)]
        assert all("/" not in cell["path"] for cell in cells_of(row))


def test_rows_stand_in_the_order_of_the_row_files(built):
    first = {}
    for row in built.rows():
        if row["split"] == "train":
            first.setdefault(row["task"], []).append(key_of(row))
    for row in sample_of(built.root):
        assert key_of(row) in first[row["task"]][:TASK_ROWS]


def test_it_is_a_row_file_that_the_manifest_lists(built):
    (facts,) = [file for file in read_manifest(built.root).files if file.path == SAMPLE_FILE]
    file = pq.ParquetFile(built.root / SAMPLE_FILE, page_checksum_verification=True)
    assert file.metadata.num_rows == facts.rows == len(sample_of(built.root))
    assert file.metadata.row_group(0).total_byte_size < 20_000_000
    ours = json.loads(file.schema_arrow.metadata[b"huggingface"])
    assert ours == json.loads(row_schema().metadata[b"huggingface"])
    assert file.schema_arrow.names == row_schema().names


def test_other_readers(built):
    duckdb = pytest.importorskip("duckdb")
    path = str(built.root / SAMPLE_FILE)
    assert len(pl.read_parquet(path)) == len(sample_of(built.root))
    assert duckdb.sql(f"select count(distinct task) from '{path}'").fetchall() == [(80,)]


def test_a_task_without_rows_in_train_takes_those_of_other_splits(demo_root, out):
    built = Built(out, build(demo_root, out, config="speech_asr", splits=["test", "dev"]))
    splits = [row["split"] for row in sample_of(built.root)]
    assert splits == ["validation"] * TASK_ROWS
    assert {row["split"] for row in built.rows()} == {"validation", "test"}


def test_of_clips_in_parquet(demo_root, out):
    built = Built(out, build(demo_root, out, config="speech_asr", clips="parquet"))
    rows = built.by_key()
    for row in sample_of(out):
        original = cells_of(rows[key_of(row)])
        assert [cell["bytes"] for cell in cells_of(row)] == [built.cell_bytes(cell) for cell in original]


def test_a_build_without_rows_has_no_sample(small_tree, out):
    build(small_tree.root, out, config="music_caption")
    assert not (out / SAMPLE_FILE).exists()
    assert read_manifest(out).row_files("all", ("train", "validation", "test")) == []


@given(st.lists(st.integers(0, 3 * SMALL_BYTES), max_size=12))
def test_which_rows_are_taken(sizes):
    taken = choose(Candidate(size, {"n": n}) for n, size in enumerate(sizes))
    small = [n for n, size in enumerate(sizes) if size <= SMALL_BYTES]
    if small:
        assert [each.row["n"] for each in taken] == small[:TASK_ROWS]
    else:
        assert [each.audio_bytes for each in taken] == sorted(sizes)[:1]
