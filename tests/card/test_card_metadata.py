"""The YAML of the card: what the Hub shows and what plain `datasets` loads by."""

import subprocess
import sys
import warnings

import pytest
from huggingface_hub import DatasetCard
from huggingface_hub.repocard import metadata_load

from audio_flan.building import build
from audio_flan.card import SAMPLE, card_metadata, make_card
from audio_flan.card.front_matter import parse_card
from audio_flan.records import SPLITS
from audio_flan.shards import read_manifest
from audio_flan.taxonomy import list_configs


@pytest.fixture(params=["indexed_root", "embedded_root"])
def root(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def metadata(root):
    return parse_card((root / "README.md").read_text())[0]


def test_a_small_config_stands_first_and_is_the_default(metadata):
    first, *others = metadata["configs"]
    assert first == {
        "config_name": SAMPLE,
        "default": True,
        "data_files": [{"split": "train", "path": "sample/train-*.parquet"}],
    }
    assert [config["config_name"] for config in others] == list(list_configs())
    assert not any("default" in config for config in others)


def test_each_glob_matches_the_row_files_of_its_config_and_split(root, metadata):
    manifest = read_manifest(root)
    for config in metadata["configs"][1:]:
        for files in config["data_files"]:
            found = sorted(path.relative_to(root).as_posix() for path in root.glob(files["path"]))
            expected = manifest.row_files(config["config_name"], [files["split"]])
            assert found == [file.path for file in expected] != []


def test_counts_are_those_of_the_manifest(root, metadata):
    manifest = read_manifest(root)
    infos = {info["config_name"]: info for info in metadata["dataset_info"]}
    assert list(infos) == [config["config_name"] for config in metadata["configs"]]
    for name in list_configs():
        found = {split["name"]: split["num_examples"] for split in infos[name]["splits"]}
        assert found == {split: manifest.rows(name, split) for split in SPLITS}
        assert infos[name]["dataset_size"] == sum(split["num_bytes"] for split in infos[name]["splits"])
    assert metadata["size_categories"] == ["n<1K"]


def test_splits_and_configs_without_rows_are_not_listed(demo_root, tmp_path):
    build(demo_root, tmp_path / "out", config="speech_recognition", splits=["validation", "test"])
    metadata = card_metadata(read_manifest(tmp_path / "out"))
    names = [config["config_name"] for config in metadata["configs"]]
    assert names == [
        "sample", "all", "speech", "speech_asr", "speech_dialect_asr", "speech_phonetic_recognition",
        "speech_recognition", "understanding", "understanding_speech",
    ]  # fmt: skip
    for config in metadata["configs"][1:]:
        assert [files["split"] for files in config["data_files"]] == ["validation", "test"]
    assert metadata["task_categories"] == ["automatic-speech-recognition"]


def test_no_rows_no_configs(small_tree, tmp_path):
    build(small_tree.root, tmp_path / "out", config="music_caption")
    assert "configs" not in card_metadata(read_manifest(tmp_path / "out"))
    assert "## Configs" in (tmp_path / "out/README.md").read_text()


def test_it_is_a_card_of_the_hub(root):
    content = (root / "README.md").read_text()
    with warnings.catch_warnings(action="error"):
        card = DatasetCard(content)
    assert card.data.license == "other"
    assert card.data.to_dict()["configs"] == metadata_load(root / "README.md")["configs"]
    assert "&id" not in content.split("\n---\n")[0]  # references of YAML: not every reader knows them


def test_its_link_names_the_repo(indexed_root):
    manifest = read_manifest(indexed_root)
    assert "license_link" not in card_metadata(manifest)
    link = card_metadata(manifest, "ORG/NAME")["license_link"]
    assert link == "https://huggingface.co/datasets/ORG/NAME#sources-and-licences"
    assert 'load_dataset("ORG/NAME")' in make_card(indexed_root, manifest, "ORG/NAME")


LOAD = """
import os, sys
import datasets
datasets.disable_progress_bars()
root, streaming = sys.argv[1], sys.argv[2] == "stream"
(split,) = datasets.load_dataset(root, streaming=streaming).items()
assert split[0] == "train" and sum(1 for _ in split[1].select_columns(["uuid"])) == 240
for config in ("speech_asr", "understanding_music", "all"):
    found = datasets.load_dataset(root, config, streaming=streaming)
    assert list(found) == ["train", "validation", "test"], found
    for name, rows in found.items():
        count = sum(1 for _ in rows.select_columns(["uuid"]))
        assert count == rows.info.splits[name].num_examples > 0, (config, name, count)
try:
    datasets.load_dataset(root, "speech_ars")
except ValueError as error:
    assert "'speech_asr'" in str(error)
assert "audio_flan" not in sys.modules
os._exit(0)  # the threads of datasets' reader can abort the end of the interpreter
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["stream", "table"])
def test_plain_datasets_loads_a_fresh_build(root, how, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    command = [sys.executable, "-W", "ignore", "-c", LOAD, str(root), how]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
