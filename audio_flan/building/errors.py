"""Why a build cannot go on, in one message with the remedy."""

import errno
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT)
DATA_ERRORS = frozenset(
    (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ELOOP)
)
"""What is wrong with one file; any other error of the system is the disk's or the network's."""


class BuildError(RuntimeError):
    """A build that cannot start or go on. What is finished stays; the same command resumes."""


def explain(error: OSError, out: Path) -> BuildError:
    """Turn an error of the system into one message that says what to do."""
    if error.errno in _FULL:
        return BuildError(
            f"no space left for {out}: free some and run the same command again, it goes on where it stopped"
        )
    return BuildError(
        f"building {out} stopped: {error}; run the same command again when that is mended, "
        "it goes on where it stopped"
    )
