"""``mosaicml-streaming``: MDS shards, raw bytes, soundfile; remote as objects of S3."""

import atexit
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from peers.clips import ROWS_PER_BATCH, SHARD_BYTES, WORKERS, Place, Row, decode, flat


def _without_torchvision() -> None:
    """Let `streaming` be imported: torchvision of the package index does not load beside torch for CPUs.

    Only its data sets of images use it.
    """
    for name in ("torchvision", "torchvision.datasets", "torchvision.transforms"):
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__spec__ = importlib.util.spec_from_loader(name, loader=None)
    functional = sys.modules["torchvision.transforms.functional"] = ModuleType("functional")
    sys.modules["torchvision.datasets"].VisionDataset = object  # type: ignore[attr-defined]
    functional.to_tensor = None  # type: ignore[attr-defined]


_without_torchvision()


def write(rows: Sequence[Row], folder: Path) -> None:
    """Write shards."""
    from streaming import MDSWriter

    columns = {"text": "str", "audio": "bytes"}
    with MDSWriter(out=str(folder), columns=columns, size_limit=SHARD_BYTES) as writer:
        for row in rows:
            writer.write({"text": row.text, "audio": row.clip.read_bytes()})


def clips(place: Place) -> Iterator[np.ndarray]:
    """Yield the samples of each row."""
    for item in _dataset(place):
        yield decode(item["audio"])


def batches(place: Place) -> Iterator[tuple[Any, Any]]:
    """Yield flat batches."""
    from torch.utils.data import DataLoader

    yield from DataLoader(
        _dataset(place), batch_size=ROWS_PER_BATCH, num_workers=WORKERS, collate_fn=_collate
    )


def _dataset(place: Place) -> Any:
    from streaming import StreamingDataset
    from streaming.base.util import clean_stale_shared_memory

    clean_stale_shared_memory()
    if place.url is None:
        return StreamingDataset(local=str(place.folder), batch_size=ROWS_PER_BATCH, shuffle=False)
    parts = urlsplit(place.url)
    os.environ["AWS_ACCESS_KEY_ID"] = os.environ["AWS_SECRET_ACCESS_KEY"] = "none"
    os.environ["S3_ENDPOINT_URL"] = f"{parts.scheme}://{parts.netloc}"
    cache = tempfile.mkdtemp(prefix="audio-flan-bench-")
    atexit.register(shutil.rmtree, cache, ignore_errors=True)
    return StreamingDataset(remote=f"s3:/{parts.path}", local=cache, batch_size=ROWS_PER_BATCH, shuffle=False)


def _collate(items: list[dict[str, Any]]) -> tuple[Any, Any]:
    return flat(decode(item["audio"]) for item in items)
