"""The columns of a row, and their Arrow types."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pyarrow as pa

TEXT_COLUMNS: Final = (
    "uuid", "instruction", "input", "output", "split", "domain", "major", "minor", "task", "direction",
)  # fmt: skip
AUDIO_COLUMNS: Final = ("input_audio", "output_audio")
COLUMNS: Final = (
    *TEXT_COLUMNS, "unseen", "source", "corpus", "other", "extra", *AUDIO_COLUMNS,
    "input_audio_ids", "output_audio_ids", "input_seconds", "output_seconds",
)  # fmt: skip
"""Every column, in the order of the design (section 4)."""


def arrow_schema() -> "pa.Schema":
    """Return the Arrow schema of the rows; an audio cell is what ``datasets.Audio`` stores."""
    import pyarrow as pa

    audio = pa.list_(pa.struct({"bytes": pa.binary(), "path": pa.string()}))
    types = dict.fromkeys(COLUMNS, pa.string()) | {
        "unseen": pa.bool_(),
        "source": pa.list_(pa.string()),
        "input_audio": audio,
        "output_audio": audio,
        "input_audio_ids": pa.list_(pa.string()),
        "output_audio_ids": pa.list_(pa.string()),
        "input_seconds": pa.list_(pa.float64()),
        "output_seconds": pa.list_(pa.float64()),
    }
    return pa.schema([pa.field(name, types[name]) for name in COLUMNS])
