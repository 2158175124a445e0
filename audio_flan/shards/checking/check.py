"""The whole check of a built root."""

from collections import Counter

from audio_flan.records import Reason
from audio_flan.release import Entry, Report
from audio_flan.release.report import Progress
from audio_flan.shards.checking.clips import NO_CLIPS, check_clips
from audio_flan.shards.checking.files import check_files
from audio_flan.shards.checking.rows import Counts, check_rows
from audio_flan.shards.checking.tables import check_tables
from audio_flan.shards.layout import MANIFEST_NAME
from audio_flan.shards.manifest import REBASE_NAME, Manifest
from audio_flan.shards.store import Store


def check_root(
    store: Store,
    manifest: Manifest,
    *,
    decode: bool = False,
    deep: bool = False,
    workers: int = 2,
    progress: Progress | None = None,
) -> Report:
    """Check every file, every clip and every row of a built root.

    Every clip is read, its hash compared with the index (indexed form) and its header parsed; the tables of
    ids must have the clips of the index; every cell must point to such a clip; rows must be as many as the
    manifest says, and stand in the file of their task.

    Parameters
    ----------
    store, manifest
        The root.
    decode : bool
        Whether to decode each clip whole as well.
    deep : bool
        Whether to compare the hashes of whole files too, and not only their sizes.
    workers : int
        Threads that open clips.
    progress : callable, optional
        Called with what is being checked, how much is done and how much there is.
    """
    report = Report(manifest.form)
    if store.size(REBASE_NAME) is not None:
        message = "a rebase has not come to its end: run `audio-flan rebase` again"
        report.entries.add(Entry(REBASE_NAME, None, None, Reason.CHANGED_FILE, message))
    bad_files = check_files(store, manifest, report, deep=deep, progress=progress)
    clips = NO_CLIPS
    if manifest.form == "indexed":
        clips = check_clips(
            store, manifest, report, bad_files, decode=decode, workers=workers, progress=progress
        )
        check_tables(store, manifest, report, bad_files)
    counts = check_rows(
        store, manifest, report, clips, bad_files, decode=decode, workers=workers, progress=progress
    )
    _check_counts(manifest, counts, report)
    return report


def _check_counts(manifest: Manifest, found: Counts, report: Report) -> None:
    expected: Counts = Counter()
    for count in manifest.counts:
        expected[count.task, count.split, count.corpus, count.direction] += count.rows
    for key in sorted(expected | found):
        if expected[key] != found[key]:
            message = (
                f"{', '.join(key)}: the manifest counts {expected[key]:,} rows, "
                f"the row files hold {found[key]:,}"
            )
            report.entries.add(Entry(MANIFEST_NAME, None, None, Reason.WRONG_COUNT, message))
