"""What a user of a root has to know before, as sentences."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from audio_flan.card.totals import Totals
from audio_flan.shards import Manifest
from audio_flan.taxonomy import taxonomy

_ALWAYS: Final = (
    "Texts are as they were released; nobody has checked them one by one.",
    "Clips have the sampling rate, the number of channels and the format of their corpus.",
)


def biases(totals: Totals) -> Iterator[str]:
    """Say how far domains are from balanced, where there are several."""
    rows: dict[str, int] = {}
    for (task, _), total in totals.items():
        domain = taxonomy().tasks[task].domain
        rows[domain] = rows.get(domain, 0) + total.rows
    counts = ", ".join(f"{count:,} of {domain}" for domain, count in sorted(rows.items()))
    if len(rows) > 1:
        most, least = max(rows, key=rows.__getitem__), min(rows, key=rows.__getitem__)
        ratio = f"; {most} outweighs {least} {rows[most] / rows[least]:,.1f} to 1"
        yield f"Domains are not balanced: {counts} rows{ratio}."


def limitations(manifest: Manifest) -> Iterator[str]:
    """Say what was not taken, and what nobody has checked."""
    reasons: Counter[str] = Counter()
    for corpus in manifest.corpora:
        reasons.update(corpus.quarantined)
    rows = sum(corpus.rows_quarantined for corpus in manifest.corpora)
    if reasons:
        listing = ", ".join(f"{count:,} `{reason}`" for reason, count in sorted(reasons.items()))
        yield f"{rows:,} records of the release were not taken. `quarantine/` names each fault: {listing}."
    yield from _ALWAYS
