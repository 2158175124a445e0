"""Where facts about a tree are kept between runs; all of it may be deleted at any time."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from xxhash import xxh3_128_hexdigest


def cache_folder(root: str, cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder for facts about the tree at `root`, made if need be.

    It lies in `cache_dir`, or below ``HF_HOME`` as everything of the Hugging Face libraries does; where that
    cannot be written, in a temporary folder that goes with the process.
    """
    base = Path(cache_dir).expanduser() if cache_dir else _hf_home() / "audio_flan"
    folder = base / "release" / xxh3_128_hexdigest(os.fsencode(root))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return _temporary_folder()
    return folder if os.access(folder, os.W_OK) else _temporary_folder()


def _temporary_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="audio-flan-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader sees the old or the new file, never a part."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _hf_home() -> Path:
    default = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    return Path(os.environ.get("HF_HOME", default)).expanduser()
