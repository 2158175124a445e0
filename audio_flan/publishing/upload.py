"""The files of a root into a dataset repo, in commits that a later run need not repeat."""

from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

from audio_flan.fetch.retry import TransientError, with_retries
from audio_flan.publishing.errors import PublishError
from audio_flan.publishing.journal import Journal
from audio_flan.publishing.plan import LAST_FILES, cut_batches, stale_files
from audio_flan.publishing.rebase import Progress
from audio_flan.shards import MANIFEST_NAME, Manifest

if TYPE_CHECKING:
    from huggingface_hub import HfApi

COMMIT_FILES: Final = 100
"""Files of a commit at most; the Hub advises 50 to 100."""
COMMIT_BYTES: Final = 4_000_000_000
"""Size of a commit at most, unless it has one file: what is offered again when the network fails in it."""
_TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


_T = TypeVar("_T")


class Uploaded(NamedTuple):
    """What one run has done."""

    files: int
    nbytes: int
    removed: int
    commit_url: str


class Repo:
    """One revision of a dataset repo."""

    def __init__(self, api: "HfApi", repo_id: str, revision: str | None) -> None:
        self._api, self._repo_id, self._revision = api, repo_id, revision

    def files(self) -> dict[str, int]:
        """Return the sizes of its files by path."""
        from huggingface_hub.hf_api import RepoFile

        def ask() -> dict[str, int]:
            entries = self._api.list_repo_tree(
                self._repo_id, recursive=True, repo_type="dataset", revision=self._revision
            )
            return {entry.path: entry.size for entry in entries if isinstance(entry, RepoFile)}

        return with_retries(lambda: _transient(ask))

    def commit(self, root: Path, add: list[str], delete: list[str], message: str) -> str:
        """Make one commit; return its address. What is there already is not sent again."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        def send() -> str:
            additions = (CommitOperationAdd(path, str(root / path)) for path in add)
            deletions = (CommitOperationDelete(path) for path in delete)
            made = self._api.create_commit(
                self._repo_id,
                chain(deletions, additions),
                commit_message=message,
                repo_type="dataset",
                revision=self._revision,
            )
            return str(made.commit_url)

        return with_retries(lambda: _transient(send))


class Store(Protocol):
    """Where a root is uploaded to; `Repo` says what its methods do."""

    def files(self) -> dict[str, int]:
        """Return the sizes of its files by path."""
        ...

    def commit(self, root: Path, add: list[str], delete: list[str], message: str) -> str:
        """Add files of `root`, then remove others; return where that can be seen."""
        ...


def upload(
    repo: Store, root: Path, manifest: Manifest, journal: Journal, progress: Progress | None = None
) -> Uploaded:
    """Bring the files of a root to a repo; the card and the manifest last, in one commit.

    That commit also removes what an older build left there.

    Raises
    ------
    PublishError
        When the repo holds other data, or the Hub refuses.
    TransientError
        When the network or the Hub fails for longer than is waited; what is committed stays.
    """
    remote = repo.files()
    stale = stale_files(remote, manifest)
    if stale and MANIFEST_NAME not in remote:
        raise PublishError(
            f"the repo holds data of another kind, such as {stale[0]}, and {len(stale):,} files of it would "
            "be in the way: choose another repo, or remove them"
        )
    todo = (
        file for file in manifest.files if not (journal.has(file) and remote.get(file.path) == file.nbytes)
    )
    batches = cut_batches(todo, COMMIT_FILES, COMMIT_BYTES)
    total, done = sum(batch.nbytes for batch in batches), 0
    for number, batch in enumerate(batches, start=1):
        message = f"Upload data, part {number} of {len(batches)}"
        repo.commit(root, [file.path for file in batch.files], [], message)
        journal.add(batch)
        done += batch.nbytes
        if progress:
            progress("uploading", done, total)
    url = repo.commit(root, list(LAST_FILES), stale, "Upload card and manifest")
    journal.remove()
    return Uploaded(sum(len(batch.files) for batch in batches) + len(LAST_FILES), total, len(stale), url)


def _transient(ask: Callable[[], _T]) -> _T:
    """Call `ask`; what may be over in a moment becomes a `TransientError`, a refusal a `PublishError`."""
    from huggingface_hub.errors import HfHubHTTPError

    network_error: type[Exception] = HfHubHTTPError.__mro__[
        1
    ]  # of the HTTP library: httpx in 1.x, httpx2 in 2.x
    try:
        return ask()
    except (network_error, RuntimeError) as error:
        # The upload of one file wraps what went wrong in a RuntimeError.
        cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
        if isinstance(cause, HfHubHTTPError) and cause.response.status_code not in _TRANSIENT:
            raise PublishError(f"the Hub refuses: {cause}") from error
        raise TransientError(f"{type(cause).__name__}: {cause}") from error
