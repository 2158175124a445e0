"""Where the files of a built root are, and how runs of their bytes are read."""

from typing import Protocol

from audio_flan.shards.manifest import Manifest
from audio_flan.waveform import ClipSource


class Store(Protocol):
    """The files of one root. Pickles, and is safe to be shared by threads."""

    @property
    def root(self) -> str:
        """Folder or URL."""
        ...

    def manifest(self) -> Manifest | None:
        """Read the manifest; None when there is none: whatever lies here was not built."""
        ...

    def size(self, path: str) -> int | None:
        """Return the size of a file in bytes; None when there is no such file."""
        ...

    def find(self, folder: str) -> list[str]:
        """List the paths of all files below a folder, sorted."""
        ...

    def read_range(self, path: str, offset: int, nbytes: int) -> bytes:
        """Read exactly this run of bytes of a file.

        Raises
        ------
        OSError
            When that fails, or the file ends before.
        """
        ...

    def forget(self, path: str, offset: int, nbytes: int) -> None:
        """Let go of what is kept of a run of bytes, which turned out to be wrong: reading fetches it anew."""
        ...

    def clip(self, cell_path: str) -> ClipSource:
        """Return the clip that a cell of the indexed form points to.

        Raises
        ------
        CellError
            When the path is none of a cell.
        """
        ...
