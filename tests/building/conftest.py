"""Builds that several tests look at, and how trees are compared."""

from pathlib import Path

import pytest
from built import Built
from dirty_tree import DirtyTree, make_dirty_tree

from audio_flan.building import build


@pytest.fixture(scope="session")
def indexed(demo_root, tmp_path_factory) -> Built:
    """The demo corpus in the indexed form, tars of a megabyte."""
    out = tmp_path_factory.mktemp("indexed") / "out"
    return Built(out, build(demo_root, out, shard_size=1_000_000))


@pytest.fixture(scope="session")
def embedded(demo_root, tmp_path_factory) -> Built:
    """The demo corpus in the embedded form."""
    out = tmp_path_factory.mktemp("embedded") / "out"
    return Built(out, build(demo_root, out, "embedded", shard_size=1_000_000))


@pytest.fixture(scope="session")
def dirty(tmp_path_factory) -> DirtyTree:
    """One of each kind of fault."""
    return make_dirty_tree(tmp_path_factory.mktemp("dirty") / "root")


@pytest.fixture
def out(tmp_path) -> Path:
    """Where a build goes."""
    return tmp_path / "out"
