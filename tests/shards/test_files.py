"""Atomic files, the clip index, row files and the manifest."""

import contextlib
import json
import os
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from audio_flan.records.schema import COLUMNS
from audio_flan.shards import (
    LAYOUT_VERSION,
    FileFacts,
    Manifest,
    ManifestError,
    Recipe,
    RowCount,
    parse_manifest,
    read_manifest,
    row_file,
    verify,
    write_manifest,
)
from audio_flan.shards.atomic import atomic_folder, atomic_path, remove_leftovers
from audio_flan.shards.hashing import hash_file
from audio_flan.shards.index import read_index, write_index
from audio_flan.shards.indexed_clip import IndexedClip
from audio_flan.shards.row_files import RowFileWriter
from audio_flan.shards.schema import row_features


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    with contextlib.suppress(ZeroDivisionError), atomic_path(tmp_path / "a") as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    with atomic_path(tmp_path / "b" / "a") as temporary:
        temporary.write_text("whole")
        assert not (tmp_path / "b" / "a").exists()
    assert (tmp_path / "b" / "a").read_text() == "whole"
    assert (tmp_path / "b" / "a").stat().st_mode & 0o777 == 0o644


def test_a_folder_is_there_whole_or_not_at_all(tmp_path):
    with contextlib.suppress(ZeroDivisionError), atomic_folder(tmp_path / "a") as temporary:
        (temporary / "x").write_text("half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    for text in ("first", "second"):  # the same was made by two processes: the first one counts
        with atomic_folder(tmp_path / "a") as temporary:
            (temporary / "x").write_text(text)
    assert (tmp_path / "a" / "x").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_leftovers_go_and_nothing_else(tmp_path):
    (tmp_path / "data" / ".tmp-x").mkdir(parents=True)
    (tmp_path / "data" / ".tmp-x" / "y").write_text("")
    (tmp_path / "data" / ".tmp-z").write_text("")
    (tmp_path / "data" / "kept").write_text("")
    remove_leftovers(tmp_path)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["kept"]


def clip(i: int, audio_id: str | None = None) -> IndexedClip:
    shard = f"audio/c/c-{i // 100:05d}.tar"
    return IndexedClip(audio_id or f"id-{i:06d}", shard, 512 * i, i, 16000, 1, 7 * i, "FLAC", 2**64 - 1 - i)


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("index") / "c.parquet"
    assert write_index(path, map(clip, range(20_000)), group_clips=1000) == 20_000
    return path


def test_the_index_gives_back_every_clip(index, tmp_path):
    assert list(read_index(index)) == [clip(i) for i in range(20_000)]
    assert write_index(tmp_path / "none", []) == 0
    assert list(read_index(tmp_path / "none")) == []


def row(uuid: str, clips: list[tuple[bytes | None, str]]) -> tuple:
    texts = [uuid, "Listen.", "in", "out", "train", "speech", "Speech Recognition", "ASR", "speech_asr",
             "understanding"]  # fmt: skip
    ids, seconds = [name for _, name in clips], [1.5] * len(clips)
    return (*texts, None, ["studio"], "c", None, None, clips, [], ids, [], seconds, [])


def test_a_clip_that_a_row_group_repeats_is_stored_once(tmp_path):
    data = [os.urandom(1_000_000) for _ in range(3)]
    with RowFileWriter(tmp_path / "a.parquet") as writer:
        writer.write([row(str(i), [(data[i % 3], "x.flac"), (data[0], "y.flac")]) for i in range(12)])
    assert (tmp_path / "a.parquet").stat().st_size < 3_050_000
    file = pq.ParquetFile(tmp_path / "a.parquet", page_checksum_verification=True)
    rows = file.read().to_pylist()
    assert [cell["bytes"] for cell in rows[4]["input_audio"]] == [data[1], data[0]]
    leaves = {column["path_in_schema"]: column for column in file.metadata.row_group(0).to_dict()["columns"]}
    assert leaves["input_audio.list.element.bytes"]["compression"] == "UNCOMPRESSED"
    assert leaves["output"]["compression"] == "ZSTD"


def test_a_flipped_bit_is_noticed(tmp_path):
    with RowFileWriter(tmp_path / "a.parquet") as writer:
        writer.write([row("0", [(b"\0" * 1000, "x.flac")])])
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    data[data.index(b"\0" * 500) + 100] ^= 1
    (tmp_path / "a.parquet").write_bytes(data)
    with pytest.raises(OSError, match="CRC"):
        pq.ParquetFile(tmp_path / "a.parquet", page_checksum_verification=True).read()


def test_features_are_list_literals(tmp_path):
    with RowFileWriter(tmp_path / "a.parquet") as writer:
        writer.write([row("0", [])])
    stored = json.loads(pq.read_schema(tmp_path / "a.parquet").metadata[b"huggingface"])
    features = stored["info"]["features"]
    assert features == row_features()
    assert tuple(features) == COLUMNS
    assert features["input_audio"] == [{"_type": "Audio"}]
    assert features["input_seconds"] == [{"dtype": "float64", "_type": "Value"}]
    assert "List" not in json.dumps(stored)


RECIPE = Recipe("0" * 16, "indexed", "all", ("train",), 10**6, 0, "header")


@pytest.fixture
def root(tmp_path) -> Path:
    path = row_file("speech_asr", "train", 0, 1)
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_bytes(b"rows")
    facts = FileFacts(path, 4, hash_file(tmp_path / path), rows=3)
    counts = (RowCount("speech_asr", "train", "c", "understanding", 3, 6.0, 3, 0, 3),)
    write_manifest(tmp_path, Manifest(LAYOUT_VERSION, "t", "", RECIPE, counts, (), (facts,)))
    return tmp_path


def test_a_manifest_is_read_as_it_was_written(root):
    manifest = read_manifest(root)
    assert manifest.form == "indexed"
    assert manifest.rows("speech", "train") == 3
    assert manifest.rows("speech", "test") == manifest.rows("music", "train") == 0
    assert [file.rows for file in manifest.row_files("all", ("train", "test"))] == [3]
    assert manifest.row_files("all", ("test",)) == manifest.row_files("music", ("train",)) == []
    assert list(verify(root, deep=True)) == []


def test_verify_names_what_differs(root):
    path = root / row_file("speech_asr", "train", 0, 1)
    path.write_bytes(b"roWs")
    assert list(verify(root)) == []
    assert next(verify(root, deep=True)).message.endswith("its bytes have changed")
    path.write_bytes(b"longer")
    assert [problem.message for problem in verify(root)] == ["expected 4 bytes, found 6"]
    path.unlink()
    assert [problem.message for problem in verify(root)] == ["the manifest lists it and it is missing"]
    outside = root.parent / "outside"
    outside.write_bytes(b"rows")
    path.symlink_to(outside)
    assert [problem.message for problem in verify(root)] == ["it leads out of the root"]


def test_manifests_that_cannot_be_used(tmp_path):
    with pytest.raises(ManifestError, match=r"has no audio_flan\.json: it is no finished build"):
        read_manifest(tmp_path)
    for data in (b"", b"[]", b"{}", b"\xff", b'{"layout": 2}'):
        with pytest.raises(ManifestError, match="x is not a manifest"):
            parse_manifest(data, "x")
    other = msgspec.json.encode({"layout": 1})
    with pytest.raises(ManifestError, match="has layout 1, this version of audio-flan reads 2"):
        parse_manifest(other)
