"""A dataset info that remembers that audio is decoded lazily."""

from copy import copy
from dataclasses import dataclass
from typing import Any

import datasets

from audio_flan.loading.features import RowFeatures
from audio_flan.waveform.feature import Waveform


@dataclass
class LazyAudioInfo(datasets.DatasetInfo):  # type: ignore[misc]
    """Features that are read back from a file get `Waveform` for the plain ``Audio`` that files carry.

    Every dataset made of another copies its info, class and all. Where ``datasets`` takes the result of a
    ``map`` from its cache it drops the features of the info and reads those of the file; without this, audio
    would be lazy in the first run of a script and not in the second.
    """

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401 - as object has it
        if name == "features" and value is not None:
            from_file = self.__dict__.get("features", value) is None
            value = RowFeatures({name: _lazy(each) if from_file else each for name, each in value.items()})
        super().__setattr__(name, value)


def _lazy(feature: Any) -> Any:  # noqa: ANN401 - any feature of datasets
    """Replace plain ``Audio``, also within lists and structs."""
    if type(feature) is datasets.Audio:
        return Waveform(**{name: value for name, value in vars(feature).items() if name != "_type"})
    if isinstance(feature, dict):
        return {name: _lazy(inner) for name, inner in feature.items()}
    if isinstance(feature, list):
        return [_lazy(inner) for inner in feature]
    if hasattr(feature, "feature"):  # List, LargeList, Sequence
        feature = copy(feature)
        feature.feature = _lazy(feature.feature)
    return feature
