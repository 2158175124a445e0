"""What servers answer: the Hub by the client of `huggingface_hub`, all others straight.

That client takes a body in pieces of 64 KiB, of 16 KiB where it is encrypted, and joins them; for clips by
the gigabyte this costs more than everything else that is done with them but decoding. What the Hub keeps on
its content network is read straight too, unless the user has given `huggingface_hub` a client of their own.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from audio_flan._version import __version__
from audio_flan.fetch.connections import basic, connections, http_library
from audio_flan.fetch.retry import TransientError
from audio_flan.waveform.urls import without_credentials

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_DRAINED_BYTES: Final = 64 << 10
"""A body that nobody wants is read up to this size, so that its connection can be used again."""
_DEFAULT_PORT: Final = {"http": 80, "https": 443}


class Answer(NamedTuple):
    """The head of an answer, and its body.

    Attributes
    ----------
    status : int
    reason : str
    headers : mapping
        Their names in any case.
    body : callable
        Takes the body; no more than so many bytes of it. An answer that breaks off is a `TransientError`,
        or a body that is shorter than it was said to be.
    """

    status: int
    reason: str
    headers: Mapping[str, str]
    body: Callable[[int], bytes]


@contextmanager
def answer_to(url: str, headers: Mapping[str, str], *, by_way_of_hub: bool) -> Iterator[Answer]:
    """Ask for `url` and follow no redirection.

    Parameters
    ----------
    url : str
        May hold a name and a password.
    headers : mapping
    by_way_of_hub : bool
        Whether the Hub is what was asked first, and has redirected to `url`.

    Raises
    ------
    TransientError
        For whatever goes wrong on the way.
    OSError
        When `url`, or what it redirects to, is no address.
    """
    by_client = is_hub(url) or (by_way_of_hub and (not _client_is_default() or _is_behind_socks(url)))
    with _by_hub_client(url, headers) if by_client else _straight(url, headers) as answer:
        yield answer


def is_hub(url: str) -> bool:
    """Say whether a URL is that of the Hub, as ``HF_ENDPOINT`` has it."""
    from huggingface_hub import constants

    return origin(url) == origin(constants.ENDPOINT)


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port: whose credentials a request may carry."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORT.get(parts.scheme)


# By the client of huggingface_hub


@contextmanager
def _by_hub_client(url: str, headers: Mapping[str, str]) -> Iterator[Answer]:
    from huggingface_hub import get_session

    library = http_library()

    def body(limit: int) -> bytes:
        parts, nbytes = [], 0
        for part in response.iter_raw():
            parts.append(part)
            nbytes += len(part)
            if nbytes > limit:
                break
        return b"".join(parts)[:limit]

    try:
        with get_session().stream(
            "GET", url, headers=headers, follow_redirects=False, timeout=_timeout_s()
        ) as response:
            yield Answer(response.status_code, response.reason_phrase, response.headers, body)
    except library.HTTPError as error:
        raise TransientError(f"{type(error).__name__}: {error}".rstrip(": ")) from error
    except library.InvalidURL as error:  # it looks at a redirection that it is not to follow
        raise not_an_address(url) from error


def _client_is_default() -> bool:
    """Say whether the user has not called ``huggingface_hub.set_client_factory``."""
    from huggingface_hub.utils import _http

    default = getattr(_http, "default_client_factory", None)
    return default is not None and getattr(_http, "_GLOBAL_CLIENT_FACTORY", None) is default


def _timeout_s() -> float:
    from huggingface_hub import constants

    return float(constants.HF_HUB_DOWNLOAD_TIMEOUT)


# Straight


@contextmanager
def _straight(url: str, headers: Mapping[str, str]) -> Iterator[Answer]:
    from urllib3 import exceptions

    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    named = {"authorization": basic(login)} if at else {}
    try:
        response = connections(_proxy_for(url), is_encrypted=parts.scheme == "https").request(
            "GET",
            parts._replace(netloc=host).geturl(),
            headers={"user-agent": f"audio-flan/{__version__}", **named, **headers},
            preload_content=False,
            decode_content=False,
            redirect=False,
            retries=False,
            timeout=_timeout_s(),
        )
        try:
            if response.status < 200:  # the answer itself comes after it, and would be taken for the next one
                response.close()
                raise TransientError(f"HTTP {response.status}")
            if "location" in response.headers:
                response.headers["location"] = _from_utf8(response.headers["location"])
            yield Answer(response.status, response.reason or "", response.headers, response.read)
        finally:
            _finish(response)
    except exceptions.LocationParseError:  # says what it was given, which may hold a password
        shown = without_credentials(url)
        raise OSError(f"{shown}, or the proxy that the environment names for it, is no address") from None
    except exceptions.LocationValueError as error:
        raise OSError(f"{without_credentials(url)} cannot be asked for: {error}") from error
    except exceptions.HTTPError as error:
        raise TransientError(f"{type(error).__name__}: {error}".rstrip(": ")) from error


def _from_utf8(text: str) -> str:
    """Read what came as UTF-8 and was taken for Latin-1, as all headers are."""
    with suppress(UnicodeError):
        return text.encode("latin-1").decode()
    return text


def _finish(response: "BaseHTTPResponse") -> None:
    """Give a connection back, or close it where more is to come than is worth reading."""
    rest = response.length_remaining
    if rest is not None and rest <= _DRAINED_BYTES:
        response.drain_conn()
    if not response.closed:
        response.close()


def _proxy_for(url: str) -> str | None:
    """Return the proxy that the environment asks for: ``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY``, ..."""
    parts, proxies = urlsplit(url), getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_behind_socks(url: str) -> bool:
    """Say whether the proxy for a URL is one that the client of `huggingface_hub` alone may know."""
    return (_proxy_for(url) or "").startswith("socks")


def not_an_address(url: str) -> OSError:
    """Return the error for a server that redirects to what is no address, and may hold a password."""
    return OSError(f"{without_credentials(url)} redirects to what is no address, which is not followed")
