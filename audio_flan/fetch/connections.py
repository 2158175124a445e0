"""Connections to web servers that are kept for the next request, in each process its own."""

import atexit
import os
import sys
import threading
import time
from base64 import b64encode
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from urllib3 import HTTPConnectionPool, PoolManager

_HOSTS: Final = 64
_CONNECTIONS: Final = 64
"""Kept for each host."""
_IDLE_S: Final = 5.0
"""One that was idle for longer may have been forgotten on the way, which nobody is told: it is made anew."""


class _Pools:
    """The connections of this process, by proxy and kind."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[tuple[str | None, bool], PoolManager] = {}

    def get(self, proxy: str | None, *, is_encrypted: bool) -> "PoolManager":
        """Return those through a proxy; see `connections`."""
        with self._lock:
            found = self._made.get((proxy, is_encrypted))
            if found is None:
                found = self._made[proxy, is_encrypted] = _make(proxy, is_encrypted=is_encrypted)
        return found

    def close(self) -> None:
        """Close those that are idle."""
        with self._lock:
            made, self._made = self._made, {}
        for pools in made.values():
            pools.clear()


_pools = _Pools()
atexit.register(_pools.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.__init__)  # type: ignore[misc] # the connections are the parent's


def connections(proxy: str | None, *, is_encrypted: bool) -> "PoolManager":
    """Return the connections of this process through a proxy, or without one.

    Parameters
    ----------
    proxy : str, optional
        Its URL.
    is_encrypted : bool
        Whether they are for ``https``, with the certificates that httpx takes: ``SSL_CERT_FILE`` and others.

    Raises
    ------
    urllib3.exceptions.LocationValueError
        For a proxy of an unknown kind, such as SOCKS.
    """
    return _pools.get(proxy, is_encrypted=is_encrypted)


def http_library() -> ModuleType:
    """Return the one that `huggingface_hub` uses: httpx in 1.x, httpx2 in 2.x."""
    from huggingface_hub.errors import HfHubHTTPError

    return sys.modules[HfHubHTTPError.__mro__[1].__module__.partition(".")[0]]


def basic(login: str) -> str:
    """Return what the header of a request says of a quoted ``name:password``."""
    return f"Basic {b64encode(unquote(login).encode()).decode()}"


def _make(proxy: str | None, *, is_encrypted: bool) -> "PoolManager":
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
    from urllib3.util import parse_url

    context = http_library().create_ssl_context() if is_encrypted else None
    if proxy is None:
        pools = PoolManager(_HOSTS, maxsize=_CONNECTIONS, ssl_context=context)
    else:
        login = parse_url(proxy).auth
        pools = ProxyManager(
            proxy,
            _HOSTS,
            proxy_headers={"proxy-authorization": basic(login)} if login else None,
            proxy_ssl_context=http_library().create_ssl_context() if proxy.startswith("https:") else None,
            maxsize=_CONNECTIONS,
            ssl_context=context,
        )
    pools.pool_classes_by_scheme = {
        "http": _forgetting(HTTPConnectionPool),
        "https": _forgetting(HTTPSConnectionPool),
    }
    return pools


def _forgetting(kind: "type[HTTPConnectionPool]") -> "type[HTTPConnectionPool]":
    """Return a kind of pool that does not use connections which were idle for long."""

    class Forgetting(kind):  # type: ignore[misc, valid-type] # a class that is known at run time only
        def _put_conn(self, conn: Any) -> None:  # noqa: ANN401 - one of many classes
            if conn is not None:
                conn.idle_since_s = time.monotonic()
            super()._put_conn(conn)

        def _get_conn(self, timeout: float | None = None) -> Any:  # noqa: ANN401
            conn = super()._get_conn(timeout)
            if time.monotonic() - getattr(conn, "idle_since_s", float("inf")) > _IDLE_S:
                conn.close()  # it is connected again when it is used
            return conn

    return Forgetting
