"""Release trees for tests: small, made of tones, every row known."""

import gzip
import io
import json
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

RATE = 8000

TASKS = {
    "speech_asr": ("speech", "Speech Recognition", "Automatic Speech Recognition", "understanding"),
    "speech_zero_shot_tts": ("speech", "Speech Generation", "Zero-shot Text to Speech", "generation"),
    "music_key_detection": ("music", "Global MIR", "Key Detection", "understanding"),
    "audio_super_resolution": ("audio", "Audio Enhancement", "Audio Super-resolution", "generation"),
}


def tone(frames: int = 800, hz: float = 440.0, channels: int = 1) -> np.ndarray:
    """A sine of `frames` frames, float64 of shape (frames, channels)."""
    wave = 0.5 * np.sin(2 * np.pi * hz * np.arange(frames) / RATE)
    return np.repeat(wave[:, None], channels, axis=1)


def encoded(wave: np.ndarray, form: str = "FLAC", rate: int = RATE) -> bytes:
    """The clip as a file of the format `form`."""
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, rate, format=form, subtype="PCM_16")
    return buffer.getvalue()


def token(audio_id: str) -> str:
    return f"<|SOA|>{audio_id}<|EOA|>"


def record(uuid: Any, task: str = "speech_asr", **changes: Any) -> dict[str, Any]:
    """One record of `task` in the paper's form, with `changes` to its top-level keys."""
    domain, major, minor, direction = TASKS[task]
    return {
        "instruction": "Do what is asked.",
        "input": "audio: " + token("01_Read_0"),
        "output": "done",
        "uuid": uuid,
        "split": ["train"],
        "task_type": {"major": [major], "minor": [minor], "U/G": [direction], "unseen": False},
        "domain": domain,
        "source": ["studio"],
        "other": None,
    } | changes


def line(uuid: Any, task: str = "speech_asr", **changes: Any) -> bytes:
    """One record as a line of a metadata file, without the line break."""
    return json.dumps(record(uuid, task, **changes), ensure_ascii=False).encode()


def metadata_path(domain: str, direction: str, part: str, corpus: str, name: str) -> str:
    return f"metadata/{domain}/{direction}/{part}/{corpus}/jsonl/{name}"


def write(root: Path, path: str, data: bytes) -> Path:
    """Write a file of the tree; ``.gz`` is compressed."""
    full = root / path
    full.parent.mkdir(parents=True, exist_ok=True)
    full.write_bytes(gzip.compress(data) if path.endswith(".gz") else data)
    return full


def tar_of(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zip_of(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@dataclass
class SmallTree:
    """A tree and what is in it: (uuid, task, split, corpus, input ids, output ids) of each row, in order."""

    root: Path
    rows: list[tuple[str, str, str, str, list[str], list[str]]] = field(default_factory=list)
    waves: dict[str, np.ndarray] = field(default_factory=dict)
    """Samples of each clip by id."""

    def of(self, task: str, split: str | None = None) -> list[str]:
        return [row[0] for row in self.rows if row[1] == task and split in (None, row[2])]


def make_small_tree(root: Path) -> SmallTree:
    """Make four corpora: plain FLAC; WAV in a tar, prompts borrowed; two zips, CRLF; a gzipped file."""
    tree = SmallTree(root)
    ids = {
        "speech/01_Read": [f"01_Read_{i}" for i in range(4)],
        "speech/02_Synth": [f"02_Synth_{i}" for i in range(3)],
        "music/30_Keys": ["30 Keys 0", "30 Keys ü"],  # ids and paths may hold blanks
        "audio/50_Rain": ["50_Rain_0", "50_Rain_0_low"],
    }
    for n, audio_id in enumerate(i for group in ids.values() for i in group):
        tree.waves[audio_id] = tone(400 + 100 * n, 220 + 20 * n, channels=1 + (n == 8))
    _write_clips(tree, ids)
    _write_rows(tree)
    return tree


def _write_clips(tree: SmallTree, ids: dict[str, list[str]]) -> None:
    for audio_id in ids["speech/01_Read"]:
        write(tree.root, f"audio_files/speech/01_Read/wav/{audio_id}.flac", encoded(tree.waves[audio_id]))
    synth = {f"{i}.wav": encoded(tree.waves[i], "WAV") for i in ids["speech/02_Synth"]}
    write(tree.root, "audio_files/speech/02_Synth/clips.tar", tar_of(synth))
    keys = {f"30_Keys/{i}.flac": encoded(tree.waves[i]) for i in ids["music/30_Keys"]}
    write(tree.root, "audio_files/music/30_Keys.zip", zip_of(keys))
    rain = {f"{i}.wav": encoded(tree.waves[i], "WAV") for i in ids["audio/50_Rain"]}
    write(tree.root, "audio_files/audio/50_Rain/50_Rain.zip", zip_of(rain, zipfile.ZIP_STORED))

    own = {
        "speech/01_Read": "\n".join(
            f"{i} audio_files/speech/01_Read/wav/{i}.flac" for i in ids["speech/01_Read"]
        ),
        "speech/02_Synth": "\n".join(
            f"{i}\taudio_files/speech/02_Synth/{i}.wav" for i in ids["speech/02_Synth"]
        )
        + "\n01_Read_0   audio_files/speech/01_Read/wav/01_Read_0.flac\n",
        "music/30_Keys": "\r\n".join(f"{i}\taudio_files/music/30_Keys/{i}.flac" for i in ids["music/30_Keys"])
        + "\r\n\r\n",
        "audio/50_Rain": "\n".join(f"{i}\t./audio_files/audio/50_Rain/{i}.wav" for i in ids["audio/50_Rain"]),
    }
    for corpus, text in own.items():
        write(tree.root, f"scp_files/{corpus}.scp", text.encode())


def _write_rows(tree: SmallTree) -> None:
    files: dict[str, list[bytes]] = {}

    def add(
        path: str, uuid: str, task: str, place: str, sides: tuple[list[str], list[str]], **changes: Any
    ) -> None:
        released = "dev" if place == "validation" else place
        texts = {
            "input": "\n".join(map(token, sides[0])) or "text only",
            "output": "".join(map(token, sides[1])) or "an answer",
        }
        files.setdefault(path, []).append(line(uuid, task, **({"split": [released]} | texts | changes)))
        tree.rows.append((uuid, task, place, path.split("/")[4], *sides))

    rain = metadata_path("audio", "generation", "train_dev", "50_Rain", "train.jsonl.gz")
    add(rain, "sr-0", "audio_super_resolution", "train", (["50_Rain_0_low"], ["50_Rain_0"]))
    add(rain, "sr-1", "audio_super_resolution", "train", (["50_Rain_0"], ["50_Rain_0"]), domain="sound")
    keys = metadata_path("music", "understanding", "test", "30_Keys", "test.jsonl")
    add(keys, "key-0", "music_key_detection", "test", (["30 Keys 0"], []), split="test")
    add(keys, "key-1", "music_key_detection", "test", (["30 Keys ü"], []), source="choir", other={"n": 1.0})
    synth = metadata_path("speech", "generation", "train_dev", "02_Synth", "tts.jsonl")
    for i in range(3):
        add(synth, f"tts-{i}", "speech_zero_shot_tts", "train", (["01_Read_0"], [f"02_Synth_{i}"]))
    asr = metadata_path("speech", "understanding", "train_dev", "01_Read", "asr.jsonl")
    for i in range(3):
        split = "validation" if i == 2 else "train"
        add(asr, f"asr-{i}", "speech_asr", split, ([f"01_Read_{i}"], []), extra_key=[i, {"a": None}])

    for path, lines in files.items():
        ends = b"\r\n" if "30_Keys" in path else b"\n"
        start = b"\xef\xbb\xbf" if "01_Read" in path else b""
        write(tree.root, path, start + (ends * (2 if "02_Synth" in path else 1)).join(lines) + ends)
    tree.rows.sort(key=lambda row: next(n for n, p in enumerate(sorted(files)) if p.split("/")[4] == row[3]))
