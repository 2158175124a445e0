"""From instances to rows: the columns of the design (section 4), audio as `LazyAudio`."""

from collections.abc import Collection
from typing import Any, Literal

from audio_flan.records import Instance
from audio_flan.records.schema import AUDIO_COLUMNS, COLUMNS
from audio_flan.release import Entry, MetadataFile, Quarantine, Release
from audio_flan.release.reader import Placed
from audio_flan.taxonomy.errors import UnknownNameError, nearest_names
from audio_flan.waveform import AudioError, ClipFault, LazyAudio

OnError = Literal["raise", "skip", "null"]
Row = dict[str, Any]

_Clips = tuple[list[LazyAudio | None], list[float | None]]
"""Clips and their lengths in seconds."""
_NO_CLIPS: _Clips = ([], [])
_CLIP_COLUMNS = (*AUDIO_COLUMNS, "input_seconds", "output_seconds")


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


class RowMaker:
    """Makes rows of instances, and says what is to be done about clips that fail.

    Parameters
    ----------
    on_error : {"raise", "skip", "null"}
        ``raise`` stops at a clip that is missing or whose header is bad, and leaves decoding until it is
        asked for. ``skip`` and ``null`` decode each clip before the row is given out, since only then is it
        known to be whole: a row with a bad clip is left out, or has None in its place.
    """

    def __init__(
        self, release: Release, on_error: OnError, columns: tuple[str, ...] | None, quarantine: Quarantine
    ) -> None:
        self._clips = release.clips
        self._root = release.root
        self._on_error, self._columns, self._quarantine = on_error, columns, quarantine
        self._wants_clips = columns is None or not set(columns).isdisjoint(_CLIP_COLUMNS)

    def row(self, placed: Placed, file: MetadataFile) -> Row | None:
        """Return the row, or None when it is to be skipped.

        Raises
        ------
        AudioError
            With ``on_error="raise"``, for a clip that cannot be found or read.
        """
        instance = placed.instance
        inputs = outputs = _NO_CLIPS
        if self._wants_clips:
            try:
                inputs = self._listen(instance.input_audio_ids, placed, file)
                outputs = self._listen(instance.output_audio_ids, placed, file)
            except _Skip:
                return None
        row = _row(instance, file.corpus, inputs, outputs)
        return row if self._columns is None else {name: row[name] for name in self._columns}

    def _listen(self, ids: list[str], placed: Placed, file: MetadataFile) -> _Clips:
        clips: list[LazyAudio | None] = []
        seconds: list[float | None] = []
        for audio_id in ids:
            try:
                audio = LazyAudio(self._clips.locate(audio_id), audio_id)
                length = audio.seconds
                if not length:
                    detail = "the clip has no frames"
                    raise AudioError(audio_id, audio.location, ClipFault.EMPTY_AUDIO, detail)  # noqa: TRY301
                if self._on_error != "raise":
                    audio.preload()
                clips.append(audio)
                seconds.append(length)
            except AudioError as error:
                if self._on_error == "raise":
                    raise
                self._note(error, placed, file)
                if self._on_error == "skip":
                    raise _Skip from None
                clips.append(None)
                seconds.append(None)
        return clips, seconds

    def _note(self, error: AudioError, placed: Placed, file: MetadataFile) -> None:
        message = f"{error.detail} ({error.location})" if error.location else error.detail
        self._quarantine.add(
            Entry(
                file.path,
                placed.line,
                placed.byte_offset,
                error.fault,
                message,
                error.audio_id,
                placed.instance.uuid,
            )
        )


class _Skip(Exception):
    """The row is to be left out."""


def _row(
    instance: Instance,
    corpus: str,
    inputs: _Clips,
    outputs: _Clips,
) -> Row:
    return {
        "uuid": instance.uuid,
        "instruction": instance.instruction,
        "input": instance.input,
        "output": instance.output,
        "split": instance.split,
        "domain": instance.domain,
        "major": instance.major,
        "minor": instance.minor,
        "task": instance.task,
        "direction": instance.direction,
        "unseen": instance.unseen,
        "source": instance.source,
        "corpus": corpus,
        "other": instance.other,
        "extra": instance.extra,
        "input_audio": inputs[0],
        "output_audio": outputs[0],
        "input_audio_ids": instance.input_audio_ids,
        "output_audio_ids": instance.output_audio_ids,
        "input_seconds": inputs[1],
        "output_seconds": outputs[1],
    }
