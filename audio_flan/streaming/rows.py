"""What all forms of the data have in common when rows are made: columns, and clips that fail."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple

import msgspec

from audio_flan.records.schema import AUDIO_COLUMNS, COLUMNS
from audio_flan.release import Entry, Quarantine
from audio_flan.streaming.share import positive, whole
from audio_flan.taxonomy import Config
from audio_flan.taxonomy.errors import UnknownNameError, nearest_names
from audio_flan.waveform import AudioError, ClipFault, LazyAudio

QUARANTINE_LIMIT: Final = 10_000
"""Entries that a stream keeps; beyond it they are only counted."""
PREFETCH_BYTES: Final = 64 << 20
MAX_CONSECUTIVE_FAILURES: Final = 100
OnError = Literal["raise", "skip", "null"]
Row = dict[str, Any]
MakeRow = Callable[[Quarantine], Row | None]
"""Makes a row, and names in the quarantine what it leaves out; None for a row that is skipped."""
FindClip = Callable[[str], LazyAudio]
"""Finds a clip by its id."""

Clips = tuple[list[LazyAudio | None], list[float | None]]
"""Clips and their lengths in seconds."""
NO_CLIPS: Clips = ([], [])
CLIP_COLUMNS = (*AUDIO_COLUMNS, "input_seconds", "output_seconds")
_ON_ERROR = ("raise", "skip", "null")


def check_columns(columns: Collection[str] | None) -> tuple[str, ...] | None:
    """Return `columns` in the order of the table, None for all.

    Raises
    ------
    UnknownNameError
        For a column that does not exist.
    """
    if columns is None:
        return None
    if isinstance(columns, str):
        raise TypeError(f"columns must be a sequence of names, got the string {columns!r}")
    for column in columns:
        if column not in COLUMNS:
            raise UnknownNameError("column", column, nearest_names(column, COLUMNS))
    return tuple(column for column in COLUMNS if column in columns)


class Ahead(NamedTuple):
    """How many rows to make before it is their turn.

    Attributes
    ----------
    threads : int
        Threads that make them, and decode their clips; 0 for none.
    nbytes : int
        Memory for what is made, in bytes, beside the few rows that are being made.
    """

    threads: int = 0
    nbytes: int = PREFETCH_BYTES


IN_TURN: Final = Ahead()
"""Each row is made when it is asked for."""


@dataclass(frozen=True)
class Wish:
    """What a stream is asked for.

    Attributes
    ----------
    config : Config
    splits : tuple of str
    columns : tuple of str, optional
        In the order of the table; None for all.
    on_error : {"raise", "skip", "null"}
        ``raise`` stops at a clip that is missing or whose header is bad, and leaves decoding until it is
        asked for. ``skip`` and ``null`` decode each clip before the row is given out, since only then is it
        known to be whole: a row with a bad clip is left out, or has None in its place.
    sampling_rate, channels : int, optional
        Of what decoding a clip returns, as in `LazyAudio`.
    ahead : Ahead
        How many rows to make before it is their turn.
    max_consecutive_failures : int, optional
        Rows in a row with a bad clip at which ``skip`` and ``null`` give up; None for never.
    """

    config: Config
    splits: tuple[str, ...]
    columns: tuple[str, ...] | None = None
    on_error: OnError = "raise"
    sampling_rate: int | None = None
    channels: int | None = None
    ahead: Ahead = IN_TURN
    max_consecutive_failures: int | None = MAX_CONSECUTIVE_FAILURES

    def __post_init__(self) -> None:
        if self.on_error not in _ON_ERROR:
            raise ValueError(f"on_error must be one of {', '.join(_ON_ERROR)}, got {self.on_error!r}")
        for name in ("sampling_rate", "channels", "max_consecutive_failures"):
            object.__setattr__(self, name, positive(name, getattr(self, name)))
        threads = whole("decode_threads", self.ahead.threads)
        nbytes = whole("prefetch_bytes", self.ahead.nbytes)
        if not nbytes:
            raise ValueError("prefetch_bytes must be at least 1, got 0")
        object.__setattr__(self, "ahead", Ahead(threads, nbytes))

    @cached_property
    def clip_columns(self) -> frozenset[str]:
        """Columns for which clips are touched: those asked for, or all if a bad clip decides on its row."""
        every = frozenset(CLIP_COLUMNS)
        asked_for = every if self.columns is None else every.intersection(self.columns)
        return every if asked_for and self.on_error != "raise" else asked_for

    @property
    def wants_sound(self) -> bool:
        """Whether clips are to be touched for more than their lengths."""
        return not self.clip_columns.isdisjoint(AUDIO_COLUMNS)


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a row stands, for messages; the line counts from 1."""

    file: str
    line: int
    byte_offset: int | None
    uuid: str


class SkipRow(Exception):
    """The row is to be left out."""


def listen(
    ids: Iterable[str],
    find: FindClip,
    wish: Wish,
    place: Place,
    quarantine: Quarantine,
) -> Clips:
    """Return the clips of one side of a row, having done what `wish` says about those that fail.

    Raises
    ------
    AudioError
        With ``on_error="raise"``, for a clip that cannot be found or read.
    SkipRow
        With ``on_error="skip"``; the clip is in `quarantine`.
    """
    clips: list[LazyAudio | None] = []
    seconds: list[float | None] = []
    for audio_id in ids:
        try:
            audio = find(audio_id)
            length = audio.seconds
            if not length:
                detail = "the clip has no frames"
                raise AudioError(audio_id, audio.location, ClipFault.EMPTY_AUDIO, detail)  # noqa: TRY301
            if wish.on_error != "raise":
                audio.preload()
            clips.append(audio)
            seconds.append(length)
        except AudioError as error:
            if wish.on_error == "raise":
                raise
            quarantine.add(_entry(error, place))
            if wish.on_error == "skip":
                raise SkipRow from None
            clips.append(None)
            seconds.append(None)
    return clips, seconds


def _entry(error: AudioError, place: Place) -> Entry:
    message = f"{error.detail} ({error.location})" if error.location else error.detail
    return Entry(place.file, place.line, place.byte_offset, error.fault, message, error.audio_id, place.uuid)
