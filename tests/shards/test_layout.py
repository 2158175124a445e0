"""Paths of the layout: one glob for each config and split, and names that are no paths."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_flan.records import SPLITS
from audio_flan.shards import clip_file, folder_name, row_file, row_glob
from audio_flan.shards.layout import split_of_row_file
from audio_flan.taxonomy import list_configs, resolve_config, taxonomy

FILES = {(task, split): row_file(task, split, 0, 7) for task in taxonomy().tasks for split in SPLITS}


def matches(path: str, glob: str) -> bool:
    """As glob has it: a star does not match a slash."""
    parts, patterns = path.split("/"), glob.split("/")
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))


@pytest.mark.parametrize("config", list_configs())
def test_every_config_is_one_glob(config):
    tasks = resolve_config(config).task_names
    for split in SPLITS:
        glob = row_glob(config, split)
        found = {key for key, path in FILES.items() if matches(path, glob)}
        assert found == {(task, split) for task in tasks}


def test_it_is_the_layout_of_the_design():
    path = "data/speech/understanding/speech_recognition/speech_asr/train-00000-of-00007.parquet"
    assert FILES["speech_asr", "train"] == path
    assert row_glob("generation", "test") == "data/*/generation/*/*/test-*.parquet"
    assert clip_file("01_FSDD", 0, "tar") == "audio/01_FSDD/01_FSDD-00000.tar"


def test_a_row_file_tells_its_task_and_split():
    for key, path in FILES.items():
        assert split_of_row_file(path) == key
    for path in ("audio/a/a-00000.tar", "data/x/train-00000-of-00001.parquet", "sample/train-0-of-1.parquet",
                 FILES["speech_asr", "train"].replace("understanding", "generation")):  # fmt: skip
        assert split_of_row_file(path) is None


@given(
    st.text(st.characters(codec="utf-8"), max_size=300), st.text(st.characters(codec="utf-8"), max_size=300)
)
def test_folder_names_are_safe_and_differ(one, other):
    name = folder_name(one)
    assert name.isascii()
    assert 0 < len(name) <= 100
    assert not name.startswith(".")
    assert not set(name) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-~")
    assert (folder_name(other) == name) == (one == other)


def test_plain_names_stay_as_they_are():
    assert folder_name("16_FSDD-Mix") == "16_FSDD-Mix"
    assert folder_name("../etc") == "~2E.~2Fetc"
