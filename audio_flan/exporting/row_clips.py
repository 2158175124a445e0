"""The clips that rows come with, as files."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from audio_flan.exporting.clip_files import ClipFile, check_clip, store_clip
from audio_flan.exporting.job import Job
from audio_flan.streaming.release_rows import ReleaseRows
from audio_flan.waveform import AudioError, LazyAudio

_SIDES: Final = ("input", "output")
_RECENT_CLIPS: Final = 1 << 14


class RowClips:
    """Clips of rows as files; those that were met lately are not looked at again."""

    def __init__(self, job: Job) -> None:
        self._source, self._folder = job.source, job.clips
        self._stores = job.request.to != "jsonl"
        self._links = job.request.to != "chat"  # there people change clips in place
        self._recent: OrderedDict[str, ClipFile | AudioError] = OrderedDict()
        self._written = False

    def of_row(self, row: Mapping[str, Any]) -> list[ClipFile]:
        """Return the clips of a row, those of the input first.

        Raises
        ------
        AudioError
            For the first one that cannot be used.
        """
        return [self._of(*pair) for side in _SIDES for pair in self._of_side(row, side)]

    def seconds_of_row(self, row: Mapping[str, Any]) -> dict[str, list[float | None]]:
        """Return the lengths of the clips of a row by column; None for a clip that cannot be opened."""
        columns = {side: f"{side}_seconds" for side in _SIDES}
        if all(column in row for column in columns.values()):
            return {column: row[column] for column in columns.values()}
        return {
            column: [self._seconds(*pair) for pair in self._of_side(row, side)]
            for side, column in columns.items()
        }

    def take_written(self) -> bool:
        """Say whether clips have been put there since the last call."""
        written, self._written = self._written, False
        return written

    def _of_side(self, row: Mapping[str, Any], side: str) -> Iterator[tuple[str, LazyAudio | None]]:
        ids = row[f"{side}_audio_ids"]
        return zip(ids, row.get(f"{side}_audio", [None] * len(ids)), strict=True)

    def _seconds(self, audio_id: str, audio: LazyAudio | None) -> float | None:
        try:
            return self._of(audio_id, audio).seconds
        except AudioError:
            return None

    def _of(self, audio_id: str, audio: LazyAudio | None) -> ClipFile:
        found = self._recent.get(audio_id)
        if found is None:
            found = self._open(audio_id, audio)
            self._recent[audio_id] = found
            if len(self._recent) > _RECENT_CLIPS:
                self._recent.popitem(last=False)
        if isinstance(found, AudioError):
            raise found
        return found

    def _open(self, audio_id: str, audio: LazyAudio | None) -> ClipFile | AudioError:
        try:
            if audio is None:
                audio = self._find(audio_id)
            if not self._stores:
                return ClipFile("", check_clip(audio)[1])
            self._written = True
            return store_clip(audio, self._folder, link=self._links)
        except AudioError as error:
            return error

    def _find(self, audio_id: str) -> LazyAudio:
        """Return a clip of a release, whose rows come without."""
        if not isinstance(self._source, ReleaseRows):
            raise TypeError(f"rows of the {self._source.form} form come with their clips")
        return LazyAudio(self._source.release.clips.locate(audio_id), audio_id)
