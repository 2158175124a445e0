"""What a build will make, and what it has made."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from audio_flan.building.estimate import Estimate
from audio_flan.building.measure_clips import PlannedCorpus
from audio_flan.shards import CorpusFacts, FileFacts, Manifest, RowCount


@dataclass(frozen=True)
class BuildPlan:
    """What a build would make, known before any clip is read.

    Attributes
    ----------
    rows, clips : int
        At most: rows and clips that turn out to be bad are left out.
    clip_bytes : int
        Size of the clips as the release has them, each counted once.
    audio_bytes : int
        Size of the audio that is written, before it is transcoded: the same in the indexed form; in the
        embedded form each clip counts as often as rows refer to it (one that occurs twice in a row group is
        stored once, so it is at most that).
    shards : int
        Tar files, or in the embedded form about as many row files.
    clips_by_corpus : dict
    estimate : Estimate, optional
        How long it takes; of a plan that is made on its own.
    """

    form: str
    rows: int
    clips: int
    clip_bytes: int
    audio_bytes: int
    shards: int
    clips_by_corpus: dict[str, int]
    estimate: Estimate | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class Changes:
    """What a build over an earlier one has kept and written.

    Attributes
    ----------
    files_kept, bytes_kept : int
        Files that are as they were, and their size.
    files_written, bytes_written : int
        Files that are new or differ.
    files_removed : int
    anew : bool
        Whether everything had to be made to be compared, as the last build's ``.build`` was gone.
    """

    files_kept: int
    bytes_kept: int
    files_written: int
    bytes_written: int
    files_removed: int
    anew: bool


@dataclass(frozen=True)
class BuildSummary:
    """What a build has made.

    Attributes
    ----------
    out : str
        Its root.
    rows_in, rows, rows_quarantined : int
        Rows read (a record that cannot be parsed counts as one), rows written, and the difference.
    clips, clip_bytes : int
        Clips that rows use, each counted once.
    clips_transcoded, source_bytes : int
        Clips in another encoding than the release has; the size of all clips in the release.
    files, bytes : int
        Files of the root but for the manifest, and their size.
    quarantined : dict
        Entries by reason: files, lines, clips and rows.
    corpora : tuple of CorpusFacts
        The same by corpus.
    seconds : float
        Time taken by this run.
    changes : Changes, optional
        What was kept of the earlier build that was there.
    """

    out: str
    form: str
    rows_in: int
    rows: int
    rows_quarantined: int
    clips: int
    clip_bytes: int
    clips_transcoded: int
    source_bytes: int
    files: int
    bytes: int
    quarantined: dict[str, int]
    corpora: tuple[CorpusFacts, ...]
    seconds: float
    changes: Changes | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        import msgspec

        built: dict[str, Any] = msgspec.to_builtins(asdict(self))
        return built


def plan_of(
    form: str, rows: int, corpora: list[PlannedCorpus], shard_size: int, estimate: Estimate | None
) -> BuildPlan:
    """Put together what the first steps have found."""
    once = sum(corpus.nbytes for corpus in corpora)
    often = sum(corpus.referenced_bytes for corpus in corpora)
    indexed = form == "indexed"
    return BuildPlan(
        form=form,
        rows=rows,
        clips=sum(corpus.clips for corpus in corpora),
        clip_bytes=once,
        audio_bytes=once if indexed else often,
        shards=sum(len(corpus.shards) for corpus in corpora) if indexed else -(-often // shard_size),
        clips_by_corpus={corpus.corpus: corpus.clips for corpus in sorted(corpora, key=lambda c: c.corpus)},
        estimate=estimate,
    )


def find_changes(previous: Manifest, manifest: Manifest, *, anew: bool) -> Changes:
    """Compare two states of a root."""
    before = {file.path: file for file in previous.files}
    kept = tuple(file for file in manifest.files if before.get(file.path) == file)
    written = tuple(file for file in manifest.files if before.get(file.path) != file)
    removed = before.keys() - {file.path for file in manifest.files}
    return Changes(len(kept), _bytes(kept), len(written), _bytes(written), len(removed), anew)


def summary_of(out: str, manifest: Manifest, seconds: float, changes: Changes | None = None) -> BuildSummary:
    """Put together what a manifest says."""
    quarantined: Counter[str] = Counter()
    for corpus in manifest.corpora:
        quarantined.update(corpus.quarantined)
    return BuildSummary(
        out=out,
        form=manifest.form,
        rows_in=sum(corpus.rows_in for corpus in manifest.corpora),
        rows=_total(manifest.counts),
        rows_quarantined=sum(corpus.rows_quarantined for corpus in manifest.corpora),
        clips=sum(corpus.clips for corpus in manifest.corpora),
        clip_bytes=sum(corpus.clip_bytes for corpus in manifest.corpora),
        clips_transcoded=sum(corpus.clips_transcoded for corpus in manifest.corpora),
        source_bytes=sum(corpus.source_bytes for corpus in manifest.corpora),
        files=len(manifest.files),
        bytes=_bytes(manifest.files),
        quarantined=dict(sorted(quarantined.items())),
        corpora=manifest.corpora,
        seconds=seconds,
        changes=changes,
    )


def _total(counts: tuple[RowCount, ...]) -> int:
    return sum(count.rows for count in counts)


def _bytes(files: tuple[FileFacts, ...]) -> int:
    return sum(file.nbytes for file in files)
