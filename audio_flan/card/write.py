"""README.md and croissant.json of a root on a disk."""

import os
from pathlib import Path
from typing import Any, Final

from audio_flan.card.croissant import CROISSANT_NAME, croissant_text
from audio_flan.card.front_matter import CardError, parse_card
from audio_flan.card.merge import merge_card
from audio_flan.card.metadata import card_metadata, licences_url
from audio_flan.card.text import card_text
from audio_flan.release.tree import hub_place
from audio_flan.shards import Manifest
from audio_flan.shards.atomic import write_atomically
from audio_flan.shards.layout import SAMPLE_FILE

CARD_NAME: Final = "README.md"


def make_card_files(root: Path, manifest: Manifest, repo_id: str | None = None) -> dict[str, bytes]:
    """Return the card and the Croissant metadata of a root, by name; parameters are those of `make_card`."""
    croissant = croissant_text(manifest, repo_id or _repo_of_base(manifest))
    return {CARD_NAME: make_card(root, manifest, repo_id).encode(), CROISSANT_NAME: croissant.encode()}


def make_card(root: Path, manifest: Manifest, repo_id: str | None = None) -> str:
    """Return the card of a root, with what people wrote in the one that is there.

    Parameters
    ----------
    repo_id : str, optional
        ORG/NAME on the Hub; by default the repo that the manifest's base names, if it does.

    Raises
    ------
    CardError
        When the card that is there cannot be taken apart.
    """
    repo_id = repo_id or _repo_of_base(manifest)
    return _merge(root, card_metadata(manifest, repo_id), card_text(manifest, repo_id, _example(root)))


def check_card(root: Path) -> None:
    """Raise `CardError` where the card of a root, if it has one, cannot be taken apart."""
    _merge(root, {}, "")


def repo_of_card(root: Path) -> str | None:
    """Return the repo whose name stands in the card of a root, where one was given; else None."""
    path = root / CARD_NAME
    try:
        link = str(parse_card(_read(path))[0].get("license_link", ""))
    except CardError:
        return None
    before, after = licences_url("\n").split("\n")
    return link[len(before) : -len(after)] if link.startswith(before) and link.endswith(after) else None


def write_card(root: Path, manifest: Manifest, repo_id: str | None = None) -> None:
    """Write README.md and croissant.json of a root; the parameters are those of `make_card`."""
    for name, data in make_card_files(root, manifest, repo_id).items():
        write_atomically(root / name, data)


def _merge(root: Path, metadata: dict[str, Any], text: str) -> str:
    path = root / CARD_NAME
    try:
        return merge_card(metadata, text, _read(path))
    except CardError as error:
        raise CardError(f"{path}: {error}") from None


def _read(path: Path) -> str:
    """Return a card, without the byte order mark of some editors; empty where there is none."""
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise CardError(f"it is not UTF-8: {error}") from None


def _repo_of_base(manifest: Manifest) -> str | None:
    place = hub_place(manifest.base)
    return place.repo_id if place and not place.folder else None


def _example(root: Path) -> dict[str, Any] | None:
    """Read the first row of the sample; None when there is none."""
    from audio_flan.shards.parquet_reader import ParquetReader

    path = root / SAMPLE_FILE
    if not path.exists():
        return None
    with path.open("rb") as handle:
        descriptor = handle.fileno()
        size = os.fstat(descriptor).st_size
        reader = ParquetReader(str(path), size, lambda offset, nbytes: os.pread(descriptor, nbytes, offset))
        row: dict[str, Any] = reader.read_group(0).slice(0, 1).to_pylist()[0]
        return row
