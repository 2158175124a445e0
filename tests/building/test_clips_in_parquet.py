"""Clips in Parquet instead of tars: rows, index and ranges are the same but for the places."""

import os
import subprocess
import sys

import pytest
from built import Built, cells_of, tree
from xxhash import xxh3_64_intdigest

from audio_flan.building import build
from audio_flan.shards import parse_cell, read_manifest, verify
from audio_flan.shards.index import read_index


@pytest.fixture(scope="module")
def parquet(demo_root, tmp_path_factory) -> Built:
    out = tmp_path_factory.mktemp("parquet") / "out"
    return Built(out, build(demo_root, out, shard_size=1_000_000, clips="parquet"))


def test_every_indexed_range_hashes_to_its_clip(parquet):
    clips = [clip for path in sorted(parquet.root.glob("index/*.parquet")) for clip in read_index(path)]
    assert len(clips) == parquet.summary.clips
    for clip in clips:
        assert clip.shard.endswith(".parquet")
        with (parquet.root / clip.shard).open("rb") as shard:
            shard.seek(clip.offset)
            assert xxh3_64_intdigest(shard.read(clip.nbytes)) == clip.xxh3


def test_rows_are_those_of_the_build_with_tars(parquet, indexed):
    expected = indexed.by_key()
    for key, row in parquet.by_key().items():
        other = expected.pop(key)
        for cell, theirs in zip(cells_of(row), cells_of(other), strict=True):
            assert parse_cell(cell["path"]).audio_id == parse_cell(theirs["path"]).audio_id
            assert parquet.cell_bytes(cell) == indexed.cell_bytes(theirs)
    assert expected == {}


def test_the_manifest_lists_the_shards(parquet):
    manifest = read_manifest(parquet.root)
    assert manifest.recipe.clips == "parquet"
    assert (
        sum(file.clips for file in manifest.files if file.path.startswith("audio/")) == parquet.summary.clips
    )
    assert list(verify(parquet.root, deep=True)) == []


@pytest.mark.slow
def test_jobs_make_no_difference(parquet, demo_root, out):
    build(demo_root, out, shard_size=1_000_000, clips="parquet", jobs=2)
    assert tree(out) == tree(parquet.root)


READ = """
import sys
import datasets
files, streaming = sys.argv[1], sys.argv[2] == "stream"
found = datasets.load_dataset("parquet", data_files=files, split="train", streaming=streaming)
assert "audio_flan" not in sys.modules
assert type(found.features["audio"]) is datasets.Audio
found = found.cast_column("audio", datasets.Audio(decode=False))
print(sum(len(row["audio"]["bytes"]) for row in found))
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["stream", "table"])
def test_plain_datasets_reads_the_clips_as_audio(parquet, how, tmp_path):
    environment = os.environ | {"HF_DATASETS_CACHE": str(tmp_path)}
    command = [sys.executable, "-c", READ, str(parquet.root / "audio/*/*.parquet"), how]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == parquet.summary.clip_bytes


def test_they_are_for_the_indexed_form(small_tree, out):
    with pytest.raises(ValueError, match="is for the indexed form"):
        build(small_tree.root, out, "embedded", clips="parquet")
    with pytest.raises(ValueError, match="clips must be one of tar, parquet"):
        build(small_tree.root, out, clips="zip")
