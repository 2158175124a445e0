"""Audio-FLAN: load, stream, inspect and check the largest instruction-tuning set for audio.

``audio_flan.load_dataset`` has the signature of ``datasets.load_dataset``; ``audio_flan.stream`` is the bare
engine beneath it.
"""

from typing import TYPE_CHECKING, Any

from audio_flan._version import __version__

if TYPE_CHECKING:
    from audio_flan.analysis import audit_ledger, rebalance, scan, stats
    from audio_flan.analysis import filter_rows as filter  # noqa: A004 - as it is called in Polars and datasets
    from audio_flan.building import build
    from audio_flan.exporting import export
    from audio_flan.fetch.audio_store import AudioStore
    from audio_flan.loading import AudioFlan, load_dataset
    from audio_flan.mixing import Plan
    from audio_flan.publishing import publish, rebase
    from audio_flan.streaming import stream
    from audio_flan.streaming.batches import batches
    from audio_flan.streaming.collate import collate
    from audio_flan.taxonomy import list_configs, tasks
    from audio_flan.waveform import AudioError, LazyAudio
    from audio_flan.waveform.feature import Waveform

__all__ = [
    "AudioError",
    "AudioFlan",
    "AudioStore",
    "LazyAudio",
    "Plan",
    "Waveform",
    "__version__",
    "audit_ledger",
    "batches",
    "build",
    "collate",
    "export",
    "filter",
    "list_configs",
    "load_dataset",
    "publish",
    "rebalance",
    "rebase",
    "scan",
    "stats",
    "stream",
    "tasks",
]

_HOME = {
    "AudioError": "audio_flan.waveform",
    "AudioFlan": "audio_flan.loading",
    "AudioStore": "audio_flan.fetch.audio_store",
    "LazyAudio": "audio_flan.waveform",
    "Plan": "audio_flan.mixing",
    "Waveform": "audio_flan.waveform.feature",
    "audit_ledger": "audio_flan.analysis",
    "batches": "audio_flan.streaming.batches",
    "build": "audio_flan.building",
    "collate": "audio_flan.streaming.collate",
    "export": "audio_flan.exporting",
    "filter": "audio_flan.analysis:filter_rows",
    "list_configs": "audio_flan.taxonomy",
    "load_dataset": "audio_flan.loading",
    "publish": "audio_flan.publishing",
    "rebalance": "audio_flan.analysis",
    "rebase": "audio_flan.publishing",
    "scan": "audio_flan.analysis",
    "stats": "audio_flan.analysis",
    "stream": "audio_flan.streaming",
    "tasks": "audio_flan.taxonomy",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds
    """Import a public name when it is first used: ``import audio_flan`` itself loads nothing heavy."""
    if name not in _HOME:
        raise AttributeError(f"module 'audio_flan' has no attribute {name!r}")
    from importlib import import_module

    module, _, attribute = _HOME[name].partition(":")
    value = getattr(import_module(module), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
