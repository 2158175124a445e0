"""What publishing a root would upload, and what speaks against it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec

from audio_flan.card import CARD_NAME, CROISSANT_NAME, find_source, licence_of
from audio_flan.shards import MANIFEST_NAME, FileFacts, Manifest, Problem

UPLOADED_FOLDERS: Final = frozenset(("data", "sample", "audio", "index", "quarantine"))
LAST_FILES: Final = (CARD_NAME, CROISSANT_NAME, MANIFEST_NAME)
"""Uploaded together at the end, so that whoever reads them finds everything else."""
_SHOWN = 5


class RestrictedCorpus(NamedTuple):
    """A corpus whose audio may not be passed on, as far as is known.

    ``redistribution`` is False where the licence forbids it; None where nobody has checked, or where it
    depends on the clip.
    """

    corpus: str
    rows: int
    clips: int
    licence: str
    redistribution: bool | None
    note: str


class Batch(NamedTuple):
    """Files of one commit."""

    files: tuple[FileFacts, ...]

    @property
    def nbytes(self) -> int:
        """Their size."""
        return sum(file.nbytes for file in self.files)


@dataclass(frozen=True)
class PublishPlan:
    """What publishing would do.

    Attributes
    ----------
    base_before, base : str
        What the audio cells point to, and will: a change rewrites the row files. Both empty for an embedded
        root.
    files, bytes : int
        What is uploaded, the card and the manifest included. Rewritten row files may differ by some bytes.
    restricted : tuple of RestrictedCorpus
    problems : tuple of Problem
        Files that are not as the manifest has them.
    """

    root: str
    repo_id: str
    revision: str | None
    form: str
    base_before: str
    base: str
    files: int
    bytes: int
    restricted: tuple[RestrictedCorpus, ...]
    problems: tuple[Problem, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        plan: dict[str, Any] = msgspec.to_builtins(self)
        for name in ("restricted", "problems"):
            plan[name] = [each._asdict() for each in getattr(self, name)]
        return plan


def restricted_corpora(manifest: Manifest) -> Iterator[RestrictedCorpus]:
    """Yield the corpora of a root that must not be passed on, for all that is known.

    What nobody has checked counts as restricted.
    """
    for facts in manifest.corpora:
        source = find_source(facts.corpus)
        allowed = source.redistribution if source else None
        if (facts.rows or facts.clips) and allowed is not True:
            note = (source.licence_note if source else "not in the table of sources") or ""
            yield RestrictedCorpus(facts.corpus, facts.rows, facts.clips, licence_of(source), allowed, note)


def base_of_repo(repo_id: str, revision: str | None = None) -> str:
    """Return the base of the cells of a root that is published there."""
    from urllib.parse import quote

    at = f"@{quote(revision, safe='')}" if revision else ""
    return f"hf://datasets/{repo_id}{at}"


def cut_batches(files: Iterator[FileFacts], max_files: int, max_bytes: int) -> list[Batch]:
    """Cut files into commits of up to `max_files`, and up to `max_bytes` unless of one file."""
    batches: list[Batch] = []
    held: list[FileFacts] = []
    nbytes = 0
    for file in files:
        if held and (len(held) >= max_files or nbytes + file.nbytes > max_bytes):
            batches.append(Batch(tuple(held)))
            held, nbytes = [], 0
        held.append(file)
        nbytes += file.nbytes
    return [*batches, Batch(tuple(held))] if held else batches


def stale_files(remote: dict[str, int], manifest: Manifest) -> list[str]:
    """List the files of a repo that an older build left there: below our folders, and not in the manifest.

    Left where they are, the card's globs would find them.
    """
    ours = {file.path for file in manifest.files}
    return sorted(path for path in remote if path.split("/")[0] in UPLOADED_FOLDERS and path not in ours)


def describe_restricted(restricted: tuple[RestrictedCorpus, ...]) -> str:
    """Return one message that names the corpora."""
    names = [f"{each.corpus} ({each.licence})" for each in restricted]
    forbidden = [name for name, each in zip(names, restricted, strict=True) if each.redistribution is False]
    unknown = [name for name, each in zip(names, restricted, strict=True) if each.redistribution is None]
    parts = []
    if forbidden:
        parts.append(f"may not be passed on: {', '.join(forbidden)}")
    if unknown:
        parts.append(f"not known to be free to pass on: {', '.join(unknown)}")
    return "; ".join(parts)


def describe_problems(problems: tuple[Problem, ...]) -> str:
    """Return one message that names the first problems."""
    lines = [f"{problem.path}: {problem.message}" for problem in problems[:_SHOWN]]
    more = f"; and {len(problems) - _SHOWN:,} more" if len(problems) > _SHOWN else ""
    return "; ".join(lines) + more
