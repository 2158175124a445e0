"""Range requests over HTTP: to the Hub with the client of `huggingface_hub`, to others with a plain one."""

import atexit
import os
import re
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urljoin, urlsplit

from audio_flan.fetch.place import without_credentials
from audio_flan.fetch.retry import TransientError

if TYPE_CHECKING:
    from httpx2 import Client, Response

_MAX_REDIRECTS: Final = 10
_REMEMBERED: Final = 1024
"""Locations of files on a content network that are used again."""
_SMALL_BYTES: Final = 4 << 20
"""A server that ignores ranges is put up with for files up to this size, or that of the range."""
_TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_GONE: Final = frozenset({400, 401, 403, 404, 410})
_DEFAULT_PORT: Final = {"http": 80, "https": 443}
_CONTENT_RANGE = re.compile(r"bytes (?P<first>\d+)-(?P<last>\d+)/(?P<total>\d+|\*)", re.ASCII)
_RATE_LIMIT = re.compile(r'"\w+"\s*;\s*r\s*=\s*0\s*;\s*t\s*=\s*(?P<seconds>\d+)', re.ASCII)


class Refusal(Exception):
    """An answer that asking again does not change; the caller, who knows the file, makes an error of it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"HTTP {status} {message}".rstrip())
        self.status, self.code = status, code


class Span(NamedTuple):
    """Bytes of a file; and its size, and the commit it is of, where the server said so."""

    data: bytes
    total: int | None = None
    commit: str | None = None


class _Place(NamedTuple):
    """Where a file is, and the commit of which the Hub has said so."""

    url: str
    commit: str | None = None


class HttpRanges:
    """Reads ranges of files; shared by threads.

    A server may redirect to another, such as the Hub to its content network. That place is used for further
    ranges of the file as long as it answers. Credentials stay with the host they are for.
    """

    def __init__(self) -> None:
        self._places: OrderedDict[tuple[str, str], _Place] = OrderedDict()
        """Where files have turned out to be, by URL and credentials."""
        self._lock = threading.Lock()

    def read(self, url: str, start: int, stop: int, headers: Mapping[str, str]) -> Span:
        """Read the bytes [start, stop), or up to the end of a file that ends before.

        Parameters
        ----------
        url : str
            The file.
        start, stop : int
            In bytes.
        headers : mapping
            Sent to the host of `url`, and to no other one where they hold credentials.

        Raises
        ------
        Refusal
            When the server does not give the file.
        TransientError
            For a failure that may pass.
        OSError
            When the server cannot give a part of a file.
        """
        key = (url, headers.get("authorization", ""))
        with self._lock:
            place = self._places.get(key)
        if place is not None:
            try:
                return self._follow(url, place, start, stop, headers)[0]
            except (Refusal, OSError) as error:
                # Whoever asks again is to ask for a new place: this one may have broken down for good.
                with self._lock:
                    if self._places.get(key) == place:
                        del self._places[key]
                if not (isinstance(error, Refusal) and error.status in _GONE):
                    raise
                # The signature of the place has expired.
        span, place = self._follow(url, _Place(url), start, stop, headers)
        if place.url != url:
            with self._lock:
                self._places[key] = place
                if len(self._places) > _REMEMBERED:
                    self._places.popitem(last=False)
        return span

    def forget(self, url: str) -> None:
        """Ask the server of `url` anew where the file is."""
        with self._lock:
            for key in [key for key in self._places if key[0] == url]:
                del self._places[key]

    def _follow(
        self, url: str, place: _Place, start: int, stop: int, headers: Mapping[str, str]
    ) -> tuple[Span, _Place]:
        """Read from `place`, and from where it redirects to; return the bytes and where they were."""
        wanted = {"range": f"bytes={start}-{stop - 1}", "accept-encoding": "identity"}
        public = {name: value for name, value in headers.items() if name != "authorization"}
        for _ in range(_MAX_REDIRECTS):
            sent = {**(headers if _origin(place.url) == _origin(url) else public), **wanted}
            with _opened(place.url, sent, on_hub=_is_hub(url)) as response:
                commit = response.headers.get("x-repo-commit", place.commit)
                if not response.has_redirect_location:
                    return _body(response, start, stop)._replace(commit=commit), place
                place = _Place(_redirected(place.url, response.headers["location"]), commit)
        raise OSError(f"{without_credentials(url)}: more than {_MAX_REDIRECTS} redirects")


@cache
def http_ranges() -> HttpRanges:
    """Return the one of this process; a forked child starts with one of its own."""
    return HttpRanges()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=http_ranges.cache_clear)


def _is_hub(url: str) -> bool:
    from huggingface_hub import constants

    return _origin(url) == _origin(constants.ENDPOINT)


def _http_library() -> ModuleType:
    """Return the one that `huggingface_hub` uses: httpx in 1.x, httpx2 in 2.x."""
    from huggingface_hub.errors import HfHubHTTPError

    return sys.modules[HfHubHTTPError.__mro__[1].__module__.partition(".")[0]]


@cache
def _web_client() -> "Client":
    """Return the client for servers that are not the Hub, one for each process.

    That of `huggingface_hub` asks nobody in its offline mode and sends what is for the Hub. Proxies and
    certificates come from the same variables: ``HTTPS_PROXY``, ``NO_PROXY``, ``SSL_CERT_FILE``, ...
    """
    client: Client = _http_library().Client()
    atexit.register(client.close)
    return client


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_web_client.cache_clear)


@contextmanager
def _opened(url: str, headers: Mapping[str, str], *, on_hub: bool) -> "Iterator[Response]":
    """Ask for `url`; whatever goes wrong on the way is a `TransientError`."""
    from huggingface_hub import constants, get_session

    library = _http_library()
    client = get_session() if on_hub else _web_client()
    timeout_s = constants.HF_HUB_DOWNLOAD_TIMEOUT
    try:
        with client.stream(
            "GET", url, headers=headers, follow_redirects=False, timeout=timeout_s
        ) as response:
            yield response
    except library.HTTPError as error:
        raise TransientError(f"{type(error).__name__}: {error}".rstrip(": ")) from error
    except library.InvalidURL as error:  # httpx looks at a redirection that it is not to follow
        shown = without_credentials(url)
        raise OSError(f"{shown} redirects to what is no address, which is not followed: {error}") from error


def _body(response: "Response", start: int, stop: int) -> Span:
    """Take the range out of an answer."""
    status = response.status_code
    if status == 206:
        return _part(response, start, stop)
    if status == 200:
        data = _whole(response, max(stop - start, _SMALL_BYTES))
        return Span(data[start:stop], len(data))
    if status == 416:  # the file ends before
        total = response.headers.get("content-range", "").removeprefix("bytes */")
        return Span(b"", int(total) if total.isdecimal() else None)
    message = response.headers.get("x-error-message") or response.reason_phrase
    if status in _TRANSIENT:
        raise TransientError(f"HTTP {status} {message}".rstrip(), _asked_wait_s(response.headers))
    raise Refusal(status, response.headers.get("x-error-code", ""), message)


def _part(response: "Response", start: int, stop: int) -> Span:
    text = response.headers.get("content-range", "")
    found = _CONTENT_RANGE.fullmatch(text)
    if found is None or int(found["first"]) != start or int(found["last"]) >= stop:
        raise OSError(f"asked for bytes {start}-{stop - 1}, the server gave {text!r}")
    last, total = int(found["last"]), found["total"]
    data = _at_most(response, last + 1 - start)
    if len(data) <= last - start:
        raise TransientError(f"the answer ends after {len(data)} of {last + 1 - start} bytes")
    if last + 1 < stop and total != str(last + 1):
        raise TransientError(f"the answer has {len(data)} of {stop - start} bytes")
    return Span(data, int(total) if total.isdecimal() else None)


def _whole(response: "Response", limit: int) -> bytes:
    """Take a file that the server gave instead of a range of it, if it is small."""
    length = response.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > limit:
        size = f"{int(length):,} bytes" if length.isdecimal() else "of unknown size"
        raise OSError(f"the server does not give parts of a file, and the whole is {size}")
    data = _at_most(response, int(length))
    if len(data) < int(length):
        raise TransientError(f"the answer ends after {len(data)} of {length} bytes")
    return data


def _at_most(response: "Response", limit: int) -> bytes:
    parts, nbytes = [], 0
    for part in response.iter_raw():
        parts.append(part)
        nbytes += len(part)
        if nbytes > limit:
            raise OSError(f"the server sent more than the {limit} bytes it had announced")
    return b"".join(parts)


def _redirected(url: str, location: str) -> str:
    try:
        target = urljoin(url, location)
        schemes = urlsplit(url).scheme, urlsplit(target).scheme
    except ValueError as error:
        shown = without_credentials(url)
        raise OSError(f"{shown} redirects to what is no address, which is not followed: {error}") from error
    if schemes[1] not in _DEFAULT_PORT or schemes == ("https", "http"):
        shown = without_credentials(url)
        raise OSError(f"{shown} redirects to an address of the kind {schemes[1]!r}, which is not followed")
    return target


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORT.get(parts.scheme)


def _asked_wait_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds for which a server asks to be left alone."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    if text:
        try:
            then = parsedate_to_datetime(text)
        except ValueError:
            return None
        return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    limit = _RATE_LIMIT.search(headers.get("ratelimit", ""))
    return float(limit["seconds"]) if limit else None
