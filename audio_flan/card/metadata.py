"""From a manifest to the YAML of the card: what the Hub shows and what ``datasets`` loads by.

``datasets`` resolves the globs of the first config whichever config is asked for, so ``sample`` stands first:
one folder, one file. Each other config is one glob per split. A split without rows is not listed: were it the
first one, the config could not be loaded. Features are left to the metadata of the Parquet files: 112 copies
of them would double the size of the card, and treble the time it takes to read.
"""

from collections.abc import Iterator
from typing import Any, Final

from audio_flan.card.totals import Total, splits_of, totals_of
from audio_flan.shards import Manifest, row_glob
from audio_flan.shards.layout import SAMPLE_FILE
from audio_flan.taxonomy import Task, list_configs, taxonomy

SAMPLE: Final = "sample"
"""Name of the config of a few rows of every task."""
OWNED: Final = ("task_categories", "size_categories", "configs", "dataset_info")
"""Keys that are always written anew; the others are kept where a card has them."""
LICENCES_ANCHOR: Final = "#sources-and-licences"
_HUB_URL = "https://huggingface.co/datasets/{}"
_SIZES = (
    (10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"), (10**8, "10M<n<100M"), (10**9, "100M<n<1B"),
    (10**10, "1B<n<10B"), (10**11, "10B<n<100B"), (10**12, "100B<n<1T"),
)  # fmt: skip
_SAMPLE_GLOB = "sample/train-*.parquet"


def card_metadata(manifest: Manifest, repo_id: str | None = None) -> dict[str, Any]:
    """Return the YAML of the card, in the order in which it is written."""
    totals = totals_of(manifest)
    configs = {name: splits for name in list_configs() if (splits := splits_of(totals, name))}
    rows = sum(total.rows for total in totals.values())
    tasks = [task for task in taxonomy().tasks.values() if task.config in configs]
    metadata: dict[str, Any] = {
        "pretty_name": "Audio-FLAN",
        "license": "other",
        "license_name": "per-source",
        "license_link": licences_url(repo_id) if repo_id else None,
        "language": ["en", "zh", "multilingual"],
        "task_categories": sorted({_category(task) for task in tasks}),
        "tags": ["audio", "speech", "music", "sound", "instruction-tuning"],
        "size_categories": [next((name for limit, name in _SIZES if rows < limit), "n>1T")],
        "configs": [*_sample_config(manifest), *(_config(name, splits) for name, splits in configs.items())],
        "dataset_info": [*_sample_info(manifest), *(_info(name, each) for name, each in configs.items())],
    }
    return {key: value for key, value in metadata.items() if value}


def licences_url(repo_id: str) -> str:
    """Return where the card of a repo lists the licences."""
    return _HUB_URL.format(repo_id) + LICENCES_ANCHOR


def _config(name: str, splits: dict[str, Total]) -> dict[str, Any]:
    return {
        "config_name": name,
        "data_files": [{"split": split, "path": row_glob(name, split)} for split in splits],
    }


def _info(name: str, splits: dict[str, Total]) -> dict[str, Any]:
    nbytes = sum(total.nbytes for total in splits.values())
    return {
        "config_name": name,
        "splits": [
            {"name": split, "num_bytes": total.nbytes, "num_examples": total.rows}
            for split, total in splits.items()
        ],
        "download_size": nbytes,
        "dataset_size": nbytes,
    }


def _sample_config(manifest: Manifest) -> Iterator[dict[str, Any]]:
    if any(file.path == SAMPLE_FILE for file in manifest.files):
        files = [{"split": "train", "path": _SAMPLE_GLOB}]
        yield {"config_name": SAMPLE, "default": True, "data_files": files}


def _sample_info(manifest: Manifest) -> Iterator[dict[str, Any]]:
    for file in manifest.files:
        if file.path == SAMPLE_FILE:
            yield _info(SAMPLE, {"train": Total(file.rows, 0.0, file.nbytes)})


def _category(task: Task) -> str:
    """Return the Hub's name for what a task is."""
    if "audio" not in task.output_modality:
        return "automatic-speech-recognition" if task.major == "Speech Recognition" else "audio-text-to-text"
    if task.input_modality == ("audio",):
        return "audio-to-audio"
    return "text-to-speech" if task.domain == "speech" else "text-to-audio"
