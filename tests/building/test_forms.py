"""Both forms hold the rows and the clips of the release, whoever reads them."""

import tarfile
from collections import Counter
from itertools import pairwise

import pyarrow.parquet as pq
import pytest
from built import Built, cells_of, key_of, tree
from xxhash import xxh3_64_intdigest

import audio_flan
from audio_flan.building import build, plan_build
from audio_flan.records.schema import AUDIO_COLUMNS, COLUMNS
from audio_flan.shards import parse_cell, read_manifest, row_glob, verify
from audio_flan.shards.index import read_index
from audio_flan.waveform import LazyAudio

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def released(demo_root):
    """Rows of the release by key, with clips for audio."""
    return {key_of(row): row for row in audio_flan.stream(demo_root, "all", "all")}


@pytest.fixture(params=["indexed", "embedded"])
def built(request) -> Built:
    return request.getfixturevalue(request.param)


def test_rows_are_those_of_the_release(built, released):
    rows = built.by_key()
    assert set(rows) == set(released)
    for key, row in rows.items():
        expected = released[key]
        assert tuple(row) == COLUMNS
        for column in COLUMNS:
            if column not in AUDIO_COLUMNS:
                assert row[column] == expected[column], column


def test_bytes_are_those_of_the_release(built, released):
    for key, row in built.by_key().items():
        for cell, audio in zip(cells_of(row), cells_of(released[key]), strict=True):
            assert built.cell_bytes(cell) == audio.encoded()


def test_what_it_says_of_itself_is_true(built):
    summary, manifest = built.summary, read_manifest(built.root)
    rows = built.rows()
    assert summary.rows == summary.rows_in == len(rows) == sum(count.rows for count in manifest.counts)
    assert (summary.rows_quarantined, summary.quarantined) == (0, {})
    assert list(verify(built.root, deep=True)) == []
    listed = {file.path for file in manifest.files}
    assert listed | {"audio_flan.json", "README.md", "croissant.json"} == {
        p for p, data in tree(built.root).items() if data != b"folder"
    }
    assert Counter((row["task"], row["split"], row["corpus"]) for row in rows) == {
        (count.task, count.split, count.corpus): count.rows for count in manifest.counts
    }
    used = {cell_id for row in rows for cell_id in row["input_audio_ids"] + row["output_audio_ids"]}
    assert summary.clips == len(used)


def test_row_files_lie_where_their_config_looks(built):
    manifest = read_manifest(built.root)
    for config in ("speech_asr", "generation", "music", "music_global_mir", "all"):
        for split in SPLITS:
            listed = [file.path for file in manifest.row_files(config, (split,))]
            found = sorted(str(p.relative_to(built.root)) for p in built.root.glob(row_glob(config, split)))
            assert listed == found
            rows = sum(pq.read_metadata(built.root / path).num_rows for path in found)
            assert rows == manifest.rows(config, split)


def test_every_clip_is_stored_once_with_its_corpus(indexed, released):
    clips = {audio.id: audio for row in released.values() for audio in cells_of(row)}
    members = Counter()
    for path in indexed.root.glob("audio/*/*.tar"):
        with tarfile.open(path) as tar:
            members.update(xxh3_64_intdigest(tar.extractfile(member).read()) for member in tar)
    assert members == Counter(xxh3_64_intdigest(audio.encoded()) for audio in clips.values())
    found = {clip.id: clip for path in indexed.root.glob("index/*.parquet") for clip in read_index(path)}
    assert set(found) == set(clips)
    for audio_id, clip in found.items():
        audio = clips[audio_id]
        assert (clip.sampling_rate, clip.channels, clip.frames, clip.format) == (
            audio.sampling_rate, audio.channels, audio.frames, audio.format,
        )  # fmt: skip
        assert clip.xxh3 == xxh3_64_intdigest(audio.encoded())


def test_cells_agree_with_the_index(indexed):
    index = {clip.id: clip for path in indexed.root.glob("index/*.parquet") for clip in read_index(path)}
    for row in indexed.rows():
        ids = row["input_audio_ids"] + row["output_audio_ids"]
        for audio_id, cell in zip(ids, cells_of(row), strict=True):
            place, clip = parse_cell(cell["path"]), index[audio_id]
            assert (place.base, place.audio_id) == ("", audio_id)
            assert place.shard == clip.shard
            assert (place.offset, place.nbytes, place.xxh3) == (clip.offset, clip.nbytes, clip.xxh3)


def test_rows_follow_their_first_clips(indexed):
    for path in sorted(indexed.root.glob("data/*/*/*/*/*")):
        cells = [cells_of(row) for row in pq.read_table(path).to_pylist()]
        places = [parse_cell(own[0]["path"]) for own in cells if own]
        keys = [(place.shard.split("/")[1], place.shard, place.offset) for place in places]
        corpora = [corpus for corpus, _, _ in keys]
        assert len(set(corpora)) == 1 + sum(a != b for a, b in pairwise(corpora))
        for corpus in set(corpora):
            own = [key for key in keys if key[0] == corpus]
            assert own == sorted(own)


def test_tars_keep_to_their_size(indexed):
    sizes = [path.stat().st_size for path in indexed.root.glob("audio/*/*.tar")]
    assert len(sizes) > 10
    assert max(sizes) < 1_300_000


@pytest.mark.slow
def test_another_seed_another_order_and_the_same_rows(demo_root, indexed, out):
    other = Built(out, build(demo_root, out, shard_size=1_000_000, seed=1))
    assert set(other.by_key()) == set(indexed.by_key())
    assert [key_of(row) for row in other.rows()] != [key_of(row) for row in indexed.rows()]


def test_the_embedded_order_is_not_that_of_the_release(embedded, released):
    keys = [key_of(row) for row in embedded.rows()]
    assert keys != sorted(keys, key=list(released).index)


def test_a_config_brings_only_its_rows_and_their_clips(demo_root, out):
    made = Built(out, build(demo_root, out, config="speech_asr", splits=["train"]))
    rows = made.rows()
    assert {(row["task"], row["split"]) for row in rows} == {("speech_asr", "train")}
    ids = {audio_id for row in rows for audio_id in row["input_audio_ids"]}
    assert {clip.id for path in out.glob("index/*.parquet") for clip in read_index(path)} == ids
    plan = plan_build(demo_root, config="speech_asr", splits=["train"])
    assert (plan.rows, plan.clips) == (len(rows), len(ids))


def test_borrowed_and_packed_clips(small_tree, out):
    made = Built(out, build(small_tree.root, out))
    rows = made.by_key()
    assert len(rows) == len(small_tree.rows)
    borrowed = parse_cell(cells_of(rows["tts-0", "speech_zero_shot_tts", "train"])[0]["path"])
    assert borrowed.shard == "audio/01_Read/01_Read-00000.tar"  # though 02_Synth lists it as well
    for row in rows.values():
        ids = row["input_audio_ids"] + row["output_audio_ids"]
        for audio_id, cell in zip(ids, cells_of(row), strict=True):
            heard = LazyAudio({"bytes": made.cell_bytes(cell), "path": "x"}, audio_id).decode()
            assert abs(heard - small_tree.waves[audio_id].T).max() < 1e-4


def test_the_plan_is_what_is_made(demo_root, indexed, embedded):
    for made in (indexed, embedded):
        plan = plan_build(demo_root, made.summary.form, shard_size=1_000_000)
        assert (plan.rows, plan.clips, plan.clip_bytes) == (
            made.summary.rows, made.summary.clips, made.summary.clip_bytes,
        )  # fmt: skip
    cells = [cell for row in embedded.rows() for cell in cells_of(row)]
    assert plan.audio_bytes == sum(len(cell["bytes"]) for cell in cells)
    assert plan_build(demo_root, shard_size=1_000_000).shards == len(list(indexed.root.glob("audio/*/*.tar")))
