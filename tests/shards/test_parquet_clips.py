"""Clips in Parquet: each stands in one run of bytes, wherever row groups begin."""

import os

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from property_profiles import examples
from xxhash import xxh3_64_intdigest

from audio_flan.shards import parquet_clips
from audio_flan.shards.indexed_clip import IndexedClip
from audio_flan.shards.parquet_clips import ParquetClipWriter, clip_offsets


def write(path, datas):
    with ParquetClipWriter(path) as writer:
        for i, data in enumerate(datas):
            clip = IndexedClip(f"clip {i}", "x", 0, len(data), 16000, 1, 10, "FLAC", xxh3_64_intdigest(data))
            writer.add(clip, f"clip-{i}.flac", data)
        return writer.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "clips.parquet"


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=60), st.integers(1, 2000))
@examples(60)
def test_every_clip_is_where_it_is_said_to_be(tmp_path_factory, datas, group_bytes):
    path = tmp_path_factory.mktemp("clips") / "clips.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet_clips, "GROUP_BYTES", group_bytes)
        clips = write(path, datas)
    whole = path.read_bytes()
    assert [whole[clip.offset : clip.offset + clip.nbytes] for clip in clips] == datas
    assert pq.read_table(path, page_checksum_verification=True)["audio"].to_pylist() == [
        {"bytes": data, "path": f"clip-{i}.flac"} for i, data in enumerate(datas)
    ]


def test_clips_larger_than_a_row_group_and_than_a_usual_page(path):
    datas = [os.urandom(size) for size in (10, 9_000_000, 3, 3_000_000, 3_000_000, 3_000_000, 0, 1)]
    clips = write(path, datas)
    whole = path.read_bytes()
    assert [whole[clip.offset : clip.offset + clip.nbytes] for clip in clips] == datas
    assert pq.read_metadata(path).num_row_groups == 3
    assert len(whole) < sum(map(len, datas)) + 10_000


def test_the_same_clips_give_the_same_bytes(path, tmp_path):
    datas = [os.urandom(1000) for _ in range(10)]
    write(path, datas)
    write(tmp_path / "again", datas)
    assert path.read_bytes() == (tmp_path / "again").read_bytes()


def test_a_layout_that_is_not_known_is_noticed(path):
    write(path, [b"abc", b"defg"])
    with pytest.raises(RuntimeError, match="no clip of 4 bytes"):
        clip_offsets(path, [4, 3])


def test_the_facts_are_columns(path):
    write(path, [b"abc", b"defg"])
    frame = pl.read_parquet(path)
    assert frame["id"].to_list() == ["clip 0", "clip 1"]
    assert frame["xxh3"].to_list() == [xxh3_64_intdigest(b"abc"), xxh3_64_intdigest(b"defg")]
    assert frame["sampling_rate"].to_list() == [16000, 16000]
