"""``lhotse``: Shar, cuts and recordings in shards side by side; over HTTP through ``curl``, as documented."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from peers.clips import ROWS_PER_BATCH, WORKERS, Place, Row, flat, shards_of

FIELDS: Final = {"cuts": ".jsonl.gz", "recording": ".tar"}

_CURL: Final = "pipe:curl --retry 30 --retry-delay 2 -sfL"
"""With the retries that webdataset asks for; without them a shard that is refused is silently left out."""


def write(rows: Sequence[Row], folder: Path) -> None:
    """Write the rows as cuts. lhotse encodes the clips anew, in the format that they have."""
    from lhotse import Recording, SupervisionSegment
    from lhotse.shar import SharWriter

    audio_format = rows[0].clip.suffix.removeprefix(".")
    size = len(next(shards_of(rows)))
    with SharWriter(str(folder), fields={"recording": audio_format}, shard_size=size) as writer:
        for row in rows:
            recording = Recording.from_file(row.clip, recording_id=f"{row.number:08d}")
            cut = recording.to_cut()
            cut.supervisions = [
                SupervisionSegment(recording.id, recording.id, 0, recording.duration, text=row.text)
            ]
            writer.write(cut)


def clips(place: Place) -> Iterator[np.ndarray]:
    """Yield the samples of each row."""
    for cut in _cuts(place):
        yield cut.load_audio()[0]


def batches(place: Place) -> Any:
    """Return a loader of flat batches, which a sampler in each worker puts together."""
    from lhotse.dataset import DynamicCutSampler
    from lhotse.dataset.iterable_dataset import IterableDatasetWrapper
    from torch.utils.data import DataLoader

    sampler = DynamicCutSampler(
        _cuts(place, split_for_dataloading=True), max_cuts=ROWS_PER_BATCH, rank=0, world_size=1
    )
    return DataLoader(IterableDatasetWrapper(_Flat(), sampler), batch_size=None, num_workers=WORKERS)


class _Flat:
    def __getitem__(self, cuts: Any) -> tuple[Any, Any]:
        return flat(cut.load_audio()[0] for cut in cuts)


def _cuts(place: Place, **options: Any) -> Any:
    from lhotse import CutSet

    command = {"cuts": f"{_CURL} {{}} | gunzip", "recording": f"{_CURL} {{}}"}
    fields = {
        name: [command[name].format(file) if place.url else file for file in place.files(suffix)]
        for name, suffix in FIELDS.items()
    }
    return CutSet.from_shar(fields=fields, **options)
