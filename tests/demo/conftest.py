from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audio_flan.demo import DemoSummary, make_demo


@dataclass(frozen=True)
class Demo:
    """A made corpus, read back with nothing of the package's own reading code."""

    summary: DemoSummary
    records: list[tuple[Path, dict[str, Any]]]
    scp: dict[str, dict[str, str]]

    @property
    def root(self) -> Path:
        return self.summary.directory

    def of(self, task: str) -> list[dict[str, Any]]:
        return [record for _, record in self.records if record["task_type"]["minor"] == [task]]

    @property
    def paths(self) -> dict[str, str]:
        return {audio_id: path for table in self.scp.values() for audio_id, path in table.items()}

    def read(self, audio_id: str) -> tuple[np.ndarray, int]:
        return soundfile.read(self.root / self.paths[audio_id])


def read_records(root: Path) -> list[tuple[Path, dict[str, Any]]]:
    found = []
    for path in sorted((root / "metadata").rglob("*.jsonl*")):
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
        found += [(path.relative_to(root), json.loads(line)) for line in text.splitlines()]
    return found


def read_scp(root: Path) -> dict[str, dict[str, str]]:
    return {
        path.stem: dict(line.split(None, 1) for line in path.read_text().splitlines())
        for path in sorted((root / "scp_files").rglob("*.scp"))
    }


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    pytest.importorskip("espeakng_loader")
    summary = make_demo(tmp_path_factory.mktemp("demo") / "corpus")
    return Demo(summary, read_records(summary.directory), read_scp(summary.directory))
