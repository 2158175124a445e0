"""Fixtures of all tests: real sound, and a cache that is nobody's."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from trees import SmallTree, make_small_tree

from audio_flan.demo import make_demo

SHARED_CORPUS = Path(__file__).resolve().parents[2] / "shared/corpus"


def pytest_configure():
    """Keep the user's own cache out of it, before `datasets` is imported: it reads its folders then, once."""
    home = Path(tempfile.mkdtemp(prefix="audio-flan-tests-"))
    os.environ |= {
        "HF_HOME": str(home),
        "HF_DATASETS_CACHE": str(home / "datasets"),
        "HF_HUB_CACHE": str(home / "hub"),
    }
    atexit.register(shutil.rmtree, home, ignore_errors=True)


@pytest.fixture(scope="session")
def demo_root(tmp_path_factory) -> Path:
    """The demo corpus: all 80 tasks, not to be changed."""
    return make_demo(tmp_path_factory.mktemp("demo") / "demo").directory


@pytest.fixture
def demo_copy(demo_root, tmp_path) -> Path:
    """A copy of the demo corpus that a test may break."""
    return shutil.copytree(demo_root, tmp_path / "demo")


@pytest.fixture
def small_tree(tmp_path) -> SmallTree:
    """Ten rows of four corpora: plain clips, a tar, two zips, a gzipped file, a borrowed id."""
    return make_small_tree(tmp_path / "small")


@pytest.fixture(scope="session")
def shared_corpus() -> Path:
    """Real recordings with true labels, where they are."""
    if not SHARED_CORPUS.is_dir():
        pytest.skip("the shared corpus is not here")
    return SHARED_CORPUS
