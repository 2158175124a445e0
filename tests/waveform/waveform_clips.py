"""Clips made for the tests of `audio_flan.waveform`, and what they should decode to."""

import io
import struct
import tempfile
import wave
from pathlib import Path

import av
import numpy as np
import soundfile

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"

# (container, subtype, file name) that soundfile writes; one of each decoder path of ours that it covers
WRITTEN = [
    ("WAV", "PCM_U8"),
    ("WAV", "PCM_16"),
    ("WAV", "PCM_24"),
    ("WAV", "PCM_32"),
    ("WAV", "FLOAT"),
    ("WAV", "DOUBLE"),
    ("WAVEX", "PCM_16"),
    ("WAVEX", "FLOAT"),
    ("RF64", "PCM_16"),
    ("WAV", "ULAW"),
    ("WAV", "ALAW"),
    ("WAV", "IMA_ADPCM"),
    ("WAV", "MS_ADPCM"),
    ("WAV", "GSM610"),
    ("FLAC", "PCM_S8"),
    ("FLAC", "PCM_16"),
    ("FLAC", "PCM_24"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
    ("AIFF", "PCM_16"),
    ("AIFF", "PCM_24"),
    ("AU", "PCM_16"),
    ("CAF", "PCM_16"),
    ("CAF", "ALAC_16"),
    ("W64", "PCM_24"),
]
LOSSLESS = [
    (form, subtype)
    for form, subtype in WRITTEN
    if subtype not in ("VORBIS", "OPUS", "MPEG_LAYER_III", "IMA_ADPCM", "MS_ADPCM", "GSM610")
]


def sound(frames, channels=1, rate=16_000, seed=0):
    """A chirp in noise, float64 of shape (frames, channels), within ±0.9."""
    rng = np.random.default_rng(seed)
    time = np.arange(frames) / rate
    chirp = 0.4 * np.sin(2 * np.pi * (200 + 300 * time) * time)
    return np.stack([chirp * (1 - 0.1 * c) for c in range(channels)], 1) + rng.uniform(
        -0.1, 0.1, (frames, channels)
    )


def written(form, subtype, frames=8000, channels=1, rate=16_000, seed=0):
    """An encoded clip, by soundfile."""
    buffer = io.BytesIO()
    channels = 1 if subtype == "GSM610" else channels
    soundfile.write(buffer, sound(frames, channels, rate, seed), rate, format=form, subtype=subtype)
    return buffer.getvalue()


def reference(data):
    """What soundfile decodes: float32 of shape (channels, frames)."""
    return soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)[0].T


def chunk(name, body):
    """A RIFF chunk, padded to an even size."""
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def pcm_wav(samples, rate=16_000):
    """A plain 16-bit WAV, by the standard library."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def by_ffmpeg(container_format, codec, rate, frames, channels=1, options=None):
    """An encoded clip, by FFmpeg."""
    layout = {1: "mono", 2: "stereo"}[channels]
    planes = sound(frames, channels, rate).T.astype(np.float32)
    # A file, since "faststart" moves the index to the front by opening the file again.
    with tempfile.NamedTemporaryFile() as file:
        _encode(file.name, container_format, codec, rate, layout, planes, options or {})
        return Path(file.name).read_bytes()


def _encode(path, container_format, codec, rate, layout, planes, options):
    with av.open(path, "w", format=container_format, options=options) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(planes), format="fltp", layout=layout)
        frame.sample_rate = rate
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def m4a(frames=24_000, rate=16_000, channels=1, faststart=False):
    options = {"movflags": "faststart"} if faststart else {}
    return by_ffmpeg("ipod", "aac", rate, frames, channels, options)


def webm(frames=48_000, channels=1):
    return by_ffmpeg("webm", "libopus", 48_000, frames, channels)


def flac_of_unknown_length(data, md5=True):
    """A FLAC clip as an encoder writes it that cannot seek back to enter the length."""
    changed = bytearray(data)
    changed[21] &= 0xF0
    changed[22:26] = bytes(4)
    if not md5:
        changed[26:42] = bytes(16)
    return bytes(changed)
