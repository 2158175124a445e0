"""What a build leaves for the next one of the same root: ``OUT/.build/kept``.

For each clip shard and row file there is a record of what it was made of, as hashes: the ids, paths, sizes
and marks of its clips, or its rows and where their clips are. A file whose inputs are the same next time is
not made again. A record is gone before its file is written anew, so that what a record says of a file is true
whatever kills the build; a file without a record is made.
"""

import shutil
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from xxhash import xxh3_128

from audio_flan._version import __version__
from audio_flan.shards import MANIFEST_NAME, FileFacts, Manifest, Recipe, parse_manifest
from audio_flan.shards.atomic import TEMPORARY_PREFIX, sync_folders, write_atomically

STORE: Final = "store"
"""The step whose units are kept as they are: those of clip shards."""
WRITE: Final = "write"
"""The step whose units hold records of row files."""
REOPEN: Final = "reopen"
"""The step that compares; its folder is there while a build makes something."""
CLIPS: Final = "clips.tar"
"""Clips in the folder of a unit, until rows carry them."""
_KEPT = "kept"
_SHARDS = "clips"
_ROWS = "rows"
_STATE = "state.json"
_ALL = "all"
_PREVIOUS = "previous.json"
_INPUTS = "inputs.json"
_RECORDS = "records.json"
_NAMES = {"lock", "plan.json", "jobs.json", _KEPT, _PREVIOUS, REOPEN}
"""What `retire` does not remove at once."""
_METADATA = {"table", "paths", "read", "choose"}
"""What was learnt from metadata and scp files alone: true as long as they stay as they are."""
_Record = TypeVar("_Record")


class State(msgspec.Struct, frozen=True):
    """What a whole root was made of: hashes of its plan, and of its clips."""

    plan: str
    clips: str


class RowRecord(msgspec.Struct, frozen=True):
    """What a row file was made of, and the file."""

    inputs: str
    file: FileFacts


class ShardRecord(msgspec.Struct, frozen=True):
    """What a clip shard was made of, and the file.

    ``file`` is None where none was written; it is relative to the root, or where `in_workspace` to the folder
    of the unit. ``transcoded`` counts clips, ``source_bytes`` is the size of all clips before.
    """

    inputs: str
    file: FileFacts | None
    in_workspace: bool
    transcoded: int
    source_bytes: int


class Kept:
    """The records of the build of `out`, and what they are made into."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._work = out / ".build"
        self._root = self._work / _KEPT

    def __bool__(self) -> bool:
        """Whether there are records."""
        return self._root.is_dir()

    def take_shard(self, unit: str, inputs: str) -> bool:
        """Make the record of a clip shard the folder of its unit, where nothing has changed.

        Otherwise the record is removed, and the shard has to be made.
        """
        record = self._root / _SHARDS / unit
        found = _read(record / _INPUTS, ShardRecord)
        place = record if found and found.in_workspace else self._out
        if found and found.inputs == inputs and (found.file is None or _is_there(place, found.file)):
            target = self._work / STORE / unit
            target.parent.mkdir(parents=True, exist_ok=True)
            record.rename(target)
            return True
        if record.is_dir():
            _discard(record)
            sync_folders([record.parent])
        return False

    def take_rows(self, path: str, inputs: str) -> FileFacts | None:
        """Return the facts of a row file that is there and would be the same.

        Otherwise its record is removed, and the file has to be made.
        """
        record = self._root / _ROWS / _row_record_name(path)
        found = _read(record, RowRecord)
        if found and found.inputs == inputs and _is_there(self._out, found.file):
            return found.file
        if found:
            record.unlink()
            sync_folders([record.parent])
        return None

    @property
    def state(self) -> "State | None":
        """What the finished build was made of."""
        return _read(self._root / _STATE, State)

    def previous(self) -> Manifest | None:
        """Return the manifest of the last finished build, set aside or not."""
        for path in (self._out / MANIFEST_NAME, self._work / _PREVIOUS):
            if path.is_file():
                return parse_manifest(path.read_bytes(), str(path))
        return None

    def set_manifest_aside(self) -> None:
        """Take the manifest away: the files are about to change."""
        (self._out / MANIFEST_NAME).rename(self._work / _PREVIOUS)
        sync_folders([self._work, self._out])

    def forget_rows(self) -> None:
        """Forget the row files: they are not as they were made."""
        _discard(self._root / _ROWS)

    def forget_the_rest(self, files: set[str]) -> None:
        """Forget what was not taken by a build that has made `files` and is about to end."""
        _discard(self._root / _SHARDS)
        wanted = {_row_record_name(path) for path in files}
        for record in _listing(self._root / _ROWS):
            if record.name not in wanted:
                record.unlink()

    def retire(self, *, finished: bool = False, same_metadata: bool = False) -> None:
        """Turn a workspace into records: that of a finished build, or of one that was stopped.

        It may be killed and called again. The folder of the step `REOPEN` goes last.

        Parameters
        ----------
        finished : bool
            Whether the build has come to its end.
        same_metadata : bool
            Whether metadata and scp files are as they were, so that they need not be read again.
        """
        for unit in _listing(self._work / WRITE):
            for record in _read(unit / _RECORDS, list[RowRecord]) or []:
                target = self._root / _ROWS / _row_record_name(record.file.path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(msgspec.json.encode(record))
        _discard(self._work / WRITE)
        for unit in _listing(self._work / STORE):
            target = self._root / _SHARDS / unit.name
            target.parent.mkdir(parents=True, exist_ok=True)
            _discard(target)
            unit.rename(target)
            if finished:
                (target / CLIPS).unlink(missing_ok=True)
        for path in _listing(self._work):
            if path.name not in _NAMES and not (same_metadata and path.name in _METADATA):
                _discard(path)
        if finished:
            state = _read(self._work / REOPEN / _ALL / "facts.json", State)
            if state:
                self._root.mkdir(exist_ok=True)
                write_atomically(self._root / _STATE, msgspec.json.encode(state))
            for name in (_PREVIOUS, "plan.json", "jobs.json"):
                (self._work / name).unlink(missing_ok=True)
        _discard(self._work / REOPEN)


def write_shard_record(folder: Path, record: ShardRecord) -> None:
    """Write the record of a clip shard into the folder of its unit."""
    (folder / _INPUTS).write_bytes(msgspec.json.encode(record))


def read_shard_record(folder: Path) -> ShardRecord:
    """Read the record of a clip shard in the folder of its unit, which is done."""
    return msgspec.json.decode((folder / _INPUTS).read_bytes(), type=ShardRecord)


def write_row_records(folder: Path, records: list[RowRecord]) -> None:
    """Write the records of row files into the folder of the unit that has made them."""
    (folder / _RECORDS).write_bytes(msgspec.json.encode(records))


@cache
def toolchain() -> bytes:
    """Name what else a file depends on: the options are those of the root."""
    packages = ("pyarrow", "soundfile", "soxr")
    return repr((__version__, [version(package) for package in packages])).encode()


def inputs_hash(recipe: Recipe, *parts: bytes) -> str:
    """Return a hash of what a file is made of."""
    digest = xxh3_128(toolchain())
    digest.update(msgspec.json.encode(msgspec.structs.replace(recipe, release="")))
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def _row_record_name(path: str) -> str:
    """Return the name of the record of a row file: its task, split and number."""
    return "-".join(path.split("/")[-2:]).replace(".parquet", ".json")


def _read(path: Path, kind: type[_Record]) -> _Record | None:
    """Read a record; None when there is none, or the power failed while it was written."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, NotADirectoryError, msgspec.MsgspecError):
        return None


def _is_there(folder: Path, file: FileFacts) -> bool:
    path = folder / file.path
    return path.is_file() and path.stat().st_size == file.nbytes


def _listing(folder: Path) -> list[Path]:
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if not path.name.startswith(TEMPORARY_PREFIX)]


def _discard(path: Path) -> None:
    """Remove a file, or a folder at one stroke."""
    if path.is_dir():
        leftover = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=path.parent))
        path.rename(leftover / path.name)
        shutil.rmtree(leftover)
    else:
        path.unlink(missing_ok=True)
