"""Check a built root from end to end: its files, its clips, its rows and their number."""

from audio_flan.shards.checking.check import check_root

__all__ = ["check_root"]
