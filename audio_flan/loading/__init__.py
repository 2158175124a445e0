"""The ``datasets`` side: a builder with all 112 configs, and `load_dataset` with the signature users know."""

from audio_flan.loading.builder import AudioFlan, AudioFlanConfig
from audio_flan.loading.load import load_dataset

__all__ = ["AudioFlan", "AudioFlanConfig", "load_dataset"]
