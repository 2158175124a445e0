"""A built root onto the Hub."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_flan.building.workspace import hold
from audio_flan.card import write_card
from audio_flan.fetch.retry import TransientError
from audio_flan.publishing.errors import PublishError
from audio_flan.publishing.journal import Journal
from audio_flan.publishing.plan import (
    LAST_FILES,
    PublishPlan,
    base_of_repo,
    describe_problems,
    describe_restricted,
    restricted_corpora,
)
from audio_flan.publishing.rebase import Progress, rebase_held
from audio_flan.publishing.upload import Repo, ask_hub, upload
from audio_flan.release.repo_id import check_repo_id
from audio_flan.shards import read_manifest, verify
from audio_flan.shards.manifest import interrupted_rebase

if TYPE_CHECKING:
    from huggingface_hub import HfApi


@dataclass(frozen=True)
class PublishSummary:
    """What publishing has done: files that this run has sent, and files of older builds that it removed.

    Files that the repo had already are not counted.
    """

    root: str
    repo_id: str
    revision: str | None
    base: str
    files: int
    bytes: int
    removed: int
    commit_url: str

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)


def plan_publish(
    root: str | os.PathLike[str], repo_id: str, *, revision: str | None = None, deep: bool = False
) -> PublishPlan:
    """Say what `publish` would do; nothing is changed, and nobody is asked over the network.

    The parameters are those of `publish`.
    """
    folder = Path(root)
    _check_repo_id(repo_id)
    manifest = read_manifest(folder)
    last = sum((folder / name).stat().st_size for name in LAST_FILES if (folder / name).exists())
    indexed = manifest.form == "indexed"
    return PublishPlan(
        root=str(root),
        repo_id=repo_id,
        revision=revision,
        form=manifest.form,
        base_before=manifest.base,
        base=base_of_repo(repo_id, revision) if indexed else "",
        files=len(manifest.files) + len(LAST_FILES),
        bytes=sum(file.nbytes for file in manifest.files) + last,
        restricted=tuple(restricted_corpora(manifest)),
        problems=tuple(verify(folder, deep=deep)),
    )


def publish(
    root: str | os.PathLike[str],
    repo_id: str,
    *,
    revision: str | None = None,
    create: bool = False,
    private: bool = False,
    allow_restricted: bool = False,
    deep: bool = False,
    token: str | None = None,
    progress: Progress | None = None,
) -> PublishSummary:
    """Upload a built root to a dataset repo of the Hub.

    The cells of an indexed root get the repo as their base, and the card its name. Data go first, in commits;
    the card and the manifest last. Stopped at any moment, the same call goes on where it stopped. Files of an
    older build that the repo still has are removed by the last commit.

    Parameters
    ----------
    root : path
        A finished build on a disk.
    repo_id : str
        ORG/NAME.
    revision : str, optional
        A branch, made where it is not there and `create` is given; the cells point to it.
    create, private : bool
        Make the repo where it is not there; private or not. With `private`, one that is public is refused.
    allow_restricted : bool
        Upload corpora as well whose audio may not be passed on, or is not known to be free.
    deep : bool
        Compare the hash of every file with the manifest. Sizes are compared anyway; reading terabytes
        once more before they are uploaded is left to you.
    token : str, optional
        HF_TOKEN or the stored login by default.
    progress : callable, optional

    Returns
    -------
    PublishSummary

    Raises
    ------
    BuildError
        When a build, a rebase or an upload of it is running.
    PublishError
        When the root does not verify, holds restricted corpora, the repo is public and not to be so, or the
        Hub refuses.
    ManifestError
        When `root` is no finished build.
    """
    folder = Path(root)
    _check_repo_id(repo_id)
    read_manifest(folder)  # a folder without one gets no lock
    try:
        with hold(folder):
            base = _make_ready(
                folder, repo_id, revision, allow_restricted=allow_restricted, deep=deep, progress=progress
            )
            api = _prepare_repo(repo_id, revision, token, create=create, private=private)
            if base:
                rebase_held(folder, base, progress)
            manifest = read_manifest(folder)
            write_card(folder, manifest, repo_id)
            journal = Journal(folder, repo_id, revision)
            done = upload(Repo(api, repo_id, revision), folder, manifest, journal, progress)
    except TransientError as error:
        raise PublishError(
            f"the upload stopped: {error}; run the same command again, it goes on where it stopped"
        ) from error
    return PublishSummary(
        str(root), repo_id, revision, base, done.files, done.nbytes, done.removed, done.commit_url
    )


def _make_ready(
    folder: Path,
    repo_id: str,
    revision: str | None,
    *,
    allow_restricted: bool,
    deep: bool,
    progress: Progress | None,
) -> str:
    """Check all that can be checked without the Hub; return the base that the cells are to get, if any.

    A rebase to that base that was stopped is brought to its end, so that there is something to check.
    """
    plan = plan_publish(folder, repo_id, revision=revision)
    if plan.restricted and not allow_restricted:
        raise PublishError(
            f"{folder} holds corpora whose audio {describe_restricted(plan.restricted)}; with the right to "
            "publish them, say --allow-restricted; to leave them out, build without them"
        )
    if interrupted_rebase(folder) == plan.base:
        rebase_held(folder, plan.base, progress)
    problems = tuple(verify(folder, deep=deep))
    if problems:
        raise PublishError(f"{folder} does not match its manifest: {describe_problems(problems)}")
    return plan.base


def _prepare_repo(
    repo_id: str, revision: str | None, token: str | None, *, create: bool, private: bool
) -> "HfApi":
    """Make sure that there is a repo to write to.

    Raises
    ------
    PublishError
        When there is none, it is public and not to be so, or the token may not write to it.
    TransientError
        When the network or the Hub fails for longer than is waited.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    api = HfApi(token=token)

    def prepare() -> None:
        try:
            if create:
                api.create_repo(repo_id, repo_type="dataset", private=private, exist_ok=True)
            if private and not api.repo_info(repo_id, repo_type="dataset").private:
                raise PublishError(
                    f"{repo_id} is public: make it private in its settings on the Hub, or leave out --private"
                )
            if create and revision:
                api.create_branch(repo_id, branch=revision, repo_type="dataset", exist_ok=True)
            api.repo_info(repo_id, repo_type="dataset", revision=revision)
        except RepositoryNotFoundError:
            raise PublishError(
                f"there is no dataset {repo_id} on the Hub, or your token may not see it: --create makes it, "
                "`hf auth login` or HF_TOKEN says who you are"
            ) from None
        except RevisionNotFoundError:
            raise PublishError(f"{repo_id} has no branch {revision}: --create makes it") from None

    ask_hub(prepare)
    return api


def _check_repo_id(repo_id: str) -> None:
    try:
        check_repo_id(repo_id)
    except ValueError as error:
        raise PublishError(str(error)) from None
