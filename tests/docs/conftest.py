"""A folder with what the documents take for granted."""

import os
import shutil
import sys
from functools import partial
from pathlib import Path

import pytest
from environments import make_once
from hub.clients import client_environment
from hub.uploads import Uploads

import audio_flan


@pytest.fixture(scope="session")
def as_built(demo_root, tmp_path_factory) -> Path:
    """What `audio-flan build demo demo-indexed` makes, not to be changed."""
    return make_once(tmp_path_factory, "demo-as-built", partial(audio_flan.build, demo_root))


@pytest.fixture
def folder(demo_root, as_built, hub, tmp_path, monkeypatch) -> Path:
    """An empty folder with `demo` and `demo-indexed`, and a Hub that takes files: not the one out there."""
    here = tmp_path / "here"
    shutil.copytree(demo_root, here / "demo")
    shutil.copytree(as_built, here / "demo-indexed")
    Uploads(hub, tmp_path / "hub")
    for name, value in client_environment(hub, tmp_path / "home", HF_TOKEN="hf_test").items():
        if os.environ.get(name) != value:
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    monkeypatch.chdir(here)
    return here
