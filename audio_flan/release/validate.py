"""Check a release from end to end: every row parses, every id resolves, every clip opens."""

from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
from xxhash import xxh3_64_intdigest

from audio_flan.records import Instance, Reason, Warn
from audio_flan.release.catalogue import Survey
from audio_flan.release.layout import MISPLACED, MetadataFile
from audio_flan.release.quarantine import Entry
from audio_flan.release.reader import Placed, read_instances
from audio_flan.release.release import Release
from audio_flan.release.report import Progress, Report
from audio_flan.release.scp import ScpLine
from audio_flan.waveform import AudioError, ClipFault, LazyAudio

_CLIPS_AT_ONCE = 512
_LENGTH_UNKNOWN = ("FLAC",)
"""Formats whose header does not say how many bytes there are: only decoding shows that the end is missing."""


def validate(
    release: Release, *, decode: bool = False, workers: int = 2, progress: Progress | None = None
) -> Report:
    """Check every record, every scp line and every clip of `release`.

    Parameters
    ----------
    decode : bool
        Whether to decode each clip whole; otherwise its header is read and its length checked against it,
        and only FLAC is decoded, whose header does not tell.
    workers : int
        Threads that open clips.
    progress : callable, optional
        See `Progress`.
    """
    report = Report("release")
    for entity in release.layout.misplaced:
        report.entries.add(Entry(entity.path, None, None, Reason.MISPLACED_FILE, MISPLACED))
    report.entries.merge(release.clips.faults)
    bad_clips = _check_clips(release, report, decode, workers, progress)
    _check_rows(release, report, bad_clips, progress)
    return report


def _check_clips(
    release: Release, report: Report, decode: bool, workers: int, progress: Progress | None
) -> frozenset[str]:
    """Open every clip; return the ids of those that are not good."""

    def check(line: ScpLine) -> Entry | None:
        try:
            audio = LazyAudio(release.clips.locate(line.audio_id), line.audio_id)
            whole = decode or audio.format in _LENGTH_UNKNOWN
            frames = audio.decode().shape[1] if whole else audio.frames
        except AudioError as error:
            return Entry(line.path, None, None, error.fault, error.detail, line.audio_id)
        if frames == 0:
            return Entry(
                line.path, None, None, ClipFault.EMPTY_AUDIO, "the clip has no frames", line.audio_id
            )
        return None

    bad: set[str] = set()
    lines, total = iter(release.clips), len(release.clips)
    with ThreadPoolExecutor(workers) as pool:
        while batch := list(islice(lines, _CLIPS_AT_ONCE)):
            for line, entry in zip(batch, pool.map(check, batch), strict=True):
                if entry:
                    bad.add(line.audio_id)
                    report.entries.add(entry)
                else:
                    report.clips += 1
            if progress:
                progress("clips", report.clips + len(bad), total)
    return frozenset(bad)


def _check_rows(
    release: Release, report: Report, bad_clips: frozenset[str], progress: Progress | None
) -> None:
    hashes = array("Q")
    done, total = 0, sum(file.size for file in release.layout.metadata)
    for file in release.layout.metadata:
        survey = Survey(file)

        def report_fault(entry: Entry, survey: Survey = survey) -> None:
            survey.add_fault(entry)
            report.entries.add(entry)

        last_line = 0
        for placed in read_instances(release.tree, file, report_fault, report.warnings.add):
            instance = placed.instance
            survey.add(instance)
            if placed.line != last_line:  # a record of two tasks has one uuid, rightly
                hashes.append(xxh3_64_intdigest(instance.uuid.encode()))
                last_line = placed.line
            fault = _clip_fault(release, instance, bad_clips)
            if fault is None:
                report.rows += 1
            else:
                reason, audio_id, detail = fault
                place = (file.path, placed.line, placed.byte_offset)
                report.entries.add(Entry(*place, reason, detail, audio_id, instance.uuid))
        release.catalogue.put(file, survey.facts())
        done += file.size
        if progress:
            progress("rows", done, total)
    release.catalogue.save()
    report.warnings.extend(_duplicates(release, hashes))


def _clip_fault(
    release: Release, instance: Instance, bad_clips: frozenset[str]
) -> tuple[Reason, str, str] | None:
    for audio_id in (*instance.input_audio_ids, *instance.output_audio_ids):
        if audio_id in bad_clips:
            return (
                Reason.UNUSABLE_AUDIO,
                audio_id,
                f"the clip {audio_id!r} cannot be used; it has an entry of its own",
            )
        if audio_id not in release.clips:
            return Reason.UNKNOWN_AUDIO_ID, audio_id, f"no scp file lists the id {audio_id!r}"
    return None


def _duplicates(release: Release, hashes: "array[int]") -> Iterator[Entry]:
    """Name the records whose uuid an earlier one has; the files are read again only when there are any."""
    values = np.frombuffer(hashes, np.uint64) if hashes else np.empty(0, np.uint64)
    values.sort()
    repeated = set(values[1:][values[1:] == values[:-1]].tolist())
    if not repeated:
        return
    first: dict[str, str] = {}
    for file in release.layout.metadata:
        last_line = 0
        for placed in _records(release, file):
            uuid = placed.instance.uuid
            if placed.line == last_line or xxh3_64_intdigest(uuid.encode()) not in repeated:
                continue
            last_line = placed.line
            here = f"{file.path}:{placed.line}"
            if first.setdefault(uuid, here) != here:
                message = f"the uuid occurs at {first[uuid]} already; both rows are kept"
                yield Entry(
                    file.path, placed.line, placed.byte_offset, Warn.DUPLICATE_UUID, message, None, uuid
                )


def _records(release: Release, file: MetadataFile) -> Iterator[Placed]:
    return read_instances(release.tree, file, lambda _: None)
