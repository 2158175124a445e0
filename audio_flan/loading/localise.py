"""Bring a release from the Hub to the local disk, for loading that does not stream."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from audio_flan.records import SPLITS
from audio_flan.release import LocalTree, Release, read_instances
from audio_flan.release.tree import hub_place
from audio_flan.taxonomy import Config

_DOWNLOADS_AT_ONCE = 16


def localise(release: Release, config: Config, token: str | bool | None) -> Release:
    """Return `release` with all that `config` needs on the local disk.

    A folder is returned as it is. Of a repo on the Hub the metadata files of the config, the scp files and
    the clips that its rows name are downloaded to the Hub cache, each once, resuming where it stopped.
    """
    place = hub_place(release.root)
    if place is None:
        return release
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    # Of one commit, whatever is pushed meanwhile.
    commit = HfApi(token=token).dataset_info(place.repo_id, revision=place.revision).sha
    prefix = f"{place.folder}/" if place.folder else ""

    def fetch(path: str) -> str:
        local: str = hf_hub_download(
            place.repo_id, prefix + path, repo_type="dataset", revision=commit, token=token
        )
        return local

    def fetch_if_there(path: str) -> None:
        with suppress(EntryNotFoundError):  # whoever needs the clip will miss it, by name
            fetch(path)

    files = [file.path for file in release.files(config, SPLITS)]
    if not files:
        return release
    with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
        *_, any_file = pool.map(fetch, [*(scp.path for scp in release.layout.scp), *files])
        root = any_file[: -len(files[-1]) - 1]
        local = Release(LocalTree(root), release.cache_dir)
        list(pool.map(fetch_if_there, sorted(_clip_files(release, local, config))))
    return local


def _clip_files(release: Release, local: Release, config: Config) -> set[str]:
    """List the files that hold the clips of the config's rows: clips, or archives of clips."""
    wanted: set[str] = set()
    for file in local.files(config, SPLITS):
        for placed in read_instances(local.tree, file, lambda _: None):
            if placed.instance.task in config.task_names:
                for audio_id in (*placed.instance.input_audio_ids, *placed.instance.output_audio_ids):
                    path = release.clips.file_of(audio_id)
                    if path:
                        wanted.add(path)
    return wanted
