"""Builds of clips as they are recorded, 2 to 15 seconds, each used by four rows."""

from pathlib import Path

import datasets
import pytest

import audio_flan

BENCH = Path(__file__).resolve().parents[2] / "tools/bench"
CLIPS = 60


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real-size")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCH)
        from workload import make_release

        release = make_release(folder / "release", "FLAC", CLIPS)
    return folder / "out", audio_flan.build(release, folder / "out", shard_size=5_000_000)


def test_it_is_hardly_larger_than_its_clips(built):
    root, summary = built
    nbytes = sum(p.stat().st_size for p in root.rglob("*") if p.is_file() and p.parent.name != "sample")
    assert summary.rows == 4 * CLIPS
    assert nbytes <= 1.03 * summary.clip_bytes


@pytest.mark.slow
@pytest.mark.torch
def test_datasets_reads_tars_of_one_format(built):
    """Its builder for such tars takes none with clips of several formats for a WebDataset."""
    tars = sorted(map(str, built[0].glob("audio/*/*.tar")))
    rows = datasets.load_dataset("webdataset", data_files={"train": tars}, split="train", streaming=True)
    assert sum(1 for row in rows.decode(False) if row["flac"]["bytes"]) == CLIPS
