"""Clips of a release behind a URL: each a request, several in flight, within a budget of bytes."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Protocol, TypeVar

from audio_flan.building.listing import Listing, Measure
from audio_flan.fetch.remote import RemoteFile, fetch_range
from audio_flan.release.clips import ClipMap
from audio_flan.release.tree import RemoteTree
from audio_flan.waveform import AudioError, BytesSource, ClipError, ClipSource

REQUESTS: Final = 16
"""Clips that are fetched at the same time by one process."""
BUDGET_BYTES: Final = 64 << 20
"""Clips that are fetched ahead amount to no more, but for one that is larger by itself."""


class Sized(Protocol):
    """A clip whose size is known."""

    @property
    def audio_id(self) -> str:
        """Its id."""
        ...

    @property
    def path(self) -> str:
        """Its path, relative to the root."""
        ...

    @property
    def nbytes(self) -> int:
        """Its size in bytes."""
        ...


_Clip = TypeVar("_Clip", bound=Sized)


class RemoteClips:
    """Measures and fetches clips, be they files or members of archives. Threads may share it."""

    def __init__(self, tree: RemoteTree, clips: ClipMap) -> None:
        self._tree, self._clips = tree, clips
        self._listing = Listing(tree)
        self._archived: set[str] = set()
        """Folders with a clip that was no file, but in an archive: there they are looked for first."""

    def measure(self, audio_id: str, path: str) -> Measure | ClipSource:
        """Measure a clip that is a file; return the source of another one.

        Raises
        ------
        AudioError
            ``missing_audio`` when there is neither.
        OSError
            When the server does not answer.
        """
        return self._listing.measure(path) or self._clips.archived(audio_id, path)

    def fetch(self, clip: Sized) -> ClipSource:
        """Fetch a clip into memory.

        Raises
        ------
        AudioError
            When it is not there, or not what its archive says.
        OSError
            When it cannot be fetched, or has changed since it was measured.
        """
        folder = clip.path.rpartition("/")[0]
        data = None if folder in self._archived else self._plain(clip)
        if data is None:
            try:
                data = self._member(clip)
                self._archived.add(folder)
            except AudioError:
                data = self._plain(clip) if folder in self._archived else None
                if data is None:
                    raise
        if len(data) != clip.nbytes:
            raise OSError(f"{self._tree.root}/{clip.path} has changed since it was measured")
        return BytesSource(data, clip.path)

    def _plain(self, clip: Sized) -> bytes | None:
        """Fetch a clip that is a file; None when there is no such file."""
        file = RemoteFile(self._tree.url, clip.path, self._tree.storage_options.get("token"))
        try:
            return fetch_range(file, 0, clip.nbytes + 1)  # one byte more shows whether it has grown
        except FileNotFoundError:
            return None

    def _member(self, clip: Sized) -> bytes:
        """Fetch a clip that is a member of an archive."""
        try:
            return self._clips.archived(clip.audio_id, clip.path).read()
        except ClipError as error:
            raise AudioError.of(error, clip.audio_id, clip.path) from error


def fetch_ahead(
    fetch: Callable[[_Clip], ClipSource],
    clips: Iterable[_Clip],
    *,
    requests: int = REQUESTS,
    budget: int = BUDGET_BYTES,
) -> Iterator[tuple[_Clip, Callable[[], ClipSource]]]:
    """Yield each clip, in order, with a function that gives its source or raises what fetching it raised.

    Parameters
    ----------
    fetch : callable
        Called in threads, `requests` at a time.
    clips : iterable
        Looked at only as far as clips are fetched.
    budget : int
        Bytes that are fetched and not yet taken, but for a single clip that is larger.
    """
    ahead: deque[tuple[_Clip, Future[ClipSource]]] = deque()
    held, coming = 0, iter(clips)
    following = next(coming, None)
    pool = ThreadPoolExecutor(requests, thread_name_prefix="audio-flan-fetch")
    try:
        while following is not None or ahead:
            while following is not None and (
                not ahead or (len(ahead) < 2 * requests and held + following.nbytes <= budget)
            ):
                ahead.append((following, pool.submit(fetch, following)))
                held += following.nbytes
                following = next(coming, None)
            clip, future = ahead.popleft()
            yield clip, future.result
            held -= clip.nbytes
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
