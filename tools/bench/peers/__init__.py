"""Readers of one workload: ours, the limits, and the peers, each in the way its documents say is fast.

The module of a peer has ``write(rows, folder)``, ``clips(place)``, which yields the samples of one row after
the other, and ``batches(place)``, which yields batches from two DataLoader workers (ours: from two threads).
"""

from dataclasses import dataclass, field
from typing import Any, Final, Literal


@dataclass(frozen=True)
class Reader:
    """A way to read the workload.

    Attributes
    ----------
    title : str
    module : str
        Of this package.
    form : str
        Folder of what it reads; readers may share one.
    remote : {"http", "s3", None}
        What it reads over a network. ``s3`` is the protocol of object stores, over the same server.
    why_not : str
        Why it reads nothing over a network.
    options : dict
        Of its functions.
    imports : tuple of str
        What it imports when it opens the data; imported before where rates are measured.
    batches : bool
        Whether it makes batches.
    environment : {"peers", "mosaicml"}
        The requirements it runs with.
    """

    title: str
    module: str
    form: str
    remote: Literal["http", "s3"] | None = "http"
    why_not: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    imports: tuple[str, ...] = ()
    batches: bool = True
    environment: Literal["peers", "mosaicml"] = "peers"


_DATASETS: Final = ("datasets", "torch.utils.data")
_BARE: Final = ("pyarrow.parquet", "audio_flan.shards", "miniaudio")
_OURS: Final = ("audio_flan.streaming.ordered", "huggingface_hub", "urllib3", "miniaudio")

LIMIT: Final = "limit"
OURS: Final = "audio_flan"
OUR_DECODERS: Final = "decoders"
BARE: Final = "bare"
PREFETCH: Final = "prefetch"

READERS: Final = {
    LIMIT: Reader("limit: bytes in memory, soundfile", "limits", "release", remote=None),
    OUR_DECODERS: Reader(
        "bytes in memory, our decoders", "limits", "release", remote=None, options={"decoder": "audio_flan"}
    ),
    BARE: Reader(
        "bare loop: read from open shards, our decoders",
        "bare",
        "indexed",
        remote=None,
        imports=_BARE,
        batches=False,
    ),
    PREFETCH: Reader(
        "one thread fetches pieces of 8 MB, our decoders",
        "prefetch",
        "indexed",
        imports=_BARE,
        batches=False,
    ),
    OURS: Reader("audio_flan.stream", "flan", "indexed", imports=_OURS),
    "audio_flan-shuffled": Reader(
        "audio_flan.stream, shuffled", "flan", "indexed", options={"shuffle": True}, imports=_OURS
    ),
    "audio_flan-datasets": Reader(
        "audio_flan.load_dataset, streaming",
        "flan_datasets",
        "indexed",
        imports=(*_OURS, "datasets"),
        batches=False,
    ),
    "datasets-torchcodec": Reader(
        "datasets, Parquet, torchcodec", "datasets_parquet", "parquet", imports=(*_DATASETS, "torchcodec")
    ),
    "datasets-soundfile": Reader(
        "datasets, Parquet, decode=False and soundfile",
        "datasets_parquet",
        "parquet",
        options={"decoder": "soundfile"},
        imports=_DATASETS,
    ),
    "datasets-webdataset": Reader(
        "datasets, tars, decode=False and soundfile", "datasets_webdataset", "tars", imports=_DATASETS
    ),
    "webdataset": Reader("webdataset, soundfile", "webdataset_tars", "tars", imports=("webdataset",)),
    "lhotse": Reader("lhotse Shar", "lhotse_shar", "shar", imports=("lhotse", "lhotse.dataset")),
    "litdata": Reader("litdata, soundfile", "litdata_chunks", "litdata", remote="s3", imports=("litdata",)),
    "mosaicml-streaming": Reader(
        "mosaicml-streaming, soundfile",
        "mosaicml_shards",
        "mds",
        remote="s3",
        imports=("streaming", "boto3"),
        environment="mosaicml",
    ),
    "megatron-energon": Reader(
        "megatron-energon, soundfile",
        "energon_tars",
        "energon",
        remote=None,
        why_not="reads object stores through multi-storage-client only",
        imports=("megatron.energon",),
    ),
}
LOCAL_ONLY: Final = (LIMIT, OUR_DECODERS, BARE)
"""They show what the machine can do, and read nothing."""
PEERS: Final = tuple(READERS)[list(READERS).index("datasets-torchcodec") :]
