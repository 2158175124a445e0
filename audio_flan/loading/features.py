"""The columns as ``datasets`` features."""

import datasets

from audio_flan.records.schema import AUDIO_COLUMNS, COLUMNS
from audio_flan.waveform.feature import Waveform


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
    return datasets.Features({column: kinds[column] for column in COLUMNS})


def _list_of(feature: object) -> object:
    """``datasets`` 4 renamed its list feature."""
    return datasets.List(feature) if hasattr(datasets, "List") else datasets.Sequence(feature)
