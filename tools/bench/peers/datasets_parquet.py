"""``datasets``: Parquet with embedded audio, decoded by torchcodec or, undecoded, by soundfile."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from peers.clips import ROWS_PER_BATCH, WORKERS, Place, Row, decode, flat, shards_of


def write(rows: Sequence[Row], folder: Path) -> None:
    """Write the rows as `Dataset.push_to_hub` does."""
    from datasets import Audio, Dataset, Features, Value

    features = Features({"text": Value("string"), "audio": Audio()})
    shards = list(shards_of(rows))
    for number, shard in enumerate(shards):
        table = {
            "text": [row.text for row in shard],
            "audio": [{"bytes": row.clip.read_bytes(), "path": row.clip.name} for row in shard],
        }
        dataset = Dataset.from_dict(table, features=features)
        dataset.to_parquet(folder / f"train-{number:05d}-of-{len(shards):05d}.parquet")


def clips(place: Place, decoder: str = "torchcodec") -> Iterator[np.ndarray]:
    """Yield the samples of each row."""
    for row in _dataset(place, decoder):
        yield _samples(row)


def batches(place: Place, decoder: str = "torchcodec") -> Any:
    """Return a loader of flat batches."""
    from torch.utils.data import DataLoader

    return DataLoader(
        _dataset(place, decoder), batch_size=ROWS_PER_BATCH, num_workers=WORKERS, collate_fn=_collate
    )


def _dataset(place: Place, decoder: str) -> Any:
    import pyarrow.dataset
    from datasets import Audio, load_dataset

    options: dict[str, Any] = {}
    if place.url:  # what its documents advise for streaming
        options["fragment_scan_options"] = pyarrow.dataset.ParquetFragmentScanOptions(
            cache_options=pyarrow.CacheOptions(prefetch_limit=1, range_size_limit=128 << 20)
        )
    dataset = load_dataset(
        "parquet", data_files=place.files(".parquet"), split="train", streaming=True, **options
    )
    return dataset if decoder == "torchcodec" else dataset.cast_column("audio", Audio(decode=False))


def _samples(row: dict[str, Any]) -> np.ndarray:
    audio = row["audio"]
    if isinstance(audio, dict):
        return decode(audio["bytes"])
    return audio.get_all_samples().data[0].numpy()


def _collate(rows: list[dict[str, Any]]) -> tuple[Any, Any]:
    return flat(_samples(row) for row in rows)
