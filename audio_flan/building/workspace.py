"""The folder in which an unfinished build keeps what it knows: ``OUT/.build``.

Every step leaves a folder for each of its units, which appears whole or not at all; its being there says that
the unit is done. The last step turns the workspace into records for the next build (see `kept`).
"""

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from xxhash import xxh3_64_hexdigest

from audio_flan.building.errors import BuildError
from audio_flan.building.kept import REOPEN, Kept
from audio_flan.building.submitted import refuse_if_at_work
from audio_flan.card import check_card
from audio_flan.records import Reason
from audio_flan.release import Entry, Release, ReleaseError
from audio_flan.shards import MANIFEST_NAME, Manifest, ManifestError, Recipe, read_manifest
from audio_flan.shards.atomic import TEMPORARY_PREFIX, atomic_folder, remove_leftovers, write_atomically
from audio_flan.waveform import ClipFault

WORK_FOLDER: Final = ".build"
EXPORT_FOLDER: Final = ".export"
"""The workspace of an export, which ends in a build of the same root."""
OUTPUT_FOLDERS: Final = ("data", "sample", "audio", "index", "quarantine")
_PLAN = "plan.json"
_LOCK = "lock"
_FACTS = "facts.json"
_FAULTS = "faults.jsonl"
_MAY_NAME_THE_ROOT = frozenset[str]({Reason.UNREADABLE_FILE, *ClipFault} - {ClipFault.UNKNOWN_AUDIO_ID})


class Plan(msgspec.Struct, frozen=True):
    """What a build is asked for, and what it found: the fingerprint of the release, and its corpora."""

    recipe: Recipe
    fingerprint: str
    corpora: tuple[str, ...] = ()


class Workspace:
    """Folders of units below ``OUT/.build``, or another folder of OUT."""

    def __init__(self, out: Path, folder: str = WORK_FOLDER) -> None:
        self.out = out
        self.root = out / folder

    def unit(self, step: str, name: str) -> Path:
        """Return the folder of a unit that is done."""
        return self.root / step / name

    def is_done(self, step: str, name: str) -> bool:
        """Say whether a unit is done."""
        return self.unit(step, name).is_dir()

    def units(self, step: str) -> list[str]:
        """List the units of a step that are done, in order; not what a task left that was killed."""
        folder = self.root / step
        names = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
        return sorted(name for name in names if not name.startswith(TEMPORARY_PREFIX))

    def plan_hash(self) -> str:
        """Return a hash of the plan of this build."""
        return xxh3_64_hexdigest((self.root / _PLAN).read_bytes())

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
    """Return `entry` with paths relative to `root` in its message.

    Only in what readers and the system say; what scp files and metadata say is quoted as it stands. `root`
    counts where a path begins, and as a whole: not inside of another path.
    """
    if entry.reason not in _MAY_NAME_THE_ROOT:
        return entry
    begins = rf"(?<![\w./-]){re.escape(root.rstrip('/'))}/"
    return entry._replace(message=re.sub(begins, "", entry.message))


@contextmanager
def claim(
    out: Path, recipe: Recipe, release: Release, *, resume: bool, in_export: bool = False
) -> Iterator[Workspace]:
    """Prepare `out` for a build, and keep other builds out of it meanwhile.

    With `in_export` the caller is the export that holds `out`, into which nobody else builds.

    Raises
    ------
    BuildError
        When `out` holds something else than this very build, or another process is at it.
    CardError
        When `out` has a card that cannot be taken apart, as the new one has to take over what people wrote.
    """
    work = Workspace(out)
    corpora = tuple(sorted({file.corpus for file in release.layout.metadata}))
    plan = Plan(recipe, release.fingerprint, corpora)
    with hold(out):
        if not in_export and (out / EXPORT_FOLDER).exists():
            raise BuildError(
                f"{out} holds an unfinished export; run that again to finish it, or choose an empty folder"
            )
        _check(out, plan, resume=resume)
        check_card(out)
        remove_leftovers(out)
        write_atomically(work.root / _PLAN, msgspec.json.encode(plan))
        if not resume:
            _clear(out)  # with the plan there: killed meanwhile, `out` is known as ours
        yield work


def refuse_unfinished(root: Path) -> None:
    """Raise `ReleaseError` where a build or an export into `root` has begun and not ended."""
    for path, command in ((root / EXPORT_FOLDER, "export"), (root / WORK_FOLDER / _PLAN, "build")):
        if path.exists():
            raise ReleaseError(
                f"{root} holds an unfinished {command}: run the same `audio-flan {command}` again, it goes "
                "on where it stopped"
            )


@contextmanager
def hold(out: Path, name: str = WORK_FOLDER) -> Iterator[None]:
    """Keep builds, and whatever else writes to `out`, out of it meanwhile.

    What holds another folder of `out` than ``.build`` keeps out only what holds that one, too.

    Raises
    ------
    BuildError
        When another process is at it.
    """
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder, out):
        refuse_if_at_work(folder, out)
        yield


@contextmanager
def _locked(folder: Path, out: Path) -> Iterator[None]:
    """Hold the lock of a workspace; without anything but the lock in it, the workspace goes as well."""
    path = folder / _LOCK
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)  # a file: NFS locks no folders
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system lets go of it when we die
            still_there = os.path.samestat(os.fstat(descriptor), path.stat())
        except (BlockingIOError, FileNotFoundError):
            still_there = False
        if not still_there:
            at_it = "is running, or an export, rebase or upload; wait for it"
            raise BuildError(f"another build of {out} {at_it}")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                folder.rmdir()
    finally:
        os.close(descriptor)


def _check(out: Path, plan: Plan, *, resume: bool) -> None:
    """Refuse what is not ours; turn what earlier builds have left into records."""
    work, kept = out / WORK_FOLDER, Kept(out)
    finished = (out / MANIFEST_NAME).exists()
    if finished:
        found = _manifest_of(out)
        if not _alike(found.recipe, plan.recipe):
            raise BuildError(
                f"{out} holds another build ({_difference(found.recipe, plan.recipe)}); "
                "choose an empty folder, or remove that one"
            )
        if resume:
            _refuse_other_release(out, {each.corpus for each in found.corpora}, plan)
        if (work / REOPEN).exists():
            kept.retire(finished=True)
    if (work / _PLAN).exists():
        started = _read_plan(work / _PLAN)
        if resume and not finished:
            if not (started and _alike(started.recipe, plan.recipe)):
                raise BuildError(
                    f"{out} holds an unfinished build of another plan; "
                    "start it anew with --no-resume, or choose an empty folder"
                )
            _refuse_other_release(out, set(started.corpora), plan)
        kept.retire(same_metadata=started == plan)  # clips are measured anew
    elif not finished and any(path.name not in (WORK_FOLDER, EXPORT_FOLDER) for path in out.iterdir()):
        raise BuildError(f"{out} is not empty, and holds no build of this toolkit; choose an empty folder")


def _clear(out: Path) -> None:
    """Remove what earlier builds have made."""
    (out / MANIFEST_NAME).unlink(missing_ok=True)
    for name in OUTPUT_FOLDERS:
        shutil.rmtree(out / name, ignore_errors=True)
    for path in (out / WORK_FOLDER).iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name not in (_LOCK, _PLAN):
            path.unlink()


def _alike(found: Recipe, wanted: Recipe) -> bool:
    """Say whether two recipes make the same of the same release."""
    return msgspec.structs.replace(found, release=wanted.release) == wanted


def _refuse_other_release(out: Path, there: set[str], plan: Plan) -> None:
    """Raise `BuildError` where a build has other corpora throughout: no later state of the same release."""
    if there and there.isdisjoint(plan.corpora):
        raise BuildError(
            f"{out} holds a build of another release: this one has none of its corpora ({min(there)}, ...); "
            "choose an empty folder, or start anew with --no-resume, which removes that build"
        )


def _read_plan(path: Path) -> Plan | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except msgspec.MsgspecError:  # of another version
        return None


def _manifest_of(out: Path) -> Manifest:
    try:
        return read_manifest(out)
    except ManifestError as error:
        raise BuildError(f"{error}; choose an empty folder") from None


def _difference(found: Recipe, wanted: Recipe) -> str:
    ours, theirs = msgspec.structs.asdict(wanted), msgspec.structs.asdict(found)
    differing = [name for name in ours if ours[name] != theirs[name] and name != "release"]
    return ", ".join(f"{name}: {theirs[name]!r} there, {ours[name]!r} asked for" for name in differing)
