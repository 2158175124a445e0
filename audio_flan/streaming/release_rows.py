"""Rows of the release form: records of metadata files, and clips by the scp files."""

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Final

from audio_flan.records import SPLITS, Instance
from audio_flan.release import (
    Entry,
    MetadataFile,
    Quarantine,
    Release,
    Report,
    Summary,
    Survey,
    read_instances,
)
from audio_flan.release.reader import Placed
from audio_flan.release.report import Progress
from audio_flan.streaming.rows import NO_CLIPS, Clips, FindClip, MakeRow, Place, Row, SkipRow, Wish, listen
from audio_flan.taxonomy import Config
from audio_flan.waveform import LazyAudio

_INPUT_COLUMNS: Final = ("input_audio", "input_seconds")
_OUTPUT_COLUMNS: Final = ("output_audio", "output_seconds")
"""Columns for which the clips of each side are touched: their lengths are in their headers."""


class ReleaseRows:
    """Rows of a release, in the order of the metadata files and of the lines in them.

    The methods are those of `RowSource`.
    """

    form = "release"

    def __init__(self, release: Release) -> None:
        self.release = release

    @property
    def root(self) -> str:
        """Folder or URL."""
        return self.release.root

    @property
    def fingerprint(self) -> str:
        """Hash of the metadata and scp files."""
        return self.release.fingerprint

    def files(self, config: Config, splits: Collection[str]) -> list[MetadataFile]:
        """List metadata files whose folders do not rule them out."""
        return self.release.files(config, splits)

    def row_makers(
        self, file: MetadataFile, wish: Wish, quarantine: Quarantine, skip: int = 0
    ) -> Iterator[MakeRow]:
        """Yield what makes each row; reading a file to its end tells the catalogue what it holds."""
        if self.release.nothing_in(file, wish.config, wish.splits):
            return
        survey = Survey(file)

        def report(entry: Entry) -> None:
            survey.add_fault(entry)
            quarantine.add(entry)

        tasks, splits = wish.config.task_names, wish.splits
        finished = partial(self._finished, file, wish, partial(self._find, wish))
        for placed in read_instances(self.release.tree, file, report):
            instance = placed.instance
            survey.add(instance)
            if instance.task not in tasks or instance.split not in splits:
                continue
            if skip:
                skip -= 1
                continue
            yield partial(finished, placed)
        self.release.catalogue.put(file, survey.facts())

    def _finished(
        self, file: MetadataFile, wish: Wish, find: FindClip, placed: Placed, quarantine: Quarantine
    ) -> Row | None:
        instance = placed.instance
        inputs = outputs = NO_CLIPS
        place = Place(file.path, placed.line, placed.byte_offset, instance.uuid)
        try:
            if not wish.clip_columns.isdisjoint(_INPUT_COLUMNS):
                inputs = listen(instance.input_audio_ids, find, wish, place, quarantine)
            if not wish.clip_columns.isdisjoint(_OUTPUT_COLUMNS):
                outputs = listen(instance.output_audio_ids, find, wish, place, quarantine)
        except SkipRow:
            return None
        row = _row(instance, file.corpus, inputs, outputs)
        return row if wish.columns is None else {name: row[name] for name in wish.columns}

    def _find(self, wish: Wish, audio_id: str) -> LazyAudio:
        source = self.release.clips.locate(audio_id)
        return LazyAudio(source, audio_id, sampling_rate=wish.sampling_rate, channels=wish.channels)

    def count(self, files: Sequence[MetadataFile], config: Config, splits: Collection[str]) -> int:
        """Count rows; reads the metadata files that the catalogue does not know yet."""
        facts = self.release.catalogue.complete(self.release.tree, files)
        return sum(each.rows(config.task_names, splits) for each in facts)

    def splits_allowed(self, config: Config) -> list[str]:
        """List the splits that the folders allow for."""
        return [split for split in SPLITS if self.release.files(config, [split])]

    def splits_with_rows(self, config: Config) -> list[str]:
        """List splits with rows; files are read as far as it takes to see one of each."""
        return self.release.splits_with_rows(config)

    def state_key(self, file: MetadataFile) -> object:
        """Return path and size."""
        return file.path, file.size

    def end_pass(self) -> None:
        """Save the catalogue."""
        self.release.catalogue.save()

    def summarise(self, progress: Callable[[int, int], None] | None = None) -> Summary:
        """Count; reads the metadata files that the catalogue does not know yet."""
        from audio_flan.release.summary import summarise

        return summarise(self.release, progress)

    def check(
        self,
        *,
        decode: bool = False,
        deep: bool = False,  # noqa: ARG002 - a release has no hashes
        workers: int = 2,
        progress: Progress | None = None,
    ) -> Report:
        """Check every record, every scp line and every clip."""
        from audio_flan.release.validate import validate

        return validate(self.release, decode=decode, workers=workers, progress=progress)


def _row(instance: Instance, corpus: str, inputs: Clips, outputs: Clips) -> Row:
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
