"""The guides say what works: every block of code and every command in them is run, one after the other."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

GUIDES = Path(__file__).resolve().parents[2] / "docs/guides"
RUN = ("filter", "balance", "statistics", "export", "stream", "train")
BLOCK = re.compile(r"^```(python|bash|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", RUN)
def test_what_a_guide_shows_works(name, demo_root, indexed_root, tmp_path, monkeypatch):
    shutil.copytree(demo_root, tmp_path / "demo")
    shutil.copytree(indexed_root, tmp_path / "demo-indexed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    blocks = BLOCK.findall((GUIDES / f"{name}.md").read_text())
    assert blocks
    namespace: dict[str, object] = {}
    for kind, code in blocks:
        if kind == "python":
            exec(compile(code, f"{name}.md", "exec"), namespace)
        else:
            done = subprocess.run(["bash", "-ec", code], capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
