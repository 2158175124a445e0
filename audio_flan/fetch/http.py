"""Range requests over HTTP."""

import os
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Final, NamedTuple
from urllib.parse import urljoin, urlsplit

from audio_flan.fetch.answers import Answer, answer_to, is_hub, not_an_address, origin
from audio_flan.fetch.retry import TransientError
from audio_flan.waveform.urls import without_credentials

_MAX_REDIRECTS: Final = 10
_REMEMBERED: Final = 1024
"""Locations of files on a content network that are used again."""
_SMALL_BYTES: Final = 4 << 20
"""A server that ignores ranges is put up with for files up to this size, or that of the range."""
_TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_GONE: Final = frozenset({400, 401, 403, 404, 410})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MAX_DIGITS: Final = 18
_CONTENT_RANGE = re.compile(r"bytes (?P<first>\d{1,18})-(?P<last>\d{1,18})/(?P<total>\d{1,18}|\*)", re.ASCII)
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
            sent = {**(headers if origin(place.url) == origin(url) else public), **wanted}
            with answer_to(place.url, sent, by_way_of_hub=is_hub(url)) as answer:
                commit = answer.headers.get("x-repo-commit", place.commit)
                if answer.status not in _REDIRECTS or "location" not in answer.headers:
                    return _body(answer, start, stop)._replace(commit=commit), place
                target = _redirected(place.url, answer.headers["location"])
                if origin(target) == origin(url):
                    target = _with_login_of(url, target)
                place = _Place(target, commit)
        raise OSError(f"{without_credentials(url)}: more than {_MAX_REDIRECTS} redirects")


@cache
def http_ranges() -> HttpRanges:
    """Return the one of this process; a forked child starts with one of its own."""
    return HttpRanges()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=http_ranges.cache_clear)


def _body(answer: Answer, start: int, stop: int) -> Span:
    """Take the range out of an answer."""
    status = answer.status
    if status == 206:
        return _part(answer, start, stop)
    if status == 200:
        data = _whole(answer, max(stop - start, _SMALL_BYTES))
        return Span(data[start:stop], len(data))
    if status == 416:  # the file ends before
        return Span(b"", _number(answer.headers.get("content-range", "").removeprefix("bytes */")))
    message = answer.headers.get("x-error-message") or answer.reason
    if status in _TRANSIENT:
        raise TransientError(f"HTTP {status} {message}".rstrip(), _asked_wait_s(answer.headers))
    raise Refusal(status, answer.headers.get("x-error-code", ""), message)


def _part(answer: Answer, start: int, stop: int) -> Span:
    text = answer.headers.get("content-range", "")
    found = _CONTENT_RANGE.fullmatch(text)
    if found is None or int(found["first"]) != start or int(found["last"]) >= stop:
        raise OSError(f"asked for bytes {start}-{stop - 1}, the server gave {text!r}")
    last, total = int(found["last"]), found["total"]
    data = _announced(answer, last + 1 - start)
    if last + 1 < stop and total != str(last + 1):
        raise TransientError(f"the answer has {len(data)} of {stop - start} bytes")
    return Span(data, _number(total))


def _whole(answer: Answer, limit: int) -> bytes:
    """Take a file that the server gave instead of a range of it, if it is small."""
    length = _number(answer.headers.get("content-length", ""))
    if length is None or length > limit:
        size = "of unknown size" if length is None else f"{length:,} bytes"
        raise OSError(f"the server does not give parts of a file, and the whole is {size}")
    return _announced(answer, length)


def _number(text: str) -> int | None:
    """Return a number that a server says; None for anything else, or one that is too long to be one."""
    return int(text) if text.isdecimal() and len(text) <= _MAX_DIGITS else None


def _announced(answer: Answer, nbytes: int) -> bytes:
    """Take a body of which the size has been said."""
    data = answer.body(nbytes + 1)
    if len(data) > nbytes:
        raise OSError(f"the server sent more than the {nbytes} bytes it had announced")
    if len(data) < nbytes:
        raise TransientError(f"the answer ends after {len(data)} of {nbytes} bytes")
    return data


def _redirected(url: str, location: str) -> str:
    try:
        target = urljoin(url, location)
        schemes = urlsplit(url).scheme, urlsplit(target).scheme
        _ = urlsplit(target).port  # a number that is none is an error
    except ValueError:
        raise not_an_address(url) from None
    if schemes[1] not in ("http", "https") or schemes == ("https", "http"):
        shown = without_credentials(url)
        raise OSError(f"{shown} redirects to an address of the kind {schemes[1]!r}, which is not followed")
    return target


def _with_login_of(url: str, target: str) -> str:
    """Return `target` with the name and password of `url`, unless it has its own."""
    login, at, _ = urlsplit(url).netloc.rpartition("@")
    parts = urlsplit(target)
    if not at or "@" in parts.netloc:
        return target
    return parts._replace(netloc=f"{login}@{parts.netloc}").geturl()


def _asked_wait_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds for which a server asks to be left alone."""
    text = headers.get("retry-after", "").strip()
    if (seconds := _number(text)) is not None:
        return float(seconds)
    if text:
        try:
            then = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    limit = _RATE_LIMIT.search(headers.get("ratelimit", ""))
    return float(limit["seconds"]) if limit else None
