"""Fixtures of all tests: real sound, and a cache that is nobody's."""

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from environments import install, link_all_but, make_once, python_of
from hub.server import Hub
from property_profiles import register_profiles
from trees import SmallTree, make_small_tree

import audio_flan
from audio_flan.demo import make_demo

PROJECT = Path(__file__).resolve().parents[1]
SHARED_CORPUS = PROJECT.parent / "shared/corpus"
register_profiles()


def pytest_addoption(parser):
    parser.addoption(
        "--every-config",
        action="store_true",
        help="load all 112 configs with every version of datasets, streaming and not; takes ten minutes",
    )


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
    return make_once(tmp_path_factory, "demo-corpus", make_demo)


@pytest.fixture(scope="session")
def indexed_root(demo_root, tmp_path_factory) -> Path:
    """The demo corpus in the indexed form, not to be changed."""
    return _built(demo_root, tmp_path_factory, "indexed")


@pytest.fixture(scope="session")
def embedded_root(demo_root, tmp_path_factory) -> Path:
    """The demo corpus in the embedded form, not to be changed."""
    return _built(demo_root, tmp_path_factory, "embedded")


def _built(demo_root, tmp_path_factory, form) -> Path:
    def make(root: Path) -> None:
        audio_flan.build(demo_root, root, form, shard_size=4_000_000)

    return make_once(tmp_path_factory, f"demo-{form}", make)


@pytest.fixture(scope="session")
def shared_roots(shared_corpus, tmp_path_factory) -> dict[str, Path]:
    """The shared corpus in all three forms, not to be changed."""
    built = {
        form: make_once(
            tmp_path_factory, f"shared-{form}", partial(audio_flan.build, shared_corpus, form=form)
        )
        for form in ("indexed", "embedded")
    }
    return {"release": shared_corpus} | built


@pytest.fixture(params=["indexed", "embedded"])
def built_root(request) -> Path:
    """The demo corpus in each of the built forms, not to be changed."""
    root: Path = request.getfixturevalue(f"{request.param}_root")
    return root


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


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A Hub without repos; `add` gives it some."""
    with Hub() as running:
        yield running


@pytest.fixture(scope="session")
def datasets_3_6(tmp_path_factory) -> Path:
    """The interpreter of an environment with datasets 3.6, what it needs to decode, and this package."""

    def make(folder: Path) -> None:
        install(folder, "datasets[audio]==3.6.0", PROJECT)

    return python_of(make_once(tmp_path_factory, "datasets-3.6", make))


@pytest.fixture(scope="session")
def datasets_4_8(tmp_path_factory) -> Path:
    """The interpreter of an environment with datasets 4.8 and this package; the rest is this one's."""
    rest = make_once(
        tmp_path_factory, "datasets-newest-alone", partial(link_all_but, "audio_flan", sys.executable)
    )

    def make(folder: Path) -> None:
        install(folder, "datasets==4.8.5", PROJECT, over=python_of(rest))

    return python_of(make_once(tmp_path_factory, "datasets-4.8", make))
