"""Other people's readers read both forms, with none of our code."""

import os
import subprocess
import sys
import warnings

import polars as pl
import pytest
from built import cells_of, key_of, rows_of

from audio_flan.shards import read_manifest, row_glob


@pytest.fixture(params=["indexed", "embedded"])
def built(request):
    return request.getfixturevalue(request.param)


def test_polars(built):
    frame = pl.read_parquet(built.root / row_glob("speech", "train"))
    manifest = read_manifest(built.root)
    assert len(frame) == manifest.rows("speech", "train")
    assert set(frame["domain"]) == {"speech"}
    cell = frame["input_audio"].explode().drop_nulls()[0]
    assert set(cell) == {"bytes", "path"}


def test_duckdb(built):
    duckdb = pytest.importorskip("duckdb")
    glob = str(built.root / row_glob("all", "test"))
    found = duckdb.sql(f"select task, count(*) from '{glob}' group by task").fetchall()
    manifest = read_manifest(built.root)
    assert sum(rows for _, rows in found) == manifest.rows("all", "test")
    assert duckdb.sql(f"select input_audio[1].path from '{glob}' limit 1").fetchall()


def test_the_index_in_polars(indexed):
    frame = pl.read_parquet(indexed.root / "index/*.parquet")
    assert len(frame) == indexed.summary.clips
    assert frame["nbytes"].sum() == indexed.summary.clip_bytes


READ = """
import gc, io, sys, time
import datasets
from datasets import Audio
assert "audio_flan" not in sys.modules
lists, streaming = ("input_audio", "output_audio"), sys.argv[2] == "stream"
files = {"train": sys.argv[1]}
found = datasets.load_dataset("parquet", data_files=files, split="train", streaming=streaming)
for column in lists:
    feature = found.features[column]
    inner = feature[0] if isinstance(feature, list) else feature.feature
    assert type(inner) is Audio, feature
    found = found.cast_column(column, datasets.List(Audio(decode=False)))
for row in found:
    print(row["uuid"], row["task"], row["split"], *(hash(cell["bytes"]) for c in lists for cell in row[c]))
# A thread of Arrow may let go of the last file only now, and aborts where Python ends meanwhile:
# https://github.com/apache/arrow/issues/45214
while any(type(each) is io.BufferedReader and each.closed for each in gc.get_objects()):
    time.sleep(0.01)
"""


HASH = """
import pickle, sys
for key, cells in pickle.load(sys.stdin.buffer):
    print(*key, *map(hash, cells))
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["stream", "table"])
def test_plain_datasets_reads_the_embedded_form(embedded, how, tmp_path):
    glob = str(embedded.root / row_glob("music", "train"))
    environment = os.environ | {"PYTHONHASHSEED": "0", "HF_DATASETS_CACHE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", READ, glob, how],
        capture_output=True, text=True, env=environment, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = subprocess.run(
        [sys.executable, "-c", HASH],
        input=_pickled(embedded),
        capture_output=True,
        env=environment,
        check=True,
    ).stdout.decode()
    assert sorted(done.stdout.splitlines()) == sorted(expected.splitlines())
    assert done.stdout.count("\n") == read_manifest(embedded.root).rows("music", "train")


def _pickled(embedded) -> bytes:
    import pickle

    rows = [row for row in rows_of(embedded.root, "music") if row["split"] == "train"]
    return pickle.dumps([(key_of(row), [cell["bytes"] for cell in cells_of(row)]) for row in rows])


def test_plain_datasets_sees_the_cells_of_the_indexed_form(indexed):
    import datasets

    glob = str(indexed.root / row_glob("speech_asr", "train"))
    found = datasets.load_dataset("parquet", data_files={"train": glob}, split="train", streaming=True)
    for column in ("input_audio", "output_audio"):
        found = found.cast_column(column, datasets.List(datasets.Audio(decode=False)))
    first = next(iter(found))
    assert first["input_audio"][0]["path"].startswith("audioflan:///audio/")
    assert first["input_audio"][0]["bytes"] is None


def test_webdataset_reads_every_tar(indexed):
    webdataset = pytest.importorskip("webdataset")
    urls = sorted(map(str, indexed.root.glob("audio/*/*.tar")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples = sum(1 for _ in webdataset.WebDataset(urls, shardshuffle=False))
    assert samples == indexed.summary.clips
