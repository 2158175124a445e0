"""What all readers have in common: rows with their clips, decoding by soundfile, flat batches."""

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import soundfile

SHARD_BYTES: Final = 64 << 20
"""Size of the peers' shards: large beside a request, small enough that the smallest workload has several."""
ROWS_PER_BATCH: Final = 16
WORKERS: Final = 2


class Place(NamedTuple):
    """Where a form of the workload is.

    Attributes
    ----------
    folder : Path
        What is known beforehand is looked up here, such as the names of the shards.
    url : str, optional
        Where it is to be read from; None for the folder.
    """

    folder: Path
    url: str | None = None

    @property
    def root(self) -> str:
        """Folder or URL."""
        return self.url or str(self.folder)

    def files(self, suffix: str) -> list[str]:
        """List the files with a suffix, as paths or URLs."""
        found = sorted(path.relative_to(self.folder) for path in self.folder.rglob(f"*{suffix}"))
        return [f"{self.root}/{path}" for path in found]


class Row(NamedTuple):
    """A row of the workload: its number, its text as JSON, and the file of its clip."""

    number: int
    text: str
    clip: Path


def rows_of(release: Path) -> list[Row]:
    """Return the rows of a release that `workload.make_release` has made, in the order of its lines."""
    (scp,) = release.glob("scp_files/*/*.scp")
    files = dict(line.split("\t") for line in scp.read_text().splitlines())
    (metadata,) = release.glob("metadata/**/*.jsonl")
    rows = []
    for number, line in enumerate(metadata.read_text().splitlines()):
        audio_id = json.loads(line)["input"].split("<|SOA|>")[1].split("<|EOA|>")[0]
        rows.append(Row(number, line, release / files[audio_id]))
    return rows


def shards_of(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Cut rows into shards of `SHARD_BYTES` of audio, at least two."""
    nbytes = [row.clip.stat().st_size for row in rows]
    shards = max(2, round(sum(nbytes) / SHARD_BYTES))
    for shard in range(shards):
        yield rows[shard * len(rows) // shards : (shard + 1) * len(rows) // shards]


def decode(data: bytes) -> np.ndarray:
    """Decode a clip with soundfile: float32, (frames,)."""
    return soundfile.read(io.BytesIO(data), dtype="float32")[0]


def flat(clips: Iterable[np.ndarray]) -> tuple[Any, Any]:
    """Collate clips: all in one vector, and the length of each. It is the fastest way between processes."""
    import torch

    clips = list(clips)
    return torch.from_numpy(np.concatenate(clips)), torch.tensor([len(clip) for clip in clips])
