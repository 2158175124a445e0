"""The released form on disk: metadata, scp tables and audio files."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5
from zlib import crc32

import numpy as np

from audio_flan.demo.encode import ENCODINGS, encode
from audio_flan.demo.parts import Clip, Instance, clips_of
from audio_flan.demo.wording import TASKS
from audio_flan.demo.wording.form import input_text, instruction, output_text

NAMESPACE = UUID("6f0c1d52-8a51-5f3e-9d0e-5b0f8e2f7a11")

SPLITS = ("train", "dev", "test", "train", "train", "train")


@dataclass(frozen=True)
class Source:
    """A source folder of the release.

    Attributes
    ----------
    domain
        Domain of its records.
    kind
        What its records say in `source`, sometimes a list and sometimes a string.
    separator
        Between id and path in its scp table.
    by_task
        One metadata file per task instead of one per split.
    packed
        Metadata files are gzipped.
    """

    domain: str
    kind: str | list[str]
    separator: str = "\t"
    by_task: bool = False
    packed: bool = False


SOURCES = {
    "01_EspeakRead": Source("speech", ["synthetic speech"]),
    "02_EspeakWorld": Source("speech", "synthetic speech", " "),
    "03_EspeakStyle": Source("speech", ["synthetic speech"], by_task=True),
    "04_SimulatedRooms": Source("speech", ["synthetic speech", "simulated"], " "),
    "05_SpeakerMixes": Source("speech", "synthetic speech, mixed", by_task=True),
    "06_CopySynth": Source("speech", ["unknown"]),
    "11_SynthNotes": Source("music", ["synthesiser"], " "),
    "12_SynthTracks": Source("music", "synthesiser", by_task=True),
    "13_FormantSongs": Source("music", ["synthetic singing"]),
    "14_TrackPairs": Source("music", ["synthesiser"], packed=True),
    "21_SynthEvents": Source("audio", ["synthesiser"]),
    "22_EventScapes": Source("audio", "synthesiser", " ", by_task=True),
    "23_EventMixes": Source("audio", ["synthesiser", "mixed"]),
    "24_MendedSounds": Source("audio", ["unknown"], " "),
    "25_Segments": Source("audio", "synthetic speech and sound"),
}

Record = dict[str, Any]


@dataclass(frozen=True)
class Counts:
    """What was written: records, tasks, clips, seconds and bytes of audio files, scp tables and metadata."""

    instances: int
    tasks: int
    clips: int
    seconds: float
    bytes: int


def records_of(instances: Iterable[Instance], seed: int) -> list[tuple[Instance, Record]]:
    """Give every instance its wording, split and uuid; splits are dealt out within each task at random."""
    by_task: dict[str, list[Instance]] = defaultdict(list)
    for instance in instances:
        by_task[instance.task].append(instance)
    result = []
    for task, group in by_task.items():
        rng = np.random.default_rng([seed, crc32(task.encode())])
        for place, index in enumerate(rng.permutation(len(group))):
            split = SPLITS[place % len(SPLITS)]
            uuid = uuid5(NAMESPACE, f"{seed}/{task}/{index}")
            result.append((group[index], _record(group[index], split, uuid, rng)))
    return result


def _record(instance: Instance, split: str, uuid: UUID, rng: np.random.Generator) -> Record:
    task = TASKS[instance.task]
    source = SOURCES[instance.corpus]
    makes_audio = "<|SOA|>" in (answer := output_text(task.wording, instance, rng))
    return {
        "instruction": instruction(task.wording, instance, rng),
        "input": input_text(instance, rng),
        "output": answer,
        "uuid": str(uuid),
        "split": [split],
        "task_type": {
            "major": [task.major],
            "minor": [instance.task],
            "U/G": ["generation" if makes_audio else "understanding"],
            "unseen": split == "test" and bool(rng.random() < 0.1),
        },
        "domain": source.domain,
        "source": source.kind,
        "other": instance.other,
    }


def metadata_path(corpus: str, record: Record) -> Path:
    """Where a record lies, relative to the root."""
    source = SOURCES[corpus]
    split = record["split"][0]
    stem = record["task_type"]["minor"][0].replace(",", "").replace(" ", "_") if source.by_task else split
    part = "test" if split == "test" else "train_dev"
    suffix = ".jsonl.gz" if source.packed else ".jsonl"
    direction = record["task_type"]["U/G"][0]
    return Path("metadata", source.domain, direction, part, corpus, "jsonl", stem + suffix)


def audio_path(clip: Clip) -> Path:
    """Where a clip lies, relative to the root."""
    folder = Path("audio_files", SOURCES[clip.corpus].domain, clip.corpus)
    return folder / (clip.name + ENCODINGS[clip.encoding].suffix)


def write_release(root: Path, instances: Sequence[Instance], seed: int) -> Counts:
    """Write metadata, scp tables and audio files under `root`."""
    records = records_of(instances, seed)
    files: dict[Path, bytes] = {}
    lines: dict[Path, list[str]] = defaultdict(list)
    for instance, record in records:
        lines[metadata_path(instance.corpus, record)].append(json.dumps(record, ensure_ascii=False))
    for path, texts in lines.items():
        data = ("\n".join(texts) + "\n").encode()
        files[path] = gzip.compress(data, mtime=0) if path.suffix == ".gz" else data
    files |= _tables(instances)
    clips = {clip.audio_id: clip for instance in instances for clip in clips_of(instance)}
    files |= {audio_path(clip): encode(clip) for clip in clips.values()}
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return Counts(
        instances=len(records),
        tasks=len({instance.task for instance in instances}),
        clips=len(clips),
        seconds=sum(clip.seconds for clip in clips.values()),
        bytes=sum(len(data) for data in files.values()),
    )


def _tables(instances: Sequence[Instance]) -> dict[Path, bytes]:
    rows: dict[str, dict[str, Path]] = defaultdict(dict)
    for instance in instances:
        for clip in clips_of(instance):
            rows[instance.corpus][clip.audio_id] = audio_path(clip)
    tables = {}
    for corpus, paths in rows.items():
        source = SOURCES[corpus]
        text = "".join(f"{one}{source.separator}{paths[one].as_posix()}\n" for one in sorted(paths))
        tables[Path("scp_files", source.domain, f"{corpus}.scp")] = text.encode()
    return tables
