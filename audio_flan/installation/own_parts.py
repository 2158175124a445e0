"""What the package brings itself: its tables, and the file system that it registers."""

from collections.abc import Iterator
from functools import partial
from importlib.metadata import entry_points

import fsspec

from audio_flan.fetch.filesystem import AudioFlanFileSystem
from audio_flan.installation.findings import REINSTALL, Finding, State
from audio_flan.shards import PROTOCOL
from audio_flan.taxonomy import list_configs, taxonomy

_core = partial(Finding, "core")


def check_own_parts() -> Iterator[Finding]:
    """Look at the tables of the package, and at whether fsspec knows its file system."""
    try:
        counts = f"{len(taxonomy().tasks)} tasks, {len(list_configs())} configs"
    except (OSError, ValueError) as error:
        yield _core("tables", State.BROKEN, str(error), REINSTALL)
    else:
        yield _core("tables", State.OK, counts)
    yield _protocol()


def _protocol() -> Finding:
    name = f"{PROTOCOL}://"
    entries = entry_points(group="fsspec.specs", name=PROTOCOL)
    if not entries:
        found = "fsspec does not see it, so `datasets` alone does not read the indexed form"
        return _core(name, State.BROKEN, found, REINSTALL)
    kind = fsspec.get_filesystem_class(PROTOCOL)
    if kind is not AudioFlanFileSystem:
        found = f"is taken by {kind.__module__}.{kind.__qualname__}"
        return _core(name, State.BROKEN, found, "uninstall the package that registers it, too")
    return _core(name, State.OK, "known to fsspec")
