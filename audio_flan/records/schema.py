"""The columns of a row."""

from typing import Final

AUDIO_COLUMNS: Final = ("input_audio", "output_audio")
COLUMNS: Final = (
    "uuid", "instruction", "input", "output", "split", "domain", "major", "minor", "task", "direction",
    "unseen", "source", "corpus", "other", "extra", *AUDIO_COLUMNS,
    "input_audio_ids", "output_audio_ids", "input_seconds", "output_seconds",
)  # fmt: skip
"""Every column, in the order of the design (section 4)."""
