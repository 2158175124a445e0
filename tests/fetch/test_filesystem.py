"""``audioflan://`` as a file system: for fsspec, and for plain `datasets` with nothing of ours imported."""

import json
import os
import pickle
import subprocess
import sys

import fsspec
import polars as pl
import pytest
from xxhash import xxh3_64_hexdigest

from audio_flan.fetch import BASE_VARIABLE
from audio_flan.fetch.filesystem import AudioFlanFileSystem
from audio_flan.records.schema import AUDIO_COLUMNS
from audio_flan.shards import CellError, row_glob


@pytest.fixture
def paths(indexed_root):
    """Cells of rows, as they stand in a local build: without a base."""
    frame = pl.read_parquet(indexed_root / row_glob("audio", "train"))
    cells = pl.concat([frame[column].explode().drop_nulls() for column in AUDIO_COLUMNS])
    return cells.struct.field("path").unique(maintain_order=True).to_list()


@pytest.fixture
def based(indexed_root, monkeypatch):
    monkeypatch.setenv(BASE_VARIABLE, str(indexed_root))


def test_a_clip_is_a_file(paths, based):
    for path in paths:
        with fsspec.open(path) as handle:
            data = handle.read()
        assert path.endswith(f"&size={len(data)}&xxh3={xxh3_64_hexdigest(data)}")
        file_system, inner = fsspec.core.url_to_fs(path)
        assert file_system.cat_file(inner, 3, 9) == file_system.cat_file(path, 3, 9) == data[3:9]
        assert file_system.cat(path) == data
        with file_system.open(inner, "rb") as handle:
            handle.seek(-4, 2)
            assert handle.read() == data[-4:]


def test_what_the_path_tells_is_not_read(paths, monkeypatch):
    monkeypatch.delenv(BASE_VARIABLE, raising=False)
    file_system = fsspec.filesystem("audioflan")
    size = int(paths[0].partition("&size=")[2].partition("&")[0])
    for path in (paths[0], paths[0].removeprefix("audioflan://")):
        assert file_system.size(path) == size
        assert file_system.info(path)["type"] == "file"
        assert file_system.exists(path)
        assert file_system.isfile(path)
        assert not file_system.isdir(path)
        assert file_system.ls(path, detail=False) == [paths[0].removeprefix("audioflan://")]
    assert not file_system.exists("audioflan:///audio/a/b.tar/x.flac")
    with pytest.raises(FileNotFoundError, match=f"set {BASE_VARIABLE}"):
        file_system.cat_file(paths[0])


def test_a_root_may_be_given(paths, indexed_root, monkeypatch):
    monkeypatch.delenv(BASE_VARIABLE, raising=False)
    with fsspec.open(paths[0], root=str(indexed_root)) as handle:
        assert len(handle.read()) == fsspec.filesystem("audioflan").size(paths[0])
    file_system = AudioFlanFileSystem(root=str(indexed_root))
    again = pickle.loads(pickle.dumps(file_system))
    assert again.cat_file(paths[0]) == file_system.cat_file(paths[0])
    assert AudioFlanFileSystem(root=str(indexed_root)) is file_system
    assert AudioFlanFileSystem() is not file_system


def test_errors_name_the_clip(paths, based, indexed_root):
    file_system = fsspec.filesystem("audioflan")
    with pytest.raises(CellError, match="expected the path of an audio cell"):
        file_system.open("audioflan:///etc/passwd")
    with pytest.raises(OSError, match="can only be read"):
        file_system.open(paths[0], "wb")
    audio_id = paths[0].rpartition("/")[2].partition(".")[0]
    with pytest.raises(OSError, match=f"audio '{audio_id}' .*damaged: its bytes have the xxh3"):
        file_system.cat_file(paths[0][:-16] + "0123456789abcdef")
    with pytest.raises(FileNotFoundError, match=f"audio '{audio_id}' .*missing"):
        file_system.cat_file(paths[0].replace("00000.tar", "99999.tar"))


PLAIN = """
import json, sys
import datasets
from datasets.table import embed_table_storage
from torch.utils.data import DataLoader
assert "audio_flan" not in sys.modules
datasets.disable_progress_bars()

def sound(cell):
    if isinstance(cell, dict):  # datasets 3
        return len(cell["array"]), cell["sampling_rate"]
    samples = cell.get_all_samples()
    return samples.data.shape[-1], samples.sample_rate

def collate(rows):
    return [(row["uuid"], *(sound(cell) for cell in row["input_audio"])) for row in rows]

def found_by(mode):
    files, streaming = {"train": sys.argv[1]}, mode.startswith("stream")
    rows = datasets.load_dataset("parquet", data_files=files, split="train", streaming=streaming)
    rows = rows.select_columns(["uuid", "input_audio"])
    if mode.endswith("cast"):
        rows = rows.cast_column("input_audio", [datasets.Audio(sampling_rate=8000)])
    if mode.endswith("embed"):
        table = embed_table_storage(rows.data.table)
        return [[len(cell["bytes"]) for cell in cells] for cells in table["input_audio"].to_pylist()]
    if mode.partition("-")[2] in ("fork", "spawn"):
        loader = DataLoader(
            rows, batch_size=2, num_workers=2, collate_fn=collate,
            multiprocessing_context=mode.partition("-")[2],
        )
        sound(next(iter(rows))["input_audio"][0])  # the parent has read before its children do
        return sorted(row for batch in loader for row in batch)
    return sorted(collate(rows))

if __name__ == "__main__":
    print(json.dumps({mode: found_by(mode) for mode in sys.argv[2:]}))
"""


@pytest.fixture(scope="session")
def has_decoder():
    """Plain `datasets` decodes by torchcodec, which needs an FFmpeg."""
    try:
        import torchcodec.decoders  # noqa: F401
    except (ImportError, OSError, RuntimeError):
        pytest.skip("torchcodec finds no FFmpeg: make test links that of the av wheel")


@pytest.fixture
def plain(indexed_root, tmp_path):
    """Runs the script above in a fresh process, over the rows of a config; returns what it found by mode."""
    (tmp_path / "plain.py").write_text(PLAIN)

    def run(*modes):
        cache = {"HF_DATASETS_CACHE": str(tmp_path / "cache")}
        glob = str(indexed_root / row_glob("speech_asr", "train"))
        done = subprocess.run(
            [sys.executable, "-W", "ignore", str(tmp_path / "plain.py"), glob, *modes],
            env=os.environ | cache | {BASE_VARIABLE: str(indexed_root)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture
def facts(indexed_root):
    """Rows of the config as they stand."""
    return pl.read_parquet(indexed_root / row_glob("speech_asr", "train")).sort("uuid")


@pytest.mark.torch
@pytest.mark.slow
def test_plain_datasets_decodes_it_in_every_way(has_decoder, plain, facts):
    ways = [f"{rows}{how}" for rows in ("stream", "table") for how in ("", "-cast", "-fork", "-spawn")]
    for way, found in plain(*ways).items():
        assert [row[0] for row in found] == facts["uuid"].to_list(), way
        for (_, *sounds), seconds in zip(found, facts["input_seconds"], strict=True):
            assert len(sounds) == len(seconds), way
            for (frames, rate), expected in zip(sounds, seconds, strict=True):
                assert abs(frames / rate - expected) < 0.001, way
                assert rate == 8000 or not way.endswith("cast"), way


@pytest.mark.slow
def test_plain_datasets_embeds_it(plain, facts):
    sizes = [
        [int(cell["path"].partition("&size=")[2].partition("&")[0]) for cell in cells]
        for cells in facts["input_audio"].to_list()
    ]
    assert sorted(plain("table-embed")["table-embed"]) == sorted(sizes)
