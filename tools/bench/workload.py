"""A release tree of clips of real size, made on the spot: 2 to 15 seconds, each used by four rows."""

import io
import json
from pathlib import Path

import numpy as np
import soundfile

SUFFIX = {"FLAC": "flac", "WAV": "wav", "OGG": "ogg", "MP3": "mp3"}
ROWS_PER_CLIP = 4
SAMPLING_RATE = 16_000


def make_release(root: Path, audio_format: str, clips: int, *, repeats: int = 1, seed: int = 0) -> Path:
    """Write a release of speech-like clips in one format; `repeats` multiplies the rows, not the clips."""
    rng = np.random.default_rng(seed)
    suffix = SUFFIX[audio_format]
    audio = root / "audio_files/speech/01_Bench"
    metadata = root / "metadata/speech/understanding/train_dev/01_Bench/jsonl"
    for folder in (audio, metadata, root / "scp_files/speech"):
        folder.mkdir(parents=True)
    ids = [f"01_Bench_{i:06d}" for i in range(clips)]
    with (root / "scp_files/speech/01_Bench.scp").open("w") as scp:
        for audio_id in ids:
            name = f"{audio_id}.{suffix}"
            (audio / name).write_bytes(encode(speech_like(rng), audio_format))
            scp.write(f"{audio_id}\taudio_files/speech/01_Bench/{name}\n")
    with (metadata / "train.jsonl").open("w") as lines:
        for number in range(clips * ROWS_PER_CLIP * repeats):
            lines.write(json.dumps(record(number, ids[number % clips])) + "\n")
    return root


def speech_like(rng: np.random.Generator, seconds: tuple[float, float] = (2, 15)) -> np.ndarray:
    """Voiced and unvoiced stretches with pauses; FLAC makes about 57 % of it, as of recorded speech."""
    frames = int(rng.uniform(*seconds) * SAMPLING_RATE)
    time = np.arange(frames) / SAMPLING_RATE
    pitch = 120 + 60 * np.sin(2 * np.pi * 0.4 * time + rng.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLING_RATE
    voiced = sum(np.sin(k * phase) / k for k in range(1, 16))
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * time + rng.uniform(0, 6)) + 0.3, 0, 1)
    return 0.12 * syllables * voiced + 0.004 * rng.standard_normal(frames)


def encode(samples: np.ndarray, audio_format: str) -> bytes:
    """Return a file of 16 kHz, mono."""
    buffer = io.BytesIO()
    subtype = "PCM_16" if audio_format in ("FLAC", "WAV") else None
    soundfile.write(buffer, samples, SAMPLING_RATE, format=audio_format, subtype=subtype)
    return buffer.getvalue()


def record(number: int, audio_id: str) -> dict[str, object]:
    """Return what a release says of one row."""
    return {
        "instruction": "Please write down what is said in this recording.",
        "input": f"audio: <|SOA|>{audio_id}<|EOA|>",
        "output": f"This is the transcript of utterance {number}, of about the length that a sentence has.",
        "uuid": f"{number:032x}",
        "split": ["train"],
        "task_type": {
            "major": ["Speech Recognition"],
            "minor": ["Automatic Speech Recognition"],
            "U/G": ["understanding"],
            "unseen": False,
        },
        "domain": "speech",
        "source": ["audiobook"],
        "other": None,
    }
