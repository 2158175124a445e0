"""The clip that a cell of the indexed form points to."""

import contextlib
from dataclasses import dataclass, field
from typing import Final, Self

from audio_flan.fetch.place import (
    check_path,
    local_file,
    local_folder,
    locate,
)
from audio_flan.fetch.read_ahead import check_clip, read_ahead
from audio_flan.fetch.remote import RemoteFile, forget_range
from audio_flan.fetch.shard_cache import ShardCache
from audio_flan.shards import Cell, make_cell, parse_cell
from audio_flan.shards.cell import clip_name
from audio_flan.waveform import ClipError, ClipFault
from audio_flan.waveform.sources import read_range
from audio_flan.waveform.urls import is_local, without_credentials

MAX_CLIP_BYTES: Final = 1 << 30
"""A cell that says more is refused: it would fill the memory."""
_ATTEMPTS: Final = 3
"""So often a clip is fetched that is cut short or has the wrong hash: what is kept of it may be damaged."""


@dataclass(frozen=True, slots=True)
class ShardClip:
    """A clip in a shard: read from a local one, fetched with its neighbours from a remote one, and checked.

    The methods are those of `audio_flan.waveform.ClipSource`. Of a cell in rows of the indexed form,
    ``LazyAudio(ShardClip.of(path, root), audio_id)`` is the clip, where `root` is where the rows come from.

    Parameters
    ----------
    place
        Where the clip is.
    root
        Folder or URL of the root, where the caller knows it; `audio_flan.fetch.locate` says what counts.
        Credentials in it are neither shown nor written into cells.
    token
        Of the Hub, as in `huggingface_hub`.
    cache
        Where bytes of the shard are kept, if anywhere.
    """

    place: Cell
    root: str | None = field(default=None, repr=False)
    token: str | bool | None = field(default=None, repr=False)
    cache: ShardCache | None = None

    @classmethod
    def of(
        cls,
        path: str,
        root: str | None = None,
        token: str | bool | None = None,
        cache: ShardCache | None = None,
    ) -> Self:
        """Make the clip of a cell's path, ``audioflan://...``.

        Raises
        ------
        CellError
            When `path` is none.
        """
        return cls(parse_cell(path), root, token, cache)

    @property
    def location(self) -> str:
        """The shard, the clip's name and its range."""
        place = self.place
        try:
            root = locate(place.base, self.root)
        except (ClipError, OSError):
            root = place.base or "audioflan:/"
        name = f"{place.shard}/{clip_name(place)}"
        return f"{without_credentials(root)}/{name} at {place.offset}+{place.nbytes}"

    def read(self) -> bytes:
        """Read the clip.

        Raises
        ------
        ClipError
            When the shard does not hold what the cell says, by length and hash, or the cell is refused.
        OSError
            When the shard cannot be read.
        """
        offset, nbytes, xxh3 = self.place.offset, self.place.nbytes, self.place.xxh3
        if nbytes > MAX_CLIP_BYTES:
            detail = f"it is said to have {nbytes:,} bytes; the limit is {MAX_CLIP_BYTES:,}"
            raise ClipError(ClipFault.UNREADABLE_AUDIO, detail)
        root = locate(self.place.base, self.root)
        if is_local(root):
            data = read_range(local_file(root, self.place.shard), offset, nbytes)
            check_clip(data, xxh3)
            return data
        check_path(self.place.shard)
        file = self._file(root)
        for _ in range(_ATTEMPTS - 1):
            with contextlib.suppress(ClipError):
                return read_ahead().clip(file, offset, nbytes, xxh3)
            read_ahead().forget(file, offset, nbytes)
            forget_range(file, offset, offset + nbytes)
        return read_ahead().clip(file, offset, nbytes, xxh3)

    def remote_place(self) -> tuple[RemoteFile, int, int] | None:
        """Return the file and the run of bytes [start, stop) that reading fetches.

        None for a clip that is local, or that reading refuses.
        """
        offset, nbytes = self.place.offset, self.place.nbytes
        try:
            root = locate(self.place.base, self.root)
            if is_local(root) or not 0 < nbytes <= MAX_CLIP_BYTES:
                return None
            check_path(self.place.shard)
        except (ClipError, OSError):
            return None
        return self._file(root), offset, offset + nbytes

    def start(self, nbytes: int) -> tuple[bytes, int]:  # noqa: ARG002 - as the protocol has it
        """Read all of the clip, so that its hash is tested; and its size in bytes."""
        return self.read(), self.place.nbytes

    def cell(self) -> tuple[None, str]:
        """Give no bytes, and the path by which others find the clip."""
        base = self.root or self.place.base
        if base:
            base = f"file://{local_folder(base)}" if is_local(base) else without_credentials(base)
        return None, make_cell(self.place._replace(base=base))

    def _file(self, root: str) -> RemoteFile:
        # What is cached is of the root that the caller has opened; AUDIO_FLAN_BASE may lead to another one.
        return RemoteFile(root, self.place.shard, self.token, self.cache if root == self.root else None)
