"""The numbers that are known of the shared corpus are those of its build."""

import json
from collections import Counter

import pytest
from built import Built

import audio_flan
from audio_flan.building import build
from audio_flan.shards import read_manifest
from audio_flan.taxonomy import resolve_task


@pytest.fixture(scope="module")
def built(shared_corpus, tmp_path_factory):
    out = tmp_path_factory.mktemp("shared") / "out"
    return Built(out, build(shared_corpus, out, jobs=2))


def test_counts(built, shared_corpus):
    expected = json.loads(shared_corpus.with_suffix(".expected.json").read_text())
    summary, counts = built.summary, read_manifest(built.root).counts
    assert summary.rows == summary.rows_in == expected["instances"]
    assert summary.clips == expected["unique_audio_ids_referenced"]
    assert summary.quarantined == {}
    tasks = Counter()
    for count in counts:
        tasks[count.task] += count.rows
    assert tasks == {
        resolve_task(*key.split("/", 1)).task.config: rows
        for key, rows in expected["per_domain_minor_canonical"].items()
    }
    splits = Counter()
    for count in counts:
        splits[count.split.replace("validation", "dev")] += count.rows
    assert splits == expected["per_split"]
    seconds = sum(corpus.clip_seconds for corpus in summary.corpora)
    assert seconds == pytest.approx(expected["seconds_of_unique_referenced_audio"], abs=0.1)
    assert sum(count.clips for count in counts) == expected["total_audio_references"]
    assert sum(count.unseen for count in counts) == expected["per_unseen"]["true"]
    assert sum(count.seen for count in counts) == expected["per_unseen"]["false"]
    (unused,) = expected["audio_ids_never_referenced"]
    assert unused == "07_AMI_ES2011a_Headset0_40-46"  # 16 kHz, mono, WAV
    for field, key, of_unused in [
        ("sampling_rates", "sample_rates_all_scp_ids", 16000),
        ("channels", "channels_all_scp_ids", 1),
        ("formats", "formats_all_scp_ids", "WAV"),
    ]:
        found = Counter([of_unused])
        for corpus in read_manifest(built.root).corpora:
            found.update(getattr(corpus, field))
        assert {str(name): clips for name, clips in found.items()} == expected[key]


def test_it_is_as_small_as_it_should_be(built):
    """Tiny clips: their bytes, 1.1 KiB for each, 400 bytes by row, 8 KiB by file; but for the sample."""
    summary = built.summary
    paths = [path for path in built.root.rglob("*") if path.is_file() and path.parent.name != "sample"]
    nbytes, files = sum(path.stat().st_size for path in paths), summary.files + 1
    assert nbytes <= summary.clip_bytes + 1.1 * 1024 * summary.clips + 400 * summary.rows + 8192 * files


def test_rows_and_bytes(built, shared_corpus):
    rows = built.by_key()
    for row in audio_flan.stream(shared_corpus, "all", "all"):
        ours = rows.pop((row["uuid"], row["task"], row["split"]))
        for column in ("input_audio", "output_audio"):
            assert [built.cell_bytes(cell) for cell in ours[column]] == [a.encoded() for a in row[column]]
        assert ours["extra"] == row["extra"]
        assert ours["output_seconds"] == row["output_seconds"]
    assert rows == {}
