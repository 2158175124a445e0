"""Byte ranges of files below a root that is a URL: on the Hub, over HTTP, or wherever fsspec reads."""

import os
import sys
from dataclasses import dataclass, field
from typing import Final, NoReturn
from urllib.parse import quote, urlsplit, urlunsplit

from audio_flan._version import __version__
from audio_flan.fetch.http import Refusal, Span, http_ranges
from audio_flan.fetch.retry import TransientError, with_retries
from audio_flan.fetch.shard_cache import ShardCache
from audio_flan.release.tree import hub_place
from audio_flan.waveform.sources import network_errors
from audio_flan.waveform.urls import without_credentials

_LOGIN: Final = "log in with `hf auth login`, set HF_TOKEN or pass token="


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file below a root.

    Parameters
    ----------
    root
        URL: ``hf://datasets/ORG/NAME[@REVISION]``, ``https://...`` or another that fsspec knows. Credentials
        in it are used and not shown.
    path
        Of the file, relative to the root.
    token
        Of the Hub: as in `huggingface_hub`, None is the user's own where there is one, False none. It is sent
        to the Hub and to nobody else.
    cache
        Where its bytes are kept, if anywhere.
    """

    root: str = field(repr=False)
    path: str
    token: str | bool | None = field(default=None, repr=False)
    cache: ShardCache | None = None

    def __str__(self) -> str:
        return f"{without_credentials(self.root)}/{self.path}"


def fetch_span(file: RemoteFile, start: int, stop: int) -> Span:
    """Fetch the bytes [start, stop) of a file with one request; fewer when the file ends before.

    Failures that may pass are tried again, up to six times.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    PermissionError
        When it may not be read, or the Hub does not show the dataset; the message says whom to ask.
    OSError
        When it cannot be fetched for another reason.
    """
    scheme = urlsplit(file.root).scheme
    try:
        if scheme == "hf":
            return _from_hub(file, start, stop)
        if scheme in ("http", "https"):
            return _from_web(file, start, stop)
        return with_retries(lambda: _from_fsspec(file, start, stop))
    except Refusal as refusal:
        _explain(file, refusal)
    except (FileNotFoundError, PermissionError):
        raise
    except OSError as error:
        raise OSError(f"{file} cannot be read: {error}") from error


def fetch_range(file: RemoteFile, start: int, stop: int) -> bytes:
    """Return the bytes that `fetch_span` fetches, from the cache where there is one; errors as there."""
    if file.cache is None:
        return fetch_span(file, start, stop).data
    return file.cache.read(file.path, start, stop, lambda first, last: fetch_span(file, first, last))


def fetch_size(file: RemoteFile) -> int:
    """Ask for the size of a file in bytes; errors as in `fetch_span`."""
    total = fetch_span(file, 0, 1).total
    if total is None:
        raise OSError(f"{file}: the server does not tell its size")
    return total


def forget_range(file: RemoteFile, start: int, stop: int) -> None:
    """Let go of the bytes [start, stop), which turned out to be wrong: they are fetched anew the next time.

    The server is asked again where the file is: what was there may have been replaced.
    """
    if file.cache is not None:
        file.cache.forget(file.path, start, stop)
    scheme = urlsplit(file.root).scheme
    if scheme in ("hf", "http", "https"):
        http_ranges().forget(_hub_url(file) if scheme == "hf" else web_url(file.root, file.path))


def _hub_url(file: RemoteFile) -> str:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.errors import HFValidationError

    place = hub_place(file.root)
    if place is None:
        raise OSError("of the Hub only datasets are read: hf://datasets/ORG/NAME")
    path = f"{place.folder}/{file.path}" if place.folder else file.path
    try:
        return str(hf_hub_url(place.repo_id, path, repo_type="dataset", revision=place.revision))
    except HFValidationError as error:
        raise OSError(str(error)) from None


def _from_hub(file: RemoteFile, start: int, stop: int) -> Span:
    from huggingface_hub.utils._headers import build_hf_headers

    url = _hub_url(file)
    token = _token_given_to_datasets() if file.token is None else file.token
    headers = build_hf_headers(token=token, library_name="audio-flan", library_version=__version__)
    return with_retries(lambda: http_ranges().read(url, start, stop, headers))


def _token_given_to_datasets() -> str | None:
    """Return the token that this process reads the Hub with, where the user has not stored one.

    ``datasets.load_dataset(..., token=...)`` hands it to the Hub's file system, and to no other one.
    """
    from huggingface_hub import HfFileSystem, get_token

    if get_token() is not None:
        return None
    tokens = {fs.token for fs in HfFileSystem._cache.values() if isinstance(fs.token, str)}  # noqa: SLF001
    tokens |= set(_before_fork)
    return tokens.pop() if len(tokens) == 1 else None


def lend_token(root: str, token: str | bool | None) -> None:
    """Let the cells of a table of `root` be read with `token` in this process and its forks.

    A table has no room for it. It is lent as ``datasets.load_dataset(..., token=...)`` lends it.
    """
    if isinstance(token, str) and hub_place(root) is not None:
        from huggingface_hub import HfFileSystem

        HfFileSystem(token=token)  # it stays in the cache of fsspec


_before_fork: list[str] = []
"""The token that a parent process read the Hub with: fsspec forgets its file systems in a fork."""


def _remember_for_the_child() -> None:
    if "huggingface_hub" in sys.modules:
        token = _token_given_to_datasets()
        _before_fork[:] = [] if token is None else [token]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_remember_for_the_child)


def web_url(root: str, path: str) -> str:
    """Return the URL of a file below a root of the web."""
    # What follows a question mark stays at the end: it is a signature of storage services.
    parts = urlsplit(root)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{quote(path)}"))


def _from_web(file: RemoteFile, start: int, stop: int) -> Span:
    url = web_url(file.root, file.path)
    headers = {"user-agent": f"audio-flan/{__version__}"}
    return with_retries(lambda: http_ranges().read(url, start, stop, headers))


def _from_fsspec(file: RemoteFile, start: int, stop: int) -> Span:
    import fsspec

    with network_errors(str(file)):
        file_system, path = fsspec.core.url_to_fs(f"{file.root}/{file.path}")
        try:
            data = bytes(file_system.cat_file(path, start=start, end=stop))
            # The size takes a request: it is for `fetch_size`, and to tell an end of the file from a failure.
            is_asked = stop == 1 or len(data) < stop - start
            return Span(data, file_system.size(path) if is_asked else None)
        except (ConnectionError, TimeoutError) as error:
            raise TransientError(str(error)) from error


def _explain(file: RemoteFile, refusal: Refusal) -> NoReturn:
    """Make an error of a refusal that says what to do."""
    place = hub_place(file.root)
    if place is not None:
        from huggingface_hub import constants

        page = f"{constants.ENDPOINT}/datasets/{place.repo_id}"
        if refusal.code == "GatedRepo":
            remedy = f"ask for access at {page}, then {_LOGIN}"
            raise PermissionError(f"the dataset {place.repo_id} is gated: {remedy}") from refusal
        if refusal.code == "RepoNotFound":
            remedy = f"if it is private, {_LOGIN}"
            raise PermissionError(f"there is no dataset {place.repo_id} on the Hub; {remedy}") from refusal
        if refusal.code == "RevisionNotFound":
            raise OSError(f"{page} has no revision {place.revision!r}") from refusal
        if refusal.status in (401, 403):
            raise PermissionError(f"{file} may not be read ({refusal}); {_LOGIN}") from refusal
    if refusal.status in (401, 403):
        raise PermissionError(f"{file} may not be read: {refusal}") from refusal
    if refusal.status in (404, 410):
        raise FileNotFoundError(f"there is no {file}") from refusal
    raise OSError(f"{file} cannot be read: {refusal}") from refusal
