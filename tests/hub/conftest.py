"""The built forms of real recordings as repos of a Hub, and environments that load them."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from environments import link_all_but, make_once, python_of

import audio_flan

REPO = "HKUSTAudio/Audio-FLAN"


@pytest.fixture(scope="session")
def corpus(request) -> Path:
    """A release: the shared corpus where it is, the demo elsewhere."""
    shared = Path(__file__).resolve().parents[3] / "shared/corpus"
    return shared if shared.is_dir() else request.getfixturevalue("demo_root")


@pytest.fixture(scope="session")
def repos(corpus, tmp_path_factory) -> dict[str, Path]:
    """What is published of the corpus, by form."""

    def make(folder: Path) -> None:
        for form in ("indexed", "embedded"):
            audio_flan.build(corpus, folder / form, form, shard_size=8_000_000)
        audio_flan.rebase(folder / "indexed", f"hf://datasets/{REPO}")

    built = make_once(tmp_path_factory, "repos", make)
    return {form: built / form for form in ("indexed", "embedded")}


@pytest.fixture(scope="session")
def pythons(request, tmp_path_factory) -> Callable[..., Path]:
    """Gives the interpreter with `datasets` "newest", "4.8" or "3.6", and with our package or not."""
    fixtures = {"4.8": "datasets_4_8", "3.6": "datasets_3_6"}

    def python(version: str, *, package: bool) -> Path:
        ours = sys.executable if version == "newest" else request.getfixturevalue(fixtures[version])
        if package:
            return Path(ours)
        name = f"datasets-{version}-alone"
        return python_of(make_once(tmp_path_factory, name, partial(link_all_but, "audio_flan", ours)))

    return python
