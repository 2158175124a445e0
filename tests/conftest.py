"""Fixtures of all tests: real sound, and a cache that is nobody's."""

import shutil
from pathlib import Path

import pytest
from trees import SmallTree, make_small_tree

from audio_flan.demo import make_demo

SHARED_CORPUS = Path(__file__).resolve().parents[2] / "shared/corpus"


@pytest.fixture(scope="session", autouse=True)
def hf_home(tmp_path_factory):
    """Keep everything that is cached out of the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("hf_home")
        patch.setenv("HF_HOME", str(home))
        patch.setenv("HF_DATASETS_CACHE", str(home / "datasets"))
        patch.setenv("HF_HUB_CACHE", str(home / "hub"))
        yield home


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
