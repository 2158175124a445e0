"""Generated rows are what a build would have written, so that benchmarks on them tell of real roots."""

import polars as pl
import pyarrow.parquet as pq
import pytest

import audio_flan
from audio_flan.records import find_audio_ids
from audio_flan.shards import parse_cell, read_manifest, verify
from audio_flan.shards.index import read_index
from audio_flan.shards.row_files import GROUP_ROWS
from audio_flan.shards.schema import row_schema
from audio_flan.taxonomy import taxonomy

ROWS = 30_000


@pytest.fixture
def root(generated_root):
    return generated_root


@pytest.fixture(scope="module")
def rows(generated_root):
    return pl.read_parquet(generated_root / "data/**/*.parquet")


def test_the_manifest_is_exact(root, rows):
    manifest = read_manifest(root)
    assert not list(verify(root, deep=True))
    by = ["task", "split", "corpus", "direction"]
    seconds = pl.col("input_seconds").list.sum() + pl.col("output_seconds").list.sum()
    clips = pl.col("input_audio_ids").list.len() + pl.col("output_audio_ids").list.len()
    counted = rows.group_by(by).agg(
        rows=pl.len(), seconds=seconds.sum(), clips=clips.sum(), unseen=pl.col("unseen").sum()
    )
    expected = {tuple(row[name] for name in by): row for row in counted.to_dicts()}
    assert sum(count.rows for count in manifest.counts) == ROWS == len(rows)
    assert len(manifest.counts) == len(expected)
    for count in manifest.counts:
        row = expected[count.task, count.split, count.corpus, count.direction]
        assert (count.rows, count.clips, count.unseen) == (row["rows"], row["clips"], row["unseen"])
        assert count.seen == count.rows - count.unseen
        assert count.seconds == pytest.approx(row["seconds"])


def test_rows_have_the_proportions_of_the_paper(rows):
    by_domain = dict(rows.group_by("domain").len().iter_rows())
    assert by_domain["speech"] / ROWS == pytest.approx(100.42 / 108.53, abs=0.001)
    assert by_domain["music"] / ROWS == pytest.approx(2.17 / 108.53, abs=0.001)
    by_split = dict(rows.group_by("split").len().iter_rows())
    assert by_split["train"] / ROWS == pytest.approx(0.97, abs=0.01)
    assert rows["task"].n_unique() == len(taxonomy().tasks)
    assert rows["uuid"].n_unique() == ROWS


def test_rows_are_consistent(rows):
    tasks = taxonomy().tasks
    for row in rows.sample(2000, seed=1).iter_rows(named=True):
        task = tasks[row["task"]]
        assert (row["major"], row["minor"], row["domain"]) == (task.major, task.minor, task.domain)
        assert row["direction"] == task.output_direction
        for side in ("input", "output"):
            assert find_audio_ids(row[side]) == row[f"{side}_audio_ids"]
            assert len(row[f"{side}_seconds"]) == len(row[f"{side}_audio_ids"])
        assert row["instruction"]
        assert row["output"]


def test_each_clip_is_where_its_cell_and_the_index_say(root, rows):
    corpora = {corpus.corpus: corpus for corpus in read_manifest(root).corpora}
    clips = {clip.id: clip for name in corpora for clip in read_index(root / f"index/{name}.parquet")}
    for side in ("input", "output"):
        for cells, ids, seconds in rows.select(
            f"{side}_audio", f"{side}_audio_ids", f"{side}_seconds"
        ).iter_rows():
            for cell, audio_id, length in zip(cells, ids, seconds, strict=True):
                found, clip = parse_cell(cell["path"]), clips[audio_id]
                assert found.audio_id == audio_id
                assert found[1::4] == (clip.shard, clip.nbytes)
                assert (found.offset, found.xxh3) == (clip.offset, clip.xxh3)
                assert length == clip.frames / clip.sampling_rate
    store = audio_flan.AudioStore(root)
    assert list(store) == list(clips)
    for audio_id in list(clips)[::500]:
        assert store[audio_id].source.place[1::4] == (clips[audio_id].shard, clips[audio_id].nbytes)
    used = rows.select(pl.concat_list("input_audio_ids", "output_audio_ids").alias("id")).explode("id")
    assert set(used["id"]) == set(clips)
    assert sum(corpus.clips for corpus in corpora.values()) == len(clips)
    assert sum(corpus.clip_bytes for corpus in corpora.values()) == sum(c.nbytes for c in clips.values())
    by_shard: dict[str, int] = {}
    for clip in sorted(clips.values(), key=lambda clip: (clip.shard, clip.offset)):
        assert clip.offset >= by_shard.get(clip.shard, 0), "no two clips overlap"
        by_shard[clip.shard] = clip.offset + clip.nbytes


def test_files_are_those_of_a_build(root):
    for path in (root / "data").rglob("*.parquet"):
        file = pq.ParquetFile(path)
        assert file.schema_arrow.names == row_schema().names
        assert file.schema_arrow.metadata == row_schema().metadata
        groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        assert all(rows == GROUP_ROWS for rows in groups[:-1])
        assert 0 < file.metadata.num_rows <= 5000
    row = next(iter(audio_flan.stream(root, "speech_asr", "train")))
    assert row["input_audio"][0].startswith(row["corpus"])


@pytest.mark.slow
def test_the_same_options_give_the_same_bytes(root, generate, tmp_path):
    generate(tmp_path / "again", "--rows", ROWS, "--shard-rows", 5000, "--index", "--jobs", 1)
    files = sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
    again = tmp_path / "again"
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert all((root / path).read_bytes() == (again / path).read_bytes() for path in files)


@pytest.mark.slow
def test_another_seed_gives_other_rows(rows, generate, tmp_path):
    generate(tmp_path / "other", "--rows", 2000, "--seed", 1)
    other = pl.read_parquet(tmp_path / "other/data/**/*.parquet")
    assert len(other) == 2000
    assert not set(other["uuid"]) & set(rows["uuid"])


def test_a_folder_with_files_is_refused(generate, tmp_path):
    (tmp_path / "file").touch()
    done = generate(tmp_path, "--rows", 10)
    assert done.returncode == 2
    assert "is not empty" in done.stderr
