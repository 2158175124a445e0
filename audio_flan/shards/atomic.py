"""Files and folders that are there whole or not at all, whatever kills the process.

They are made under a temporary name in the same folder, synced to the disk and renamed. When the power
fails, a rename may be lost, but never shows a file that is not whole; `sync_folders` makes renames last.
"""

import filecmp
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

TEMPORARY_PREFIX: Final = ".tmp-"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path to write a file to; it becomes `path` when the block ends without an error.

    Where `path` has the same bytes already, it stays as it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY_PREFIX)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        if path.is_file() and not path.is_symlink() and filecmp.cmp(path, temporary, shallow=False):
            temporary.unlink()
            return
        temporary.chmod(0o644)
        _sync(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary folder to write files into; it becomes `folder` when the block ends without an error.

    A folder of that name that is there already is kept: another process made the same one.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=TEMPORARY_PREFIX))
    try:
        yield temporary
        for path in temporary.iterdir():
            _sync(path)
        _sync(temporary)
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
            shutil.rmtree(temporary)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


class OutputError(ValueError):
    """A path that a user has named for a file, and that is no place for one."""


def output_path(path: Path) -> Path:
    """Return where a file goes that a user has named: a link is followed.

    Raises
    ------
    OutputError
        When there is a folder or a device, or no folder to hold the file.
    """
    found = path.resolve()
    if found.is_dir():
        raise OutputError(f"{path} is a folder; name a file")
    if found.exists() and not found.is_file():
        raise OutputError(f"{path} is no regular file, and would be replaced; name another")
    if not found.parent.is_dir():
        raise OutputError(f"there is no folder {path.parent} for {path.name}; make it first")
    return found


def write_atomically(path: Path, data: bytes) -> None:
    """Write a small file."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def remove_leftovers(root: Path) -> None:
    """Remove the temporary files and folders that killed processes left below `root`."""
    for folder, folders, files in os.walk(root):
        for name in [name for name in folders if name.startswith(TEMPORARY_PREFIX)]:
            shutil.rmtree(Path(folder, name), ignore_errors=True)
            folders.remove(name)
        for name in files:
            if name.startswith(TEMPORARY_PREFIX):
                Path(folder, name).unlink(missing_ok=True)


def sync_folders(folders: Collection[Path]) -> None:
    """Make the renames in `folders` last."""
    for folder in sorted(folders):
        _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
