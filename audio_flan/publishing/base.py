"""What may stand as the base in the cells of data that others will read."""

from urllib.parse import urlsplit

from audio_flan.fetch.place import BASE_VARIABLE, REMOTE_SCHEMES
from audio_flan.release.repo_id import check_repo_id
from audio_flan.release.tree import hub_place
from audio_flan.shards.cell import cell_prefix


def check_base(base: str) -> str:
    """Return `base` as it is written: a URL without a slash at its end, or nothing.

    Raises
    ------
    ValueError
        When readers would not follow it.
    """
    base = base.rstrip("/")
    if not base:
        return base
    url = urlsplit(base)
    if "@" in url.netloc:
        raise ValueError(
            "expected a base without user name and password: all who get the rows would read them"
        )
    if url.scheme not in REMOTE_SCHEMES:
        raise ValueError(
            f"expected a URL such as hf://datasets/ORG/NAME or https://host/folder, got {base!r}; for a "
            f"copy in a folder leave the base empty and set {BASE_VARIABLE}"
        )
    parts = base.partition("://")[2].split("/")
    if url.query or url.fragment or "::" in base or not parts[0] or {"..", "."} & set(parts):
        raise ValueError(f"expected the plain URL of a folder, got {base!r}")
    if url.scheme == "hf" and (parts[0] != "datasets" or len(parts) < 3):
        raise ValueError(f"expected hf://datasets/ORG/NAME, got {base!r}")
    if place := hub_place(base):
        check_repo_id(place.repo_id)
    cell_prefix(base)
    return base
