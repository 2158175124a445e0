"""Rows whose clips fail: when a stream gives up, and what it says of them in the end."""

import logging
from collections.abc import Generator
from contextlib import closing
from typing import Final, TypeVar

from audio_flan.release import Quarantine
from audio_flan.streaming.rows import Row
from audio_flan.streaming.torch_dataset import loader_worker

logger = logging.getLogger("audio_flan")

_SHOWN: Final = 3
"""Entries in the error."""
Tag = TypeVar("Tag")


class ConsecutiveFailuresError(RuntimeError):
    """So many rows failed one after the other that it is not single clips that are broken."""


def stop_at_failures(
    rows: Generator[tuple[Tag, Row | None], None, None], quarantine: Quarantine, limit: int | None, root: str
) -> Generator[tuple[Tag, Row | None], None, None]:
    """Yield `rows` until `limit` of them in a row have failed.

    Parameters
    ----------
    rows : generator of (tag, row)
        Closed in the end.
    quarantine : Quarantine
        Where a row that fails is named before it is given.
    limit : int, optional
        None for no limit.
    root : str
        Where the rows come from, for the message.

    Raises
    ------
    ConsecutiveFailuresError
        Instead of giving the last of these rows.
    """
    if limit is None:
        yield from rows
        return
    failures, known = 0, len(quarantine)
    with closing(rows):
        for tag, row in rows:
            failures = failures + 1 if len(quarantine) > known else 0
            if failures >= limit:
                raise ConsecutiveFailuresError(_message(quarantine, limit, root))
            yield tag, row
            known = len(quarantine)


def _message(quarantine: Quarantine, limit: int, root: str) -> str:
    last = "; ".join(map(str, quarantine.entries[-_SHOWN:]))
    return (
        f"{root}: {limit:,} rows in a row have a clip that cannot be read, at last {last}. "
        f"Is the sound still there? `audio-flan validate {root}` lists what is missing or broken; "
        "max_consecutive_failures=None goes on whatever fails"
    )


def warn_of_quarantine(quarantine: Quarantine, config: str, root: str) -> None:
    """Log what a pass has left out, if anything; a worker of a DataLoader takes its list with it."""
    if not quarantine:
        return
    worker, workers = loader_worker()
    where = f" (worker {worker} of {workers})" if workers > 1 else ""
    first = next(iter(quarantine))
    logger.warning(
        "%s of %s%s: %s, first %s; `audio-flan validate` lists them", config, root, where, quarantine, first
    )
