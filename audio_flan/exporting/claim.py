"""OUT of an export: empty or new, or with the very same export, unfinished."""

import contextlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from audio_flan.building.errors import BuildError
from audio_flan.building.workspace import EXPORT_FOLDER, Workspace, hold
from audio_flan.exporting.errors import EmptySelectionError, ExportError
from audio_flan.exporting.request import Request
from audio_flan.shards.atomic import remove_leftovers, write_atomically

_REQUEST: Final = "request.json"
_LOCK: Final = "lock"


@contextmanager
def claim(out: Path, request: Request, *, resume: bool) -> Iterator[Workspace]:
    """Prepare `out` for an export, and keep others out of it meanwhile; without an error, clean up after it.

    Raises
    ------
    ExportError
        When `out` holds something else than this very export, or another process is at it.
    """
    check_out(out)
    work, is_new = Workspace(out, EXPORT_FOLDER), not out.exists()
    try:
        with hold(out, EXPORT_FOLDER):
            _check(work, request, resume=resume)
            remove_leftovers(out)
            write_atomically(work.root / _REQUEST, msgspec.json.encode(request))
            try:
                yield work
            except BaseException as error:
                if isinstance(error, EmptySelectionError):  # of another request rows may be left
                    _clear(work.root, keep=(_REQUEST, _LOCK))
                if not any(path.is_dir() for path in work.root.iterdir()):  # nothing to go on with
                    (work.root / _REQUEST).unlink()
                raise
            _clear(work.root, keep=(_REQUEST, _LOCK))
            (work.root / _REQUEST).unlink()
    except BuildError as error:
        raise ExportError(str(error)) from error
    finally:
        if is_new:
            with contextlib.suppress(OSError):  # something is there
                out.rmdir()


def check_out(out: Path) -> None:
    """Refuse a folder that is not empty and holds no export under way; nothing is written.

    Raises
    ------
    ExportError
    """
    if out.is_symlink() and not out.exists():
        raise ExportError(f"{out} is a link to nothing; choose a new or empty folder")
    if out.exists() and not out.is_dir():
        raise ExportError(f"{out} is a file; choose a new or empty folder")
    if out.is_dir() and not (out / EXPORT_FOLDER).exists() and any(out.iterdir()):
        raise ExportError(f"{out} is not empty; choose a new or empty folder")


def _check(work: Workspace, request: Request, *, resume: bool) -> None:
    path = work.root / _REQUEST
    if not path.exists():
        if any(other.name != EXPORT_FOLDER for other in work.out.iterdir()):
            raise ExportError(f"{work.out} is not empty; choose a new or empty folder")
        return
    if not resume:
        _clear(work.root, keep=(_REQUEST, _LOCK))  # with the request there: killed meanwhile, OUT is ours
        _clear(work.out, keep=(EXPORT_FOLDER,))
    elif _read(path) != request:
        raise ExportError(
            f"{work.out} holds an unfinished export of something else; start it anew with --no-resume "
            "(resume=False), or choose an empty folder"
        )


def _read(path: Path) -> Request | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Request)
    except msgspec.MsgspecError:  # of another version
        return None


def _clear(folder: Path, keep: tuple[str, ...]) -> None:
    for path in folder.iterdir():
        if path.name in keep:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
