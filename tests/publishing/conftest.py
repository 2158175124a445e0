"""Parts of the demo corpus, built, for tests that give it another base or upload it."""

import shutil
from pathlib import Path

import pytest

from audio_flan.building import build

SIZE = 1_000_000


@pytest.fixture(scope="session")
def speech_indexed(demo_root, tmp_path_factory) -> Path:
    """Its speech understanding in the indexed form; not to be changed."""
    out = tmp_path_factory.mktemp("publishing") / "indexed"
    build(demo_root, out, config="understanding_speech", shard_size=SIZE)
    return out


@pytest.fixture(scope="session")
def speech_embedded(demo_root, tmp_path_factory) -> Path:
    """Its speech recognition in the embedded form; not to be changed."""
    out = tmp_path_factory.mktemp("publishing") / "embedded"
    build(demo_root, out, "embedded", config="speech_recognition", shard_size=SIZE)
    return out


@pytest.fixture
def root(speech_indexed, tmp_path) -> Path:
    """A copy of the indexed one."""
    return shutil.copytree(speech_indexed, tmp_path / "root")
