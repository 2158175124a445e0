"""Plans and exports that several tests look at."""

from pathlib import Path

import pytest

import audio_flan
from audio_flan.mixing import Plan

BALANCED = {"direction": {"understanding": 0.5, "generation": 0.5}, "alpha": 0.5, "max_epochs": 2}


@pytest.fixture(scope="session")
def corpus_plan(shared_corpus) -> Plan:
    """2000 rows of the shared corpus: U:G = 1:1 with alpha 0.5 and at most 2 epochs."""
    return audio_flan.rebalance(shared_corpus, budget=2000, **BALANCED)


@pytest.fixture(scope="session")
def demo_plan(demo_root) -> Plan:
    """Of the demo corpus, with rows that are drawn twice."""
    return audio_flan.rebalance(demo_root, **BALANCED)


@pytest.fixture
def out(tmp_path) -> Path:
    """Where an export goes."""
    return tmp_path / "out"
