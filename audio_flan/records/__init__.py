"""One instance of the data: parse, validate, serialise; the audio token grammar; the reason codes."""

from audio_flan.records.grammar import audio_token, find_audio_ids
from audio_flan.records.instance import Instance
from audio_flan.records.parse import parse_record
from audio_flan.records.reasons import Reason, RecordFault, Warn
from audio_flan.records.serialise import to_record
from audio_flan.records.splits import SPLITS, resolve_split

__all__ = [
    "SPLITS",
    "Instance",
    "Reason",
    "RecordFault",
    "Warn",
    "audio_token",
    "find_audio_ids",
    "parse_record",
    "resolve_split",
    "to_record",
]
