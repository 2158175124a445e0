"""URLs as they may be shown and stored: with nothing by which others could read what is behind them."""

import re

_WEB_USER = re.compile(r"\b(https?://)[^/]*@", re.IGNORECASE)
_PASSWORD = re.compile(r"(://[^/:@]*):[^/]*@")
_URL = re.compile(r"[a-z][\w+.-]*://[^\s'\"<>]+", re.IGNORECASE)


def without_credentials(root: str) -> str:
    """Return a root as it is shown, and written into cells: with nothing by which others could read it.

    A URL loses its query, where storage services have signatures, and its user and password; other kinds of
    URL than those of the web keep the user, who names a container: ``abfss://container@account/x``.
    """
    if is_local(root):
        return root
    return _PASSWORD.sub(r"\1@", _WEB_USER.sub(r"\1", root.partition("?")[0])).rstrip("/")


def shown_file(url: str) -> str:
    """Return the URL of a file without credentials; where that is not of the web, ``?`` is part of a name."""
    head, mark, rest = url.partition("?")
    return without_credentials(head) + ("" if is_web(url) else mark + rest)


def hide_credentials(message: str) -> str:
    """Return a message of somebody else's, each URL in it without credentials."""
    return _URL.sub(lambda found: without_credentials(found[0]), message)


def is_local(root: str) -> bool:
    """Whether `root` is a folder of this machine, not a URL."""
    return "://" not in root or root.startswith("file://")


def is_web(root: str) -> bool:
    """Whether `root` is a URL of the web, in which names are quoted."""
    return root.lower().startswith(("http://", "https://"))
