"""The files of a root into a dataset repo, in commits that a later run need not repeat."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

from audio_flan.fetch.retry import TransientError, with_retries
from audio_flan.publishing.errors import PublishError
from audio_flan.publishing.journal import Journal
from audio_flan.publishing.plan import LAST_FILES, cut_batches, stale_files
from audio_flan.publishing.rebase import Progress
from audio_flan.shards import MANIFEST_NAME, Manifest

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi

COMMIT_FILES: Final = 100
"""Files of a commit at most; the Hub advises 50 to 100."""
COMMIT_BYTES: Final = 4_000_000_000
"""Size of a commit at most, unless it has one file: what is offered again when the network fails in it."""
_GIT_DIGITS: Final = 40
"""Of the hash by which the Hub knows a file that is no LFS file."""
_GIT_BYTES: Final = 100_000_000
"""Git holds no larger ones."""
_TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


_T = TypeVar("_T")


class Commit(NamedTuple):
    """What one commit has sent, by path; what was there already is not sent."""

    sent: list[str]
    url: str


class Uploaded(NamedTuple):
    """What one run has done: files sent and their size, those removed, and where it can be seen."""

    files: int
    nbytes: int
    removed: int
    commit_url: str


class Repo:
    """One revision of a dataset repo."""

    def __init__(self, api: "HfApi", repo_id: str, revision: str | None) -> None:
        self._api, self._repo_id, self._revision = api, repo_id, revision
        self._hashes: dict[str, str] = {}

    def files(self) -> dict[str, int]:
        """Return the sizes of its files by path."""
        from huggingface_hub.hf_api import RepoFile

        def ask() -> dict[str, int]:
            entries = self._api.list_repo_tree(
                self._repo_id, recursive=True, repo_type="dataset", revision=self._revision
            )
            files = [entry for entry in entries if isinstance(entry, RepoFile)]
            self._hashes = {file.path: file.lfs.sha256 if file.lfs else file.blob_id for file in files}
            return {file.path: file.size for file in files}

        return ask_hub(ask)

    def commit(self, root: Path, add: list[str], delete: list[str], message: str) -> Commit:
        """Make one commit. What is there already, as `files` has found it, is not sent again."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        def send() -> Commit:
            additions = [CommitOperationAdd(path, str(root / path)) for path in add]
            deletions = (CommitOperationDelete(path) for path in delete)
            made = self._api.create_commit(
                self._repo_id,
                [*deletions, *additions],
                commit_message=message,
                repo_type="dataset",
                revision=self._revision,
            )
            sent = [each.path_in_repo for each in additions if not self._is_there(root, each)]
            return Commit(sent, str(made.commit_url))

        return ask_hub(send)

    def _is_there(self, root: Path, addition: "CommitOperationAdd") -> bool:
        """Say whether the repo had this very file: by its SHA-256, or that of Git for a small one."""
        from huggingface_hub.utils.sha import git_hash

        path = addition.path_in_repo
        there = self._hashes.get(path, "")
        if len(there) == _GIT_DIGITS:
            return addition.upload_info.size < _GIT_BYTES and git_hash((root / path).read_bytes()) == there
        return addition.upload_info.sha256.hex() == there


class Store(Protocol):
    """Where a root is uploaded to; `Repo` says what its methods do."""

    def files(self) -> dict[str, int]:
        """Return the sizes of its files by path."""
        ...

    def commit(self, root: Path, add: list[str], delete: list[str], message: str) -> Commit:
        """Add files of `root`, then remove others."""
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
    sent: list[str] = []
    for number, batch in enumerate(batches, start=1):
        message = f"Upload data, part {number} of {len(batches)}"
        sent += repo.commit(root, [file.path for file in batch.files], [], message).sent
        journal.add(batch)
        done += batch.nbytes
        if progress:
            progress("uploading", done, total)
    last = repo.commit(root, list(LAST_FILES), stale, "Upload card and manifest")
    sent += last.sent
    journal.remove()
    nbytes = sum((root / path).stat().st_size for path in sent)
    return Uploaded(len(sent), nbytes, len(stale), last.url)


def ask_hub(ask: Callable[[], _T]) -> _T:
    """Call `ask`, which asks the Hub for something; again where what went wrong may be over in a moment.

    Raises
    ------
    PublishError
        When the Hub refuses.
    TransientError
        When the network or the Hub fails for longer than is waited.
    """
    return with_retries(lambda: _transient(ask))


def _transient(ask: Callable[[], _T]) -> _T:
    """Call `ask`; what may be over in a moment becomes a `TransientError`, a refusal a `PublishError`."""
    from huggingface_hub.errors import HfHubHTTPError

    # Of the HTTP library: httpx in 1.x, httpx2 in 2.x.
    network_error: type[Exception] = HfHubHTTPError.__mro__[1]
    try:
        return ask()
    except PublishError:
        raise
    except (network_error, RuntimeError) as error:
        # The upload of one file wraps what went wrong in a RuntimeError.
        cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
        if isinstance(cause, HfHubHTTPError) and cause.response.status_code not in _TRANSIENT:
            raise PublishError(f"the Hub refuses: {cause}") from error
        raise TransientError(f"{type(cause).__name__}: {cause}") from error
