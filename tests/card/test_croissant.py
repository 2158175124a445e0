"""Croissant metadata: what mlcroissant makes of it, and of the data by it."""

import fnmatch
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile

import msgspec
import polars as pl
import pytest

from audio_flan.card import croissant, croissant_text, find_source
from audio_flan.records import SPLITS
from audio_flan.records.schema import COLUMNS
from audio_flan.shards import CorpusFacts, read_manifest

READ = """
import base64, json, sys
import mlcroissant

def plain(value):
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value.item() if hasattr(value, "item") else value

def read(record_set, filters=None):
    dataset = mlcroissant.Dataset(path, mapping=mapping)
    records = dataset.records(record_set, filters)
    return [{key.split("/")[1]: plain(value) for key, value in record.items()} for record in records]

path, mapping, asked = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
metadata = mlcroissant.Dataset(path, mapping=mapping).metadata
issues = metadata.ctx.issues
print(json.dumps({
    "problems": [*map(str, issues.errors), *map(str, issues.warnings)],
    "version": metadata.ctx.conforms_to.value,
    "record_sets": [each.id for each in metadata.record_sets],
    "records": [read(*each) for each in asked],
}))
"""


@pytest.fixture
def read(tmp_path):
    """Read record sets with mlcroissant, in a process of its own: its packages warn of one another."""

    def run(path, *asked, **mapping):
        environment = os.environ | {"CROISSANT_CACHE": str(tmp_path / "croissant"), "TQDM_DISABLE": "1"}
        command = [sys.executable, "-W", "ignore", "-c", READ, path, json.dumps(mapping), json.dumps(asked)]
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr
        assert "WARNING" not in done.stderr
        found = json.loads(done.stdout)
        assert found["problems"] == []
        assert found["version"] == "http://mlcommons.org/croissant/1.1"
        return found["record_sets"], found["records"]

    return run


def rows_of(root, files):
    """Read rows by Polars, with clips as mlcroissant gives them: bytes, or else where they are."""
    frame = pl.read_parquet(root / files)
    for column in ("input_audio", "output_audio"):
        cell = pl.element().struct
        if frame[column].explode().struct.field("bytes").drop_nulls().is_empty():
            frame = frame.with_columns(pl.col(column).list.eval(cell.field("path")))
        else:
            encoded = cell.field("bytes").bin.encode("base64")
            frame = frame.with_columns(pl.col(column).list.eval(pl.struct(base64=encoded)))
    return by_key(frame.to_dicts())


def by_key(rows):
    return sorted(rows, key=lambda row: (row["uuid"], row["task"], row["split"]))


@pytest.mark.slow
def test_it_is_valid_and_its_records_are_the_rows(built_root, read):
    path = built_root / "croissant.json"
    form = read_manifest(built_root).form
    record_sets, (rows, sample, asr, validation, splits, tasks) = read(
        path,
        ["rows"],
        ["sample"],
        ["rows", {"rows/task": "speech_asr"}],
        ["rows", {"rows/split": "validation"}],
        ["splits"],
        ["tasks"],
    )
    assert record_sets == ["rows", "sample", *(["clips"] if form == "indexed" else []), "splits", "tasks"]
    expected = rows_of(built_root, "data/**/*.parquet")
    assert list(rows[0]) == list(expected[0]) == list(COLUMNS)
    assert by_key(rows) == expected
    assert by_key(asr) == [row for row in expected if row["task"] == "speech_asr"] != []
    assert by_key(validation) == [row for row in expected if row["split"] == "validation"] != []
    assert by_key(sample) == rows_of(built_root, "sample/*.parquet")
    assert all("base64" in clip for row in sample for clip in row["input_audio"] + row["output_audio"])
    assert [each["name"] for each in splits] == list(SPLITS)
    assert {each["name"] for each in tasks} == {row["task"] for row in expected}


def test_the_index_is_a_record_set(indexed_root, read):
    _, (clips,) = read(indexed_root / "croissant.json", ["clips"])
    assert clips == pl.read_parquet(indexed_root / "index/*.parquet").to_dicts() != []


def test_of_a_repo_all_files_are_inside(indexed_root, tmp_path, read):
    path = tmp_path / "croissant.json"
    path.write_text(croissant_text(read_manifest(indexed_root), "ORG/NAME"))
    _, (rows,) = read(path, ["rows", {"rows/task": "music_svs"}], repo=str(indexed_root))
    assert len(rows) == sum(read_manifest(indexed_root).rows("music_svs", split) for split in SPLITS) > 0
    made = json.loads(path.read_text())
    repo, *others = made["distribution"]
    assert repo["contentUrl"] == made["url"] == "https://huggingface.co/datasets/ORG/NAME"
    assert all("containedIn" in each for each in others)


def test_it_knows_the_manifest_by_its_hash(built_root):
    data = (built_root / "audio_flan.json").read_bytes()
    (file,) = (
        each for each in croissant(read_manifest(built_root))["distribution"] if "sha256" in each
    )  # fmt: skip
    assert (file["contentUrl"], file["contentSize"]) == ("audio_flan.json", f"{len(data)} B")
    assert file["sha256"] == hashlib.sha256(data).hexdigest()


def test_every_clip_is_in_one_file_set(indexed_root):
    sets = {each["@id"]: each for each in croissant(read_manifest(indexed_root))["distribution"]}
    archives = {name: each for name, each in sets.items() if each["encodingFormat"] == "application/x-tar"}
    tars = sorted(indexed_root.glob("audio/*/*.tar"))
    for tar in tars:
        path = tar.relative_to(indexed_root).as_posix()
        (name,) = (name for name, each in archives.items() if fnmatch.fnmatch(path, each["includes"]))
        clips = sets[f"{name}/clips"]
        assert clips["containedIn"] == {"@id": name}
        assert all(media.startswith("audio/") for media in clips["encodingFormat"])
        with tarfile.open(tar) as archive:
            members = archive.getnames()
        for member in members:
            assert any(fnmatch.fnmatch(member, glob) for glob in clips["includes"])
    assert len(archives) == len({tar.parent for tar in tars})


def test_licences_and_sources(indexed_root, tmp_path, read):
    names = ("31_Vocadito", "09_LJSpeech", "KeSpeech", "17_Aishell2", 'a "b"\n</script> /../ü')
    corpora = tuple(CorpusFacts(name, 2, 2, 0, 1, 1000, 3600.0, {}, {}, {}, {"FLAC": 1}) for name in names)
    manifest = msgspec.structs.replace(read_manifest(indexed_root), corpora=corpora)
    made = croissant(manifest)
    assert [each["name"] for each in made["isBasedOn"]] == list(names)
    licences = dict(zip(names, (each["license"] for each in made["isBasedOn"]), strict=True))
    assert licences["31_Vocadito"] == "https://spdx.org/licenses/CC-BY-4.0.html"
    assert licences["KeSpeech"]["name"] == find_source("KeSpeech").licence_name
    assert licences["17_Aishell2"] == licences[names[-1]] == {"@type": "sc:CreativeWork", "name": "unknown"}
    assert len(made["license"]) == 4
    shutil.copytree(indexed_root / "sample", tmp_path / "sample")
    (tmp_path / "croissant.json").write_text(croissant_text(manifest))
    _, (sample,) = read(tmp_path / "croissant.json", ["sample"])
    assert sample


def test_what_is_not_there_is_not_described(indexed_root, tmp_path, read):
    empty = msgspec.structs.replace(read_manifest(indexed_root), counts=(), corpora=(), files=())
    assert "isBasedOn" not in croissant(empty)
    assert "rai:dataBiases" not in croissant(empty)
    assert [each["@id"] for each in croissant(empty)["recordSet"]] == ["rows", "clips"]
    path = tmp_path / "croissant.json"
    path.write_text(croissant_text(empty))
    assert read(path)[0] == ["rows", "clips"]
