"""The path of an audio cell in the indexed form: where the clip is, enough for one range request.

``audioflan://<base>/audio/<corpus>/<corpus>-00003.tar/<id>.flac?offset=1536&size=25803&xxh3=58d67c8b7a9f3e01``

``<base>`` says where the root is. It is empty in a local build, whose reader knows the root. A root behind a
URL has its scheme as the first part: ``hf://datasets/ORG/NAME@REV`` is ``hf/datasets/ORG/NAME@REV``,
``https://host/x`` is ``https/host/x``; a local one, ``file:///x``, is ``file/x``. The id is percent-encoded,
so the last four parts are always the file below the base and the clip's name. The hash is that of the clip's
bytes: whoever fetches it can tell that it is the clip that was meant.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

PROTOCOL: Final = "audioflan"
_MAX_KEPT_LENGTH: Final = 1024
_BASE_SAFE = "/@:=,;+!$&'()~"
_CELL = re.compile(
    r"audioflan://(?:(?P<base>[^/?#\x00-\x1f][^?#\x00-\x1f]*)/|/?)"
    r"(?P<shard>audio/[^/?#\x00-\x1f]+/[^/?#\x00-\x1f]+)/"
    r"(?P<id>[^/?#]+)\.(?P<extension>[a-z0-9]+)"
    r"\?offset=(?P<offset>\d{1,18})&size=(?P<nbytes>\d{1,18})&xxh3=(?P<xxh3>[0-9a-f]{16})",
    re.ASCII,
)


class CellError(ValueError):
    """A text that is no path of an audio cell."""


class Cell(NamedTuple):
    """Where one clip is.

    Attributes
    ----------
    base : str
        URL of the root, empty when it is known from elsewhere.
    shard : str
        File relative to the root.
    audio_id : str
    extension : str
        Of the clip's format, without the dot.
    offset, nbytes : int
        Run of bytes in the shard: [offset, offset + nbytes).
    xxh3 : int
        64-bit XXH3 of these bytes.
    """

    base: str
    shard: str
    audio_id: str
    extension: str
    offset: int
    nbytes: int
    xxh3: int


def make_cell(cell: Cell) -> str:
    """Return the path of the cell."""
    place = f"{cell_prefix(cell.base)}{cell.shard}/{clip_name(cell)}"
    return f"{place}?offset={cell.offset}&size={cell.nbytes}&xxh3={cell.xxh3:016x}"


def clip_name(cell: Cell) -> str:
    """Return the name of the clip, in which no character has a meaning to a file system or a URL."""
    return f"{quote(cell.audio_id, safe='')}.{cell.extension}"


def cell_prefix(base: str) -> str:
    """Return what the path of every cell with this base begins with, up to ``audio/``.

    Raises
    ------
    CellError
        When `base` is neither a URL nor empty.
    """
    return f"{PROTOCOL}://{_encode_base(base)}/"


def parse_cell(url: str) -> Cell:
    """Return what `make_cell` was given.

    Of the three slashes before a path without a base one may be missing: `datasets` takes it away.

    Raises
    ------
    CellError
        When `url` is not of that form.
    """
    # Rows that share a clip lie close together. Hostile texts that are long would fill the memory.
    return _recent_cell(url) if len(url) <= _MAX_KEPT_LENGTH else _parse(url)


def _parse(url: str) -> Cell:
    found = _CELL.fullmatch(url)
    if found is None or (".." in found["shard"] and ".." in found["shard"].split("/")):
        expected = (
            "audioflan://<base>/audio/<corpus>/<shard>.tar/<id>.<format>?offset=<n>&size=<n>&xxh3=<hex>"
        )
        raise CellError(f"expected the path of an audio cell, {expected}; got {url[:200]!r}")
    base, shard, audio_id, extension, offset, nbytes, xxh3 = found.groups()
    return Cell(
        _decode_base(base) if base else "",
        shard,
        unquote(audio_id),
        extension,
        int(offset),
        int(nbytes),
        int(xxh3, 16),
    )


_recent_cell = lru_cache(maxsize=4096)(_parse)


def _encode_base(base: str) -> str:
    if not base:
        return ""
    scheme, separator, rest = base.rstrip("/").partition("://")
    if not separator:
        raise CellError(f"a base is a URL such as hf://datasets/ORG/NAME, or empty; got {base!r}")
    if scheme == "file":
        if not rest.startswith("/"):
            raise CellError(f"a local base is an absolute path, file:///...; got {base!r}")
        rest = rest[1:]  # who opens paths may take two slashes for one
    return f"{scheme}/{quote(rest, safe=_BASE_SAFE).replace('::', '%3A%3A')}"  # what fsspec splits chains at


def _decode_base(text: str) -> str:
    scheme, _, rest = text.partition("/")
    if scheme == "file":
        return f"file:///{unquote(rest)}"
    return f"{scheme}://{unquote(rest)}" if scheme else ""
