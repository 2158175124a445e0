"""What an upload that was stopped had done: it need not be read, hashed and offered again."""

import contextlib
from pathlib import Path
from typing import Final

import msgspec

from audio_flan.publishing.plan import Batch
from audio_flan.shards import FileFacts, Manifest
from audio_flan.shards.atomic import write_atomically

JOURNAL_NAME: Final = ".publish.json"


class _Uploaded(msgspec.Struct):
    repo_id: str
    revision: str | None
    files: dict[str, str]


class Journal:
    """The files of a root that one repo has, by path with their hash; kept in the root until the end.

    `there` is what the manifest says that the last complete upload has left.
    """

    def __init__(
        self, root: Path, repo_id: str, revision: str | None, *, there: Manifest | None = None
    ) -> None:
        self._path = root / JOURNAL_NAME
        self._there = {file.path: file.xxh3 for file in there.files} if there else {}
        self._uploaded = _Uploaded(repo_id, revision, {})
        with contextlib.suppress(FileNotFoundError, msgspec.MsgspecError):  # then all is offered again
            found = msgspec.json.decode(self._path.read_bytes(), type=_Uploaded)
            if (found.repo_id, found.revision) == (repo_id, revision):
                self._uploaded = found

    def has(self, file: FileFacts) -> bool:
        """Say whether this very file was committed."""
        return self._uploaded.files.get(file.path, self._there.get(file.path)) == file.xxh3

    def add(self, batch: Batch) -> None:
        """Note that a batch was committed."""
        self._uploaded.files.update({file.path: file.xxh3 for file in batch.files})
        write_atomically(self._path, msgspec.json.encode(self._uploaded))

    def remove(self) -> None:
        """Forget it: everything is uploaded."""
        self._path.unlink(missing_ok=True)
