"""The repos of the test Hub: files of folders, listed and described as the Hub does it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Literal

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LFS_SUFFIXES = frozenset(
    {".parquet", ".tar", ".zip", ".gz", ".flac", ".wav", ".mp3", ".ogg", ".m4a", ".webm"}
)
"""Files that the Hub keeps in its large-file store, and redirects to its content network for."""


@dataclass
class Repo:
    """A dataset repo over a folder, of one revision.

    Attributes
    ----------
    repo_id : str
        ``ORG/NAME``.
    folder : path
        Its files; those below ``.cache`` are not of the repo.
    token : str, optional
        Whoever does not send it is refused, in the way of a `refusal`.
    commit : str
        Name of the revision, beside ``main``.
    more_files : dict
        Files beside those of the folder, by path; many paths may be one file on the disk.
    """

    repo_id: str
    folder: Path
    token: str | None = None
    refusal: Literal["gated", "private"] = "gated"
    commit: str = COMMIT
    more_files: dict[str, Path] = field(default_factory=dict)

    def files(self) -> dict[str, Path]:
        """All files by path."""
        found = (path for path in self.folder.rglob("*") if path.is_file())
        named = {path.relative_to(self.folder).as_posix(): path for path in found}
        own = {name: path for name, path in named.items() if not name.startswith(".cache/")}
        return self.more_files | own

    def file(self, name: str) -> Path | None:
        """The file of a path, when there is one."""
        path = self.folder / name
        inside = path.resolve().is_relative_to(self.folder.resolve())
        return path if inside and path.is_file() else self.more_files.get(name)

    def info(self) -> dict[str, Any]:
        """What the Hub says of a repo."""
        return {
            "id": self.repo_id,
            "sha": self.commit,
            "private": self.token is not None and self.refusal == "private",
            "gated": "manual" if self.token is not None and self.refusal == "gated" else False,
            "disabled": False,
            "tags": [],
            "siblings": [{"rfilename": name} for name in sorted(self.files())],
        }

    def entry(self, name: str, *, expand: bool = False) -> dict[str, Any] | None:
        """What the Hub says of a file, or of a folder (with a slash at its end); None when there is none."""
        more: dict[str, Any] = {}
        if expand:
            more["lastCommit"] = {
                "id": self.commit,
                "title": "Upload data",
                "date": "2026-11-21T00:00:00.000Z",
            }
        if name.endswith("/"):
            oid = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
            return {"type": "directory", "oid": oid, "size": 0, "path": name.rstrip("/")} | more
        path = self.file(name)
        return None if path is None else {"type": "file", "path": name} | file_facts(name, path) | more


def names_below(files: Iterable[str], folder: str, *, recursive: bool) -> list[str]:
    """Paths of the files and folders below a folder, in order; folders with a slash at their end."""
    prefix = f"{folder}/" if folder else ""
    found = set()
    for name in files:
        if name.startswith(prefix):
            parts = name.removeprefix(prefix).split("/")
            depths = range(1, len(parts) + 1) if recursive else (1,)
            found.update(prefix + "/".join(parts[:n]) + ("/" if n < len(parts) else "") for n in depths)
    return sorted(found)


def is_lfs(name: str) -> bool:
    """Whether the Hub keeps a file of this name in its large-file store."""
    return PurePosixPath(name).suffix in LFS_SUFFIXES


def file_facts(name: str, path: Path) -> dict[str, Any]:
    """Size and hashes of a file, as tree listings have them."""
    stat = path.stat()
    blob, sha256 = _hashes(path, stat.st_size, stat.st_mtime_ns)
    facts: dict[str, Any] = {"size": stat.st_size, "oid": blob}
    if is_lfs(name):
        facts["lfs"] = {"oid": sha256, "size": stat.st_size, "pointerSize": 134}
    return facts


@lru_cache(maxsize=100_000)
def _hashes(path: Path, size: int, _mtime_ns: int) -> tuple[str, str]:
    blob = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    sha256 = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            blob.update(block)
            sha256.update(block)
    return blob.hexdigest(), sha256.hexdigest()
