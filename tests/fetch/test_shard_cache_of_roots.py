"""Whole roots over the network with a cache of shards: the second reader asks for the manifest alone."""

import shutil
import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import fsspec
import pytest
from hub.clients import ask_client
from hub.server import Hub
from xxhash import xxh3_64_intdigest

import audio_flan
from audio_flan.fetch.disk_blocks import BLOCK_BYTES, MIN_LIMIT_BYTES
from audio_flan.fetch.read_ahead import read_ahead
from audio_flan.release import ReleaseError
from audio_flan.waveform import AudioError

REPO = "ORG/NAME"
SIDES = ("input_audio", "output_audio")
AGAIN = """
import json, sys
import audio_flan
rows = audio_flan.stream(sys.argv[1], "speech_asr", "all", shard_cache=sys.argv[2])
print(json.dumps([len(clip.encoded()) for row in rows for clip in row["input_audio"]]))
"""


@pytest.fixture
def hub(built_root):
    with Hub() as hub:
        hub.add(REPO, built_root)
        yield hub


@pytest.fixture(autouse=True)
def nothing_in_memory():
    read_ahead.cache_clear()


def url(hub):
    return f"{hub.endpoint}/datasets/{REPO}/resolve/main"


def heard(rows):
    read_ahead.cache_clear()
    return Counter(
        (row["uuid"], row["task"], *(xxh3_64_intdigest(a.encoded()) for side in SIDES for a in row[side]))
        for row in rows
    )


def asked(hub):
    """Requests by file, since the last time."""
    found = Counter(exchange.path.partition("/resolve/main/")[2] for exchange in hub.log)
    hub.forget()
    return found


def test_the_second_epoch_asks_for_nothing(hub, built_root, tmp_path):
    options = {"shuffle": True, "shard_cache": tmp_path, "columns": ["uuid", "task", *SIDES]}
    expected = heard(audio_flan.stream(built_root, columns=options["columns"]))
    rows = audio_flan.stream(url(hub), **options)
    assert heard(rows) == expected
    nbytes, requests = hub.nbytes, asked(hub)
    sizes = {path: (built_root / path).stat().st_size for path in requests}
    assert nbytes <= sum(sizes.values())
    assert all(count <= 1 + sizes[path] // BLOCK_BYTES for path, count in requests.items())
    rows.set_epoch(1)
    assert heard(rows) == expected
    assert asked(hub) == {}
    assert heard(audio_flan.stream(url(hub), **options)) == expected
    assert asked(hub) == {"audio_flan.json": 1}


def test_load_dataset_has_it_too(hub, tmp_path):
    def rows():
        return audio_flan.load_dataset(
            url(hub), "speech", "train", streaming=True, shard_cache=tmp_path, shard_cache_bytes=1 << 30
        )

    first = heard(rows())
    asked(hub)
    assert heard(rows().shuffle(seed=1)) == first
    assert asked(hub) == {"audio_flan.json": 1}


def test_a_table_and_a_release_do_without(hub, demo_root, tmp_path):
    with pytest.raises(ValueError, match="shard_cache is for streaming"):
        audio_flan.load_dataset(url(hub), "speech", "train", shard_cache=tmp_path)
    memory = fsspec.filesystem("memory")
    for path in demo_root.rglob("*.jsonl"):
        memory.pipe_file(f"/release/{path.relative_to(demo_root)}", path.read_bytes())
    with pytest.raises(ReleaseError, match="is a release, whose files are not cached"):
        audio_flan.stream("memory://release", shard_cache=tmp_path)


def test_of_a_local_root_nothing_is_kept(built_root, tmp_path):
    heard(audio_flan.stream(built_root, "speech_asr", shard_cache=tmp_path / "cache"))
    assert not (tmp_path / "cache").exists()


def test_clips_by_id(indexed_root, tmp_path):
    with Hub() as hub:
        hub.add(REPO, indexed_root)
        stores = [audio_flan.AudioStore(url(hub), shard_cache=tmp_path) for _ in range(2)]
        ids = list(islice(stores[0], 20))
        first = [clip.encoded() for clip in stores[0].get_many(ids)]
        asked(hub)
        read_ahead.cache_clear()
        assert [clip.encoded() for clip in stores[1].get_many(ids)] == first
        assert asked(hub) == {}


def test_wrong_bytes_do_not_stay_in_it(hub, built_root, tmp_path):
    """What is fetched wrong is written down wrong, found by the hash of a clip or a page, and replaced."""
    hub.fail("flip", "*.tar", times=2)
    hub.fail("flip", "*.parquet", times=2)
    options = {"config": "speech_asr", "shard_cache": tmp_path}
    expected = heard(audio_flan.stream(built_root, "speech_asr"))
    for _ in range(2):
        assert heard(audio_flan.stream(url(hub), **options)) == expected
        found = asked(hub)
    assert found == {"audio_flan.json": 1}


@pytest.mark.parametrize("part", [0.0, 0.5])
def test_what_was_cut_short_at_the_origin_does_not_stay_in_it(built_root, tmp_path, part):
    origin = shutil.copytree(built_root, tmp_path / "origin")
    cut = [path for path in origin.rglob("*") if path.suffix in (".tar", ".parquet")]
    whole = {path: path.read_bytes() for path in cut}
    with Hub() as hub:
        hub.add(REPO, origin)
        for suffix in {path.suffix for path in cut}:
            some = {path: data for path, data in whole.items() if path.suffix == suffix}
            for path, data in some.items():
                path.write_bytes(data[: int(part * len(data))])
            options = {"config": "speech_asr", "shard_cache": tmp_path / f"cache{suffix}"}
            with pytest.raises((AudioError, OSError), match="ends"):
                heard(audio_flan.stream(url(hub), **options))
            for path, data in some.items():
                path.write_bytes(data)
            expected = heard(audio_flan.stream(built_root, "speech_asr"))
            assert heard(audio_flan.stream(url(hub), **options)) == expected
            asked(hub)
            assert heard(audio_flan.stream(url(hub), **options)) == expected
            assert asked(hub) == {"audio_flan.json": 1}


def test_the_limit_holds_for_an_epoch_that_is_larger(shared_roots, tmp_path):
    with Hub() as hub:
        hub.add(REPO, shared_roots["indexed"])
        rows = audio_flan.stream(
            url(hub), "speech", shuffle=True, shard_cache=tmp_path, shard_cache_bytes=MIN_LIMIT_BYTES
        )
        assert heard(rows) == heard(audio_flan.stream(shared_roots["indexed"], "speech"))
    assert sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file()) <= MIN_LIMIT_BYTES + BLOCK_BYTES


@pytest.mark.slow
def test_processes_share_what_is_kept(hub, tmp_path):
    command = [sys.executable, "-c", AGAIN, url(hub), str(tmp_path)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    said = {worker.communicate(timeout=60)[0] for worker in workers}
    assert [worker.returncode for worker in workers] == [0] * 3
    assert len(said) == 1
    asked(hub)
    assert subprocess.run(command, capture_output=True, check=True).stdout in said
    assert asked(hub) == {"audio_flan.json": 1}


def test_another_commit_with_the_same_data_finds_it(indexed_root, tmp_path):
    with Hub(redirects=True) as hub:
        for commit in ("a" * 40, "b" * 40):
            hub.forget()
            hub.add(REPO, indexed_root, commit=commit)
            assert ask_client(hub, tmp_path, AGAIN, REPO, tmp_path / "cache")
        assert {Path(exchange.path).name for exchange in hub.log} == {"audio_flan.json"}
