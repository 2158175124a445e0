"""From an audio id to where the bytes of its clip are, and how they may fail to be there."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from audio_flan.release.archives import ArchiveMap
from audio_flan.release.clip_table import open_clip_table
from audio_flan.release.quarantine import Quarantine
from audio_flan.release.scp import ScpLine
from audio_flan.release.sources import PlainOrArchived
from audio_flan.release.tree import Entity, Tree
from audio_flan.waveform import AudioError, ClipError, ClipFault, UrlSource

if TYPE_CHECKING:
    from audio_flan.waveform import ClipSource

_RECENT_CLIPS = 8192


class ClipMap:
    """Clips of a tree by audio id, whichever corpus lists the id."""

    def __init__(self, tree: Tree, scp: Sequence[Entity], cache: Path) -> None:
        self._tree = tree
        self._table = open_clip_table(tree, scp, cache)
        self._archives = ArchiveMap(tree)
        self.locate = lru_cache(_RECENT_CLIPS)(self._locate)

    def __len__(self) -> int:
        return len(self._table)

    def __iter__(self) -> Iterator[ScpLine]:
        """Yield every id once, with its path."""
        return iter(self._table)

    def __contains__(self, audio_id: str) -> bool:
        return self._table.path(audio_id) is not None

    def path(self, audio_id: str) -> str | None:
        """Return the path that the scp files list for an id; None for an unknown one."""
        return self._table.path(audio_id)

    def file_of(self, audio_id: str) -> str | None:
        """Return the path of the file that is or holds the clip; None for an unknown id."""
        path = self._table.path(audio_id)
        if path is None or self._tree.clip(path, audio_id):
            return path
        return self._archives.archive_of(path) or path

    @property
    def faults(self) -> Quarantine:
        """Lines of the scp files that were not taken."""
        return self._table.faults

    def _locate(self, audio_id: str) -> "ClipSource":
        """Return the source of the clip; recent answers are kept.

        Raises
        ------
        AudioError
            ``unknown_audio_id`` when no scp file lists it, ``missing_audio`` when the path it lists is
            neither a file nor a member of an archive beside it, ``outside_root`` when a link leads out,
            ``unreadable_audio`` when the disk or the network fails.
        """
        path = self._table.path(audio_id)
        if path is None:
            raise AudioError(audio_id, "", ClipFault.UNKNOWN_AUDIO_ID, "no scp file lists this id")
        try:
            source = self._tree.clip(path, audio_id)
            if isinstance(source, UrlSource):
                return PlainOrArchived(source, self._archives, path)
        except OSError as error:
            raise AudioError.of(error, audio_id, path) from error
        return source or self.archived(audio_id, path)

    def archived(self, audio_id: str, path: str) -> "ClipSource":
        """Return the source of a clip that is no file of its own.

        Raises
        ------
        AudioError
            As above, ``missing_audio`` when no archive beside `path` has it.
        """
        try:
            source = self._archives.clip(path)
        except (ClipError, OSError) as error:
            raise AudioError.of(error, audio_id, path) from error
        if source is None:
            detail = "no such file, and no .tar or .zip beside it has it"
            raise AudioError(audio_id, path, ClipFault.MISSING_AUDIO, detail)
        return source
