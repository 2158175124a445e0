"""How many files a stream of a built root makes when ``datasets`` writes it."""

from typing import Any

import datasets
from datasets.features.features import require_decoding
from datasets.utils.py_utils import convert_file_size_to_int

from audio_flan.streaming.ordered import OrderedStream


def files_to_write(stream: OrderedStream, features: datasets.Features | None, *, embeds: bool) -> int:
    """Return how many files of the size that ``datasets`` gives those of a table.

    Parameters
    ----------
    stream : OrderedStream
    features : datasets.Features, optional
        Of what is written; where they are not known, clips are taken to be written.
    embeds : bool
        Whether clips that lie in files of their own are put into the rows.
    """
    nbytes = _bytes_written(stream, has_audio=_has_audio(features), embeds=embeds)
    return int(nbytes / convert_file_size_to_int(datasets.config.MAX_SHARD_SIZE)) + 1


def _has_audio(features: Any) -> bool:  # noqa: ANN401 - as `datasets` has it
    return features is None or any(
        require_decoding(feature, ignore_decode_attribute=True) for feature in features.values()
    )


def _bytes_written(stream: OrderedStream, *, has_audio: bool, embeds: bool) -> float:
    """Estimate, by the manifest: a clip is written for each row that refers to it."""
    manifest, wish, is_embedded = stream.source.manifest, stream.wish, stream.source.form == "embedded"
    rates = {
        each.corpus: each.clip_bytes / each.clip_seconds for each in manifest.corpora if each.clip_seconds
    }
    usual = sum(rates.values()) / max(len(rates), 1)
    clips = sum(
        count.seconds * rates.get(count.corpus, usual)
        for count in manifest.counts
        if count.task in wish.config.task_names and count.split in wish.splits
    )
    texts = sum(file.nbytes for file in stream.files) - (clips if is_embedded else 0)
    whole = max(texts, 0) + (clips if has_audio and (is_embedded or embeds) else 0)
    return whole * stream.total / max(sum(file.rows for file in stream.files), 1)
