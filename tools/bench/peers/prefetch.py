"""The limit over a network: a thread fetches the next piece of 8 MB while the clips of this one are decoded.

It knows beforehand where all clips are, fetches each once, in the order of the shards, and checks nothing.
"""

import http.client
import queue
import threading
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import numpy as np

from audio_flan.waveform import BytesSource, LazyAudio
from peers.clips import Place

PIECE_BYTES: Final = 8 << 20


class Clip(NamedTuple):
    """The clip of a row: where it is stored."""

    shard: str
    offset: int
    nbytes: int


def clips(place: Place) -> Iterator[np.ndarray]:
    """Yield the samples of each row."""
    fetched: queue.Queue[bytes] = queue.Queue(1)
    pieces = list(_pieces(clips_of_rows(place)))
    threading.Thread(target=_fetch, args=(place.root, pieces, fetched), daemon=True).start()
    for piece in pieces:
        data, first = memoryview(fetched.get()), piece[0].offset
        if not data:
            raise OSError(f"{place.root}/{piece[0].shard} cannot be read")
        for clip in piece:
            start = clip.offset - first
            source = BytesSource(bytes(data[start : start + clip.nbytes]), "clip")
            yield LazyAudio(source, "clip").decode()[0]


def clips_of_rows(place: Place) -> list[Clip]:
    """Return where the clip of each row is, in the order of the shards."""
    from pyarrow import parquet

    from audio_flan.shards import parse_cell

    rows = []
    for file in sorted((place.folder / "data").rglob("*.parquet")):
        for (cell,) in parquet.read_table(file, columns=["input_audio"])["input_audio"].to_pylist():
            found = parse_cell(cell["path"])
            rows.append(Clip(found.shard, found.offset, found.nbytes))
    return sorted(rows)


def _pieces(stored: list[Clip]) -> Iterator[list[Clip]]:
    piece: list[Clip] = []
    for clip in stored:
        if piece and (
            clip.shard != piece[0].shard or clip.offset + clip.nbytes - piece[0].offset > PIECE_BYTES
        ):
            yield piece
            piece = []
        piece.append(clip)
    yield piece


def _fetch(root: str, pieces: list[list[Clip]], fetched: "queue.Queue[bytes]") -> None:
    parts = urlsplit(root)
    connection = http.client.HTTPConnection(parts.netloc)
    for piece in pieces:
        last = piece[-1].offset + piece[-1].nbytes - 1
        headers = {"Range": f"bytes={piece[0].offset}-{last}"}
        connection.request("GET", f"{parts.path}/{piece[0].shard}", headers=headers)
        with connection.getresponse() as answer:
            fetched.put(answer.read() if answer.status == 206 else b"")
