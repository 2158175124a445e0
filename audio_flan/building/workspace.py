"""The folder in which an unfinished build keeps what it knows: ``OUT/.build``.

Every step leaves a folder for each of its units, which appears whole or not at all; its being there says that
the unit is done. The last step removes the workspace.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from audio_flan.building.errors import BuildError
from audio_flan.release import Entry
from audio_flan.shards import MANIFEST_NAME, ManifestError, Recipe, read_manifest
from audio_flan.shards.atomic import atomic_folder, remove_leftovers, write_atomically

WORK_FOLDER: Final = ".build"
OUTPUT_FOLDERS: Final = ("data", "audio", "index", "quarantine")
_PLAN = "plan.json"
_FACTS = "facts.json"
_FAULTS = "faults.jsonl"


class Workspace:
    """Folders of units below ``OUT/.build``."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.root = out / WORK_FOLDER

    def unit(self, step: str, name: str) -> Path:
        """Return the folder of a unit that is done."""
        return self.root / step / name

    def is_done(self, step: str, name: str) -> bool:
        """Say whether a unit is done."""
        return self.unit(step, name).is_dir()

    def make(self, step: str, name: str) -> AbstractContextManager[Path]:
        """Give a temporary folder that becomes that of the unit when the block ends without an error."""
        return atomic_folder(self.unit(step, name))

    def facts(self, step: str, name: str) -> Any:  # noqa: ANN401 - any JSON value
        """Return what a unit wrote down by `write_facts`."""
        return msgspec.json.decode((self.unit(step, name) / _FACTS).read_bytes())

    def faults(self, step: str, name: str) -> Iterator[tuple[str, Entry]]:
        """Yield (corpus, entry) of what a unit did not take."""
        path = self.unit(step, name) / _FAULTS
        if path.is_file():
            decode = msgspec.json.Decoder(tuple[str, Entry]).decode
            with path.open("rb") as lines:
                for line in lines:
                    yield decode(line)


def write_facts(folder: Path, facts: object) -> None:
    """Write the facts of a unit into its folder."""
    (folder / _FACTS).write_bytes(msgspec.json.encode(facts))


class FaultLog:
    """Writes what a unit does not take into its folder, a line each.

    `root`, the place of the release, is left out of messages: the result is the same wherever it lies.
    """

    def __init__(self, folder: Path, root: str) -> None:
        self._path = folder / _FAULTS
        self._root = root
        self._lines: list[bytes] = []
        self.count = 0

    def add(self, corpus: str, entry: Entry) -> None:
        """Add an entry to the list of a corpus."""
        placeless = without_root(entry, self._root)
        self._lines.append(msgspec.json.encode((corpus, placeless)) + b"\n")
        self.count += 1
        if len(self._lines) >= 1000:
            self.flush()

    def flush(self) -> None:
        """Write what is kept."""
        if self._lines:
            with self._path.open("ab") as handle:
                handle.writelines(self._lines)
            self._lines = []


def without_root(entry: Entry, root: str) -> Entry:
    """Return `entry` with paths relative to `root` in its message."""
    return entry._replace(message=entry.message.replace(f"{root}/", "").replace(root, "."))


@contextmanager
def claim(out: Path, recipe: Recipe, fingerprint: str, *, resume: bool) -> Iterator[Workspace]:
    """Prepare `out` for a build, and keep other builds out of it meanwhile.

    Raises
    ------
    BuildError
        When `out` holds something else than this very build, or another process is at it.
    """
    out.mkdir(parents=True, exist_ok=True)
    plan = msgspec.json.encode({"recipe": recipe, "fingerprint": fingerprint})
    descriptor = os.open(out, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system lets go of it when we die
        except BlockingIOError:
            raise BuildError(
                f"another build of {out} is running; wait for it or choose another folder"
            ) from None
        _check(out, plan, recipe, resume=resume)
        remove_leftovers(out)
        work = Workspace(out)
        if not (out / MANIFEST_NAME).exists():
            work.root.mkdir(exist_ok=True)
            write_atomically(work.root / _PLAN, plan)
        yield work
    finally:
        os.close(descriptor)


def _check(out: Path, plan: bytes, recipe: Recipe, *, resume: bool) -> None:
    """Refuse what is not ours; clear away what is to be made anew."""
    work = out / WORK_FOLDER
    if (out / MANIFEST_NAME).exists():
        found = _recipe_of(out)
        if found != recipe:
            raise BuildError(
                f"{out} holds another build ({_difference(found, recipe)}); "
                "choose an empty folder, or remove that one"
            )
    elif (work / _PLAN).exists():
        if resume and (work / _PLAN).read_bytes() != plan:
            raise BuildError(
                f"{out} holds an unfinished build of another plan, or the release has changed since; "
                "start it anew with --no-resume, or choose an empty folder"
            )
    elif any(path.name != WORK_FOLDER for path in out.iterdir()):
        raise BuildError(f"{out} is not empty, and holds no build of this toolkit; choose an empty folder")
    if not resume:
        (out / MANIFEST_NAME).unlink(missing_ok=True)
        for name in OUTPUT_FOLDERS:
            shutil.rmtree(out / name, ignore_errors=True)
        shutil.rmtree(work, ignore_errors=True)


def _recipe_of(out: Path) -> Recipe:
    try:
        return read_manifest(out).recipe
    except ManifestError as error:
        raise BuildError(f"{error}; choose an empty folder") from None


def _difference(found: Recipe, wanted: Recipe) -> str:
    ours, theirs = msgspec.structs.asdict(wanted), msgspec.structs.asdict(found)
    return ", ".join(f"{k}: {theirs[k]!r} there, {ours[k]!r} asked for" for k in ours if ours[k] != theirs[k])
