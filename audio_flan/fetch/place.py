"""Where the root of a clip is, and which of the places that data names are followed."""

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from audio_flan.release.tree import LocalTree
from audio_flan.shards.layout import MANIFEST_NAME
from audio_flan.waveform import AudioError, ClipError, ClipFault, FileSource
from audio_flan.waveform.urls import is_local, without_credentials

BASE_VARIABLE: Final = "AUDIO_FLAN_BASE"
REMOTE_SCHEMES: Final = frozenset(
    {"hf", "https", "http", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oci", "oss"}
)
"""Kinds of URL that data may point at; files of this machine and the rest are for the user to name."""

_DATASET = re.compile(r"hf://datasets/[A-Za-z0-9][\w.-]*/[\w.-]+(@[^/]+)?(/.*)?", re.ASCII)


def locate(base: str, root: str | None = None) -> str:
    """Return the folder or the URL of the root of a clip.

    The first of these that there is: a folder that the caller gives; the environment variable
    ``AUDIO_FLAN_BASE``, a folder or a URL; a URL that the caller gives; the `base` that the data names.

    Parameters
    ----------
    base : str
        Of a cell. It comes with the data and is not trusted.
    root : str, optional
        Folder or URL.

    Raises
    ------
    ClipError
        When the base is none that data may name.
    FileNotFoundError
        When nothing says where the root is.
    """
    if root and is_local(root):
        return local_folder(root)
    override = os.environ.get(BASE_VARIABLE, "").strip().rstrip("/")
    if override:
        return local_folder(override) if is_local(override) else override
    if root:
        return root.rstrip("/")
    if base.startswith("file://"):
        return _built_folder(base)
    if base:
        _check_base(base)
        return base
    raise FileNotFoundError(
        f"the path of this clip does not say where its root is: set {BASE_VARIABLE} to the root's folder or "
        "URL, load it with audio_flan.load_dataset, or run `audio-flan rebase`"
    )


def local_folder(root: str) -> str:
    """Return the folder of a local root, absolute."""
    folder = root.removeprefix("file://")
    return folder if folder.startswith("/") else str(Path(folder).expanduser().absolute())


def check_path(path: str) -> None:
    """Refuse a path of a file, relative to a root, that does not stay below it.

    Raises
    ------
    ClipError
        ``outside_root``.
    """
    if "\\" in path or not all(part.strip(".") for part in path.split("/")):
        raise ClipError(ClipFault.OUTSIDE_ROOT, f"{path[:200]!r} is no path below the root")


@lru_cache(maxsize=1024)
def local_file(folder: str, path: str) -> str:
    """Return the full path of a file below a local root.

    Raises
    ------
    ClipError
        ``outside_root`` when it leads out of the root, over links as well; ``unreadable_audio`` when it is no
        regular file.
    FileNotFoundError
        When there is no such file.
    """
    check_path(path)
    try:
        source = LocalTree(folder).clip(path, path)
    except AudioError as error:
        raise ClipError(error.fault, error.detail) from None
    if not isinstance(source, FileSource):
        raise FileNotFoundError(f"there is no {folder}/{path}")
    return source.path


def _built_folder(base: str) -> str:
    """Return the folder that data points at; none but a built root is followed."""
    folder = local_folder(base)
    if not Path(folder, MANIFEST_NAME).is_file():
        detail = f"data may not point at {_quoted(base)}, no built root; if you trust it, set {BASE_VARIABLE}"
        raise ClipError(ClipFault.OUTSIDE_ROOT, detail)
    return folder


def _check_base(base: str) -> None:
    try:
        parts = urlsplit(base)
        scheme, _ = parts.scheme, parts.port
    except ValueError as error:
        raise ClipError(ClipFault.OUTSIDE_ROOT, f"the base {_quoted(base)} is no URL: {error}") from None
    if scheme not in REMOTE_SCHEMES or "::" in base:
        detail = f"data may not point at {_quoted(base)}; if you trust it, set {BASE_VARIABLE} to that place"
        raise ClipError(ClipFault.OUTSIDE_ROOT, detail)
    if scheme == "hf" and not _DATASET.fullmatch(base):
        detail = f"expected a dataset of the Hub, hf://datasets/ORG/NAME; got {_quoted(base)}"
        raise ClipError(ClipFault.OUTSIDE_ROOT, detail)
    if ".." in base.partition("://")[2].split("/"):
        raise ClipError(ClipFault.OUTSIDE_ROOT, f"the base {_quoted(base)} leads upwards")


def _quoted(base: str) -> str:
    return repr(without_credentials(base)[:200])
