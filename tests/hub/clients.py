"""Clients of the test Hub, each in a fresh process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hub.server import Hub

_SETTINGS = ("HF_", "HUGGING_FACE_", "AUDIO_FLAN_", "PYTHON")


def client_environment(hub: Hub, home: Path, **more: str) -> dict[str, str]:
    """Environment of a process whose Hub is `hub`, with nobody's settings and all caches below `home`."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(_SETTINGS)}
    folders = {"HF_HOME": home, "HF_HUB_CACHE": home / "hub", "HF_DATASETS_CACHE": home / "datasets"}
    settings = {"HF_ENDPOINT": hub.endpoint, "HF_HUB_DISABLE_XET": "1"}
    return inherited | settings | {name: str(path) for name, path in folders.items()} | more


def run_client(
    hub: Hub,
    home: Path,
    code: str,
    *arguments: object,
    python: Path | str = sys.executable,
    timeout_s: float = 300,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run a script in an empty folder below `home`; its arguments are text."""
    folder = home / "work"
    folder.mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        [str(python), "-W", "ignore", "-c", code, *map(str, arguments)],
        env=client_environment(hub, home, **environment),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def ask_client(hub: Hub, home: Path, code: str, *arguments: object, **options: Any) -> Any:
    """Run a script as `run_client` does, and return what it prints last, as JSON; it must not fail."""
    done = run_client(hub, home, code, *arguments, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
