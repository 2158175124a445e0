"""The path of an audio cell in the indexed form: where the clip is, enough for one range request.

``audioflan://<base>/audio/<corpus>/<corpus>-00003.tar/<id>.flac?offset=1536&size=25803``

``<base>`` says where the root is. It is empty in a local build, whose reader knows the root. A root behind a
URL has its scheme as the first part: ``hf://datasets/ORG/NAME@REV`` is ``hf/datasets/ORG/NAME@REV``,
``https://host/x`` is ``https/host/x``. The id is percent-encoded, so the last four parts are always the file
below the base and the clip's name.
"""

import re
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

PROTOCOL: Final = "audioflan"
_BASE_SAFE = "/@:=,;+!$&'()*~"
_CELL = re.compile(
    r"audioflan://(?P<base>|[^?#]+)/(?P<shard>audio/[^/?#]+/[^/?#]+)/"
    r"(?P<id>[^/?#]+)\.(?P<extension>[a-z0-9]+)\?offset=(?P<offset>\d+)&size=(?P<nbytes>\d+)",
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
    """

    base: str
    shard: str
    audio_id: str
    extension: str
    offset: int
    nbytes: int


def make_cell(cell: Cell) -> str:
    """Return the path of the cell."""
    name = f"{quote(cell.audio_id, safe='')}.{cell.extension}"
    return (
        f"{PROTOCOL}://{_encode_base(cell.base)}/{cell.shard}/{name}?offset={cell.offset}&size={cell.nbytes}"
    )


def parse_cell(url: str) -> Cell:
    """Return what `make_cell` was given.

    Raises
    ------
    CellError
        When `url` is not of that form.
    """
    found = _CELL.fullmatch(url)
    if found is None or ".." in found["shard"].split("/"):
        expected = "audioflan://<base>/audio/<corpus>/<shard>.tar/<id>.<format>?offset=<n>&size=<n>"
        raise CellError(f"expected the path of an audio cell, {expected}; got {url[:200]!r}")
    return Cell(
        _decode_base(found["base"]),
        found["shard"],
        unquote(found["id"]),
        found["extension"],
        int(found["offset"]),
        int(found["nbytes"]),
    )


def _encode_base(base: str) -> str:
    if not base:
        return ""
    scheme, separator, rest = base.rstrip("/").partition("://")
    if not separator:
        raise CellError(f"a base is a URL such as hf://datasets/ORG/NAME, or empty; got {base!r}")
    return f"{scheme}/{quote(rest, safe=_BASE_SAFE)}"


def _decode_base(text: str) -> str:
    scheme, _, rest = text.partition("/")
    return f"{scheme}://{unquote(rest)}" if scheme else ""
