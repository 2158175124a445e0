"""Bytes of a built root, wherever it is: its files, its clips, and the ``audioflan://`` file system."""

from audio_flan.fetch.clip import ShardClip
from audio_flan.fetch.place import BASE_VARIABLE, locate
from audio_flan.fetch.remote import lend_token
from audio_flan.fetch.shard_cache import SHARD_CACHE_BYTES, ShardCache
from audio_flan.fetch.stores import open_built, open_store

__all__ = [
    "BASE_VARIABLE",
    "SHARD_CACHE_BYTES",
    "ShardCache",
    "ShardClip",
    "lend_token",
    "locate",
    "open_built",
    "open_store",
]
