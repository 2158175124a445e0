"""A recount beside what the manifest says."""

from typing import Final

import msgspec

from audio_flan.analysis.statistics.clip_counts import ClipCounts
from audio_flan.analysis.statistics.counts import Counted
from audio_flan.shards import RowCount

_SECONDS_APART: Final = 1e-5
"""How far sums of seconds may be apart for each clip: they are rounded, and added up in another order."""


def without_references(counted: Counted) -> Counted:
    """Return counts of rows alone, as `count_rows_alone` does."""
    counts = (msgspec.structs.replace(count, clips=0, seconds=0.0) for count in counted.counts)
    return Counted(tuple(counts))


def compare_rows(said: Counted, found: Counted) -> list[str]:
    """Say where counts of rows differ: first what the manifest says, then what was found."""
    told, counted = _by_key(said), _by_key(found)
    differences = []
    for key in sorted(told.keys() | counted.keys()):
        before, after = told.get(key), counted.get(key)
        if not _agree(before, after):
            place = ", ".join(key)
            differences.append(f"{place}: the manifest says {_text(before)}, there are {_text(after)}")
    return differences


def compare_clips(said: ClipCounts, found: ClipCounts) -> list[str]:
    """Say where counts of clips differ."""
    differences = []
    if said.clips != found.clips or abs(said.seconds - found.seconds) > _SECONDS_APART * (said.clips + 1):
        differences.append(
            f"the manifest says {said.clips:,} clips of {said.seconds:,.3f} s, "
            f"there are {found.clips:,} of {found.seconds:,.3f} s"
        )
    for kind in ("sampling_rates", "channels", "formats"):
        before, after = getattr(said, kind), getattr(found, kind)
        if before != after:
            differences.append(f"{kind} of clips: the manifest says {before}, there are {after}")
    return differences


def _by_key(counted: Counted) -> dict[tuple[str, str, str, str], RowCount]:
    return {(count.task, count.split, count.corpus, count.direction): count for count in counted.counts}


def _agree(before: RowCount | None, after: RowCount | None) -> bool:
    if before is None or after is None:
        return False
    exact = ("rows", "clips", "unseen", "seen")
    close = abs(before.seconds - after.seconds) <= _SECONDS_APART * (before.clips + 1)
    return close and all(getattr(before, name) == getattr(after, name) for name in exact)


def _text(count: RowCount | None) -> str:
    if count is None:
        return "no rows"
    return (
        f"{count.rows:,} rows ({count.unseen:,} unseen, {count.seen:,} seen) with {count.clips:,} clips of "
        f"{count.seconds:,.3f} s"
    )
