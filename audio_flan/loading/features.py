"""The columns as ``datasets`` features."""

from collections.abc import Callable
from typing import Any

import datasets

from audio_flan.records.schema import AUDIO_COLUMNS, COLUMNS
from audio_flan.waveform import LazyAudio
from audio_flan.waveform.feature import Waveform


class RowFeatures(datasets.Features):  # type: ignore[misc]
    """Features that give the clips of a row the ids that stand beside them.

    A stored cell has no room for an id; without this, a clip of a table would go by the name of its file.
    """

    def decode_example(self, example: dict[str, Any], *args: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401
        """Decode a row."""
        return _with_ids(super().decode_example(example, *args, **kwargs), _name_clips)

    def decode_batch(self, batch: dict[str, Any], *args: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401
        """Decode a batch of rows, a list for each column."""

        def name_lists(clips: list[Any], ids: list[Any]) -> list[Any]:
            return [_name_clips(*pair) for pair in zip(clips, ids, strict=True)]

        return _with_ids(super().decode_batch(batch, *args, **kwargs), name_lists)

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        return RowFeatures, (dict(self),)


def _with_ids(columns: dict[str, Any], name: Callable[[Any, Any], Any]) -> dict[str, Any]:
    for column in AUDIO_COLUMNS:
        if columns.get(column) and columns.get(f"{column}_ids"):
            columns[column] = name(columns[column], columns[f"{column}_ids"])
    return columns


def _name_clips(clips: list[Any] | None, ids: list[str] | None) -> list[Any] | None:
    if not clips or not ids or len(clips) != len(ids):
        return clips
    return [
        audio.named(audio_id) if isinstance(audio, LazyAudio) else audio
        for audio, audio_id in zip(clips, ids, strict=True)
    ]


def row_features() -> datasets.Features:
    """Return the features of a row: texts, lists, and audio as lists of `Waveform`."""
    kinds: dict[str, object] = dict.fromkeys(COLUMNS, datasets.Value("string"))
    kinds |= {
        "unseen": datasets.Value("bool"),
        "source": _list_of(datasets.Value("string")),
        "input_audio_ids": _list_of(datasets.Value("string")),
        "output_audio_ids": _list_of(datasets.Value("string")),
        "input_seconds": _list_of(datasets.Value("float64")),
        "output_seconds": _list_of(datasets.Value("float64")),
    }
    kinds |= {column: _list_of(Waveform()) for column in AUDIO_COLUMNS}
    return RowFeatures({column: kinds[column] for column in COLUMNS})


def undecoded(feature: object) -> object:
    """Return the feature of a column, its audio to be left as it is stored."""
    if isinstance(feature, Waveform):
        return Waveform(decode=False)
    inner = getattr(feature, "feature", None)
    return _list_of(Waveform(decode=False)) if isinstance(inner, Waveform) else feature


def list_kind() -> str:
    """Return the name of the list feature, which ``datasets`` 4 renamed."""
    return "List" if hasattr(datasets, "List") else "Sequence"


def _list_of(feature: object) -> object:
    return getattr(datasets, list_kind())(feature)
