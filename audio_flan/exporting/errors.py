"""Why an export cannot start or go on, in one message with the remedy."""

from collections.abc import Mapping


class ExportError(RuntimeError):
    """An export that cannot start or go on. What is finished stays; the same call resumes."""


class EmptySelectionError(ExportError):
    """Filter, config and split leave no row, or none that can be taken."""


def none_taken(rows: int, quarantined: Mapping[str, int]) -> EmptySelectionError:
    """Return the error for rows that were selected and cannot be taken, all of them."""
    listing = ", ".join(f"{count:,} {reason}" for reason, count in quarantined.items())
    return EmptySelectionError(f"none of the {rows:,} rows could be taken: {listing}")
