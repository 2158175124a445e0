"""``litdata``: chunks of its own, raw bytes, soundfile; remote as objects of S3."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from peers.clips import ROWS_PER_BATCH, SHARD_BYTES, WORKERS, Place, Row, decode, flat


def write(rows: Sequence[Row], folder: Path) -> None:
    """Write chunks."""
    from litdata import optimize

    optimize(
        fn=_item,
        inputs=list(rows),
        output_dir=str(folder),
        chunk_bytes=SHARD_BYTES,
        num_workers=1,
        keep_data_ordered=True,
    )


def _item(row: Row) -> dict[str, Any]:
    return {"text": row.text, "audio": row.clip.read_bytes()}


def clips(place: Place) -> Iterator[np.ndarray]:
    """Yield the samples of each row."""
    with _Cache(place) as options:
        from litdata import StreamingDataset

        for item in StreamingDataset(**options):
            yield decode(item["audio"])


def batches(place: Place) -> Iterator[tuple[Any, Any]]:
    """Yield flat batches."""
    from litdata import StreamingDataLoader, StreamingDataset

    with _Cache(place) as options:
        yield from StreamingDataLoader(
            StreamingDataset(**options),
            batch_size=ROWS_PER_BATCH,
            num_workers=WORKERS,
            collate_fn=_collate,
        )


def _collate(items: list[dict[str, Any]]) -> tuple[Any, Any]:
    return flat(decode(item["audio"]) for item in items)


class _Cache:
    """What to open a data set with; a remote one has an empty cache of its own."""

    def __init__(self, place: Place) -> None:
        self._place, self._folder = place, ""

    def __enter__(self) -> dict[str, Any]:
        if self._place.url is None:
            return {"input_dir": str(self._place.folder)}
        parts = urlsplit(self._place.url)
        # Its own client for chunks refuses endpoints without TLS; without that client it uses boto3.
        from litdata.streaming import downloader

        downloader._OBSTORE_AVAILABLE = False  # noqa: SLF001 - there is no option
        os.environ["AWS_ACCESS_KEY_ID"] = os.environ["AWS_SECRET_ACCESS_KEY"] = "none"
        self._folder = tempfile.mkdtemp(prefix="audio-flan-bench-")
        return {
            "input_dir": f"s3:/{parts.path}",
            "storage_options": {"endpoint_url": f"{parts.scheme}://{parts.netloc}"},
            "cache_dir": self._folder,
        }

    def __exit__(self, *_: object) -> None:
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
