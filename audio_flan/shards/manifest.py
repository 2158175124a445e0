"""The manifest: what a root holds, so that readers need no listing and a check knows what to expect.

It is written last. A root without a manifest is a build that has not come to its end.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from audio_flan.shards.atomic import write_atomically
from audio_flan.shards.hashing import hash_file
from audio_flan.shards.layout import LAYOUT_VERSION, MANIFEST_NAME, split_of_row_file
from audio_flan.taxonomy import resolve_config, taxonomy

REBASE_NAME: Final = ".rebase"
"""A file that is there while the cells of a root get another base, and holds that base."""
_MAX_MANIFEST_BYTES: Final = 1 << 30


class ManifestError(ValueError):
    """A manifest that is not there, broken, or of another version."""


class LeafRows(msgspec.Struct, frozen=True):
    """How many rows of one corpus and direction each row group of a row file has."""

    corpus: str
    direction: str
    groups: tuple[int, ...]


class FileFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """One file of the root.

    ``rows`` are those of a row file, ``groups`` those of each of its row groups, ``leaves`` those of each by
    corpus and direction; ``clips`` are those of a clip shard or an index; ``xxh3`` is the 64-bit XXH3 of the
    file as 16 hex digits, ``footer`` that of the footer of a row file or an index: pages have checksums, and
    nothing else tells of a damaged footer.
    """

    path: str
    nbytes: int
    xxh3: str
    rows: int = 0
    clips: int = 0
    groups: tuple[int, ...] = ()
    footer: str = ""
    leaves: tuple[LeafRows, ...] = ()


class RowCount(msgspec.Struct, frozen=True):
    """How many rows share task, split, corpus and direction, how many clips they refer to, and their seconds.

    ``direction`` is the records' own. A clip counts in ``clips`` and ``seconds`` as often as rows refer to
    it; ``unseen`` are the rows that are marked so, ``seen`` those marked that they are not.
    """

    task: str
    split: str
    corpus: str
    direction: str
    rows: int
    seconds: float
    clips: int
    unseen: int
    seen: int


class CorpusFacts(msgspec.Struct, frozen=True):
    """What there is of one corpus.

    ``rows_in`` = ``rows`` + ``rows_quarantined``; ``clips`` are the clips that rows use, each counted with
    the corpus in whose audio folder it lies, ``clip_bytes`` their size and ``clip_seconds`` their length.
    ``quarantined`` counts every entry by reason, those of clips and files as well. ``clips_transcoded`` are
    the clips in another encoding than the release has, ``source_bytes`` the size of all clips there.
    ``sampling_rates`` (in Hz), ``channels`` and ``formats`` are clips by these.
    """

    corpus: str
    rows_in: int
    rows: int
    rows_quarantined: int
    clips: int
    clip_bytes: int
    clip_seconds: float
    quarantined: dict[str, int]
    sampling_rates: dict[int, int]
    channels: dict[int, int]
    formats: dict[str, int]
    clips_transcoded: int = 0
    source_bytes: int = 0


class Recipe(msgspec.Struct, frozen=True):
    """What a build was asked for. The same recipe for the same release gives the same bytes.

    ``release`` is a hash of the names and sizes of its metadata and scp files, ``clips`` the kind of clip
    shards.
    """

    release: str
    form: str
    config: str
    splits: tuple[str, ...]
    shard_size: int
    seed: int
    verify: str
    clips: str = "tar"
    transcode: str = "none"


class Manifest(msgspec.Struct, frozen=True):
    """Everything that is known of a root.

    ``base`` is the URL that stands in the audio cells of the indexed form; empty for a root that is local or
    embedded.
    """

    layout: int
    taxonomy: str
    base: str
    recipe: Recipe
    counts: tuple[RowCount, ...]
    corpora: tuple[CorpusFacts, ...]
    files: tuple[FileFacts, ...]

    @property
    def form(self) -> str:
        """``indexed`` or ``embedded``."""
        return self.recipe.form

    @property
    def revision(self) -> str:
        """A hash of what was built and of the counts: the same wherever the root lies, and in either form."""
        from xxhash import xxh3_64_hexdigest

        recipe = self.recipe
        counts = [(c.task, c.split, c.corpus, c.direction, c.rows) for c in self.counts]
        return xxh3_64_hexdigest(msgspec.json.encode((recipe.release, recipe.config, recipe.splits, counts)))

    def rows(self, config: str, split: str) -> int:
        """Count the rows of a config and split."""
        tasks = resolve_config(config).task_names
        return sum(count.rows for count in self.counts if count.task in tasks and count.split == split)

    def row_files(self, config: str, splits: Collection[str]) -> list[FileFacts]:
        """List the row files of a config and splits, in the order of the manifest: sorted by path."""
        tasks = resolve_config(config).task_names
        placed = ((split_of_row_file(file.path), file) for file in self.files)
        return [file for place, file in placed if place and place[0] in tasks and place[1] in splits]


class Problem(NamedTuple):
    """A file that is not as the manifest has it."""

    path: str
    message: str


def taxonomy_hash() -> str:
    """Return a hash of the names of the taxonomy by which rows are placed."""
    from xxhash import xxh3_64_hexdigest

    names = [(t.domain, t.direction, t.major_config, t.config, t.minor) for t in taxonomy().tasks.values()]
    return xxh3_64_hexdigest(repr(names).encode())


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Write the manifest of `root`."""
    write_atomically(root / MANIFEST_NAME, manifest_bytes(manifest))


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the bytes of the file that holds a manifest: its JSON, and in it the hash of all the rest."""
    data = msgspec.json.encode(manifest)
    stored = b'%s,"xxh3":"%s"}' % (data[:-1], _hash(data).encode())
    return msgspec.json.format(stored, indent=1) + b"\n"


def read_manifest(root: Path) -> Manifest:
    """Read the manifest of a local root.

    Raises
    ------
    ManifestError
        When there is none, or it cannot be understood.
    """
    path = root / MANIFEST_NAME
    try:
        if path.stat().st_size > _MAX_MANIFEST_BYTES:
            raise ManifestError(f"{path} is over {_MAX_MANIFEST_BYTES:,} bytes large")
        return parse_manifest(path.read_bytes(), str(path))
    except (FileNotFoundError, NotADirectoryError):
        message = f"{root} has no {MANIFEST_NAME}: it is no finished build; `audio-flan build` makes one"
        raise ManifestError(message) from None


def parse_manifest(data: bytes, name: str = MANIFEST_NAME) -> Manifest:
    """Read a manifest from its bytes; `name` is for messages.

    Raises
    ------
    ManifestError
        When it cannot be understood, or has changed since it was written.
    """
    try:
        facts = msgspec.json.decode(data, type=_Facts)
        if facts.layout != LAYOUT_VERSION:
            message = f"{name} has layout {facts.layout}, this version of audio-flan reads {LAYOUT_VERSION}"
            raise ManifestError(message)
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ManifestError(f"{name} is not a manifest: {error}") from None
    if facts.xxh3 not in ("", found := _hash(msgspec.json.encode(manifest))):
        raise ManifestError(f"{name} is damaged: its contents have the xxh3 {found}, not {facts.xxh3}")
    return manifest


class _Facts(msgspec.Struct):
    layout: int
    xxh3: str = ""


def _hash(data: bytes) -> str:
    from xxhash import xxh3_64_hexdigest

    return xxh3_64_hexdigest(data)


def interrupted_rebase(root: Path) -> str | None:
    """Return the base that the cells of `root` are just getting, or were when that was stopped; else None."""
    try:
        return (root / REBASE_NAME).read_text("utf-8")
    except FileNotFoundError:
        return None


def verify(root: Path, *, deep: bool = False) -> Iterator[Problem]:
    """Compare the files of `root` with its manifest; yield what differs.

    Parameters
    ----------
    deep : bool
        Whether to read every file and compare its hash; otherwise only sizes are.
    """
    base = interrupted_rebase(root)
    if base is not None:
        unfinished = f"a rebase has not come to its end: run `audio-flan rebase {root} --base {base!r}` again"
        yield Problem(REBASE_NAME, unfinished)
    for file in read_manifest(root).files:
        path = root / file.path
        if not path.resolve().is_relative_to(root.resolve()):
            yield Problem(file.path, "it leads out of the root")
        elif not path.is_file():
            yield Problem(file.path, "the manifest lists it and it is missing")
        elif (found := path.stat().st_size) != file.nbytes:
            yield Problem(file.path, f"expected {file.nbytes:,} bytes, found {found:,}")
        elif deep and (digest := hash_file(path)) != file.xxh3:
            yield Problem(file.path, f"expected xxh3 {file.xxh3}, found {digest}: its bytes have changed")
