"""What the engine needs of a form of the data: files, and the rows in each."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Protocol

from audio_flan.release import Quarantine, Report, Summary
from audio_flan.release.report import Progress
from audio_flan.streaming.rows import MakeRow, Wish
from audio_flan.taxonomy import Config


class RowSource(Protocol):
    """Rows of one root, by file. Pickles, and holds nothing open that does not."""

    @property
    def form(self) -> str:
        """``release``, ``indexed`` or ``embedded``."""
        ...

    @property
    def root(self) -> str:
        """Folder or URL."""
        ...

    @property
    def fingerprint(self) -> str:
        """A hash that changes with the data."""
        ...

    def files(self, config: Config, splits: Collection[str]) -> list[Any]:
        """List the files that may hold rows of `config` in `splits`, in their order; each has a ``path``."""
        ...

    def row_makers(
        self,
        file: Any,  # noqa: ANN401 - a file of this source
        wish: Wish,
        quarantine: Quarantine,
        skip: int = 0,
    ) -> Iterator[MakeRow]:
        """Yield what makes each of these rows, in any thread; records that make none go to `quarantine`."""
        ...

    def count(self, files: Sequence[Any], config: Config, splits: Collection[str]) -> int:
        """Count the rows of `config` in `splits` in `files`."""
        ...

    def splits_allowed(self, config: Config) -> list[str]:
        """List the splits in which `config` may have rows, as far as that can be said without reading."""
        ...

    def splits_with_rows(self, config: Config) -> list[str]:
        """List the splits in which `config` has rows, in the order train, validation, test."""
        ...

    def state_key(self, file: Any) -> object:  # noqa: ANN401 - a file of this source
        """Return what identifies a file: a position in it is good as long as this stays the same."""
        ...

    def end_pass(self) -> None:
        """Keep what a pass has taught."""
        ...

    def summarise(self, progress: Callable[[int, int], None] | None = None) -> Summary:
        """Count what there is; `progress` is called with (bytes done, bytes in all)."""
        ...

    def check(
        self, *, decode: bool = False, deep: bool = False, workers: int = 2, progress: Progress | None = None
    ) -> Report:
        """Check every row and every clip.

        Parameters
        ----------
        decode : bool
            Whether to decode each clip whole.
        deep : bool
            Whether to compare the hashes of whole files, where there are any to compare with.
        workers : int
            Threads that open clips.
        """
        ...
