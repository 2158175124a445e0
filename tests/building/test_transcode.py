"""FLAC loses no sample, Opus no length; what does not fit stays as it is, and that is counted."""

import io
import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from built import Built, cells_of, key_of, tree
from trees import line, metadata_path, token, write
from xxhash import xxh3_64_intdigest

import audio_flan
from audio_flan.building import build
from audio_flan.building.transcode import OPUS_CHANNEL_BITRATE, opus_rate, transcode
from audio_flan.shards import read_manifest, verify
from audio_flan.shards.index import read_index
from audio_flan.waveform import AudioError, BytesSource, LazyAudio, read_header

RNG = np.random.default_rng(0)


def encoded(
    subtype: str, form: str = "WAV", rate: int = 16000, channels: int = 1, frames: int = 3000
) -> bytes:
    """Noise over the whole range of numbers that the encoding has."""
    samples = RNG.integers(-(2**31), 2**31, (frames, channels), dtype=np.int64).astype(np.int32)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=form, subtype=subtype)
    return buffer.getvalue()


def integers(data: bytes) -> np.ndarray:
    return soundfile.read(io.BytesIO(data), dtype="int32", always_2d=True)[0]


def changed(data: bytes, transcoding: str) -> bytes | None:
    return transcode(data, read_header(data), "x", transcoding)


@pytest.mark.parametrize("channels", [1, 2, 8])
@pytest.mark.parametrize("rate", [8000, 11025, 44100, 192000])
@pytest.mark.parametrize(
    ("form", "subtype"),
    [("WAV", "PCM_U8"), ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("AIFF", "PCM_S8"), ("AIFF", "PCM_16"),
     ("AIFF", "PCM_24"), ("WAVEX", "PCM_16")],
)  # fmt: skip
def test_flac_has_the_very_same_samples(form, subtype, rate, channels):
    data = encoded(subtype, form, rate, channels)
    flac = changed(data, "flac")
    header = read_header(flac)
    assert (header.format, header.sampling_rate, header.channels, header.frames) == (
        "FLAC",
        rate,
        channels,
        3000,
    )
    assert np.array_equal(integers(flac), integers(data))
    ours = LazyAudio(BytesSource(flac, "x"), "x").decode()  # by another decoder
    assert np.array_equal(ours, LazyAudio(BytesSource(data, "x"), "x").decode())


@pytest.mark.parametrize("frames", [1, 65_535, 65_536, 65_537, 200_000])
def test_flac_of_clips_of_several_blocks(frames):
    data = encoded("PCM_16", frames=frames)
    assert np.array_equal(integers(changed(data, "flac")), integers(data))


@pytest.mark.parametrize(
    "data",
    [
        encoded("PCM_16", "FLAC"),
        encoded("PCM_32"),
        encoded("FLOAT"),
        encoded("DOUBLE"),
        encoded("ULAW"),
        encoded("VORBIS", "OGG"),
        encoded("OPUS", "OGG"),
        encoded("MPEG_LAYER_III", "MP3"),
        encoded("PCM_16", channels=9),
        encoded("PCM_16", rate=700_000),
    ],
    ids=["flac", "32 bits", "float", "double", "ulaw", "vorbis", "opus", "mp3", "9 channels", "700 kHz"],
)
def test_what_stays_as_it_is_with_flac(data):
    assert changed(data, "flac") is None


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 96000])
def test_opus_keeps_length_and_channels(rate, channels):
    time = np.arange(3 * rate) / rate
    sides = [0.5 * np.sin(2 * np.pi * hertz * time) for hertz in (300, 700)[:channels]]
    buffer = io.BytesIO()
    soundfile.write(buffer, np.stack(sides, 1), rate, format="WAV", subtype="PCM_16")
    opus = changed(buffer.getvalue(), "opus")
    header = read_header(opus)
    assert (header.subtype, header.channels, header.sampling_rate) == ("OPUS", channels, opus_rate(rate))
    assert abs(header.seconds - 3) < 0.02
    heard = LazyAudio(BytesSource(opus, "x"), "x").decode()
    for side, hertz in zip(heard, (300, 700), strict=False):
        spectrum = np.abs(np.fft.rfft(side))
        assert spectrum.argmax() * header.sampling_rate / len(side) == pytest.approx(hertz, abs=1)
    assert opus == changed(buffer.getvalue(), "opus")


def test_the_bitrate_of_opus():
    data = encoded("PCM_16", channels=2, frames=16000 * 5)
    assert len(changed(data, "opus")) * 8 / 5 == pytest.approx(2 * OPUS_CHANNEL_BITRATE, rel=0.15)


@pytest.mark.parametrize(
    "data", [encoded("OPUS", "OGG"), encoded("PCM_16", channels=3)], ids=["opus", "3 channels"]
)
def test_what_stays_as_it_is_with_opus(data):
    assert changed(data, "opus") is None


def test_the_rates_of_opus():
    assert [opus_rate(rate) for rate in (6000, 8000, 8001, 22050, 44100, 48000, 192000)] == [
        8000, 8000, 12000, 24000, 48000, 48000, 48000,
    ]  # fmt: skip


def test_a_clip_that_does_not_decode_is_named():
    data = bytearray(encoded("PCM_16", "FLAC", frames=50_000))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(AudioError, match="'x'"):
        changed(bytes(data), "opus")


FORMS = {
    "wav": encoded("PCM_16"),
    "wav24": encoded("PCM_24", channels=2),
    "float": encoded("FLOAT"),
    "flac": encoded("PCM_16", "FLAC"),
    "mp3": encoded("MPEG_LAYER_III", "MP3"),
    "ogg": encoded("OPUS", "OGG"),
}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory) -> Path:
    """A release with a clip of each form; the first is in two rows."""
    root = tmp_path_factory.mktemp("mixed") / "root"
    ids = list(FORMS)
    for name, data in FORMS.items():
        write(root, f"audio_files/speech/01_Mixed/{name}.bin", data)
    scp = "".join(f"{name}\taudio_files/speech/01_Mixed/{name}.bin\n" for name in ids)
    write(root, "scp_files/speech/01_Mixed.scp", scp.encode())
    lines = [line(f"r{i}", input=token(name)) for i, name in enumerate([*ids, ids[0]])]
    path = metadata_path("speech", "understanding", "train_dev", "01_Mixed", "a.jsonl")
    write(root, path, b"\n".join(lines) + b"\n")
    return root


@pytest.mark.parametrize("form", ["indexed", "embedded"])
@pytest.mark.parametrize(("transcoding", "count"), [("flac", 2), ("opus", 5)])
def test_a_build_of_mixed_clips(mixed, out, form, transcoding, count):
    made = Built(out, build(mixed, out, form, transcode=transcoding))
    summary = made.summary
    assert (summary.clips, summary.clips_transcoded) == (len(FORMS), count)
    assert summary.source_bytes == sum(map(len, FORMS.values()))
    assert list(verify(out, deep=True)) == []
    stored = {}
    for row in made.rows():
        (name,) = row["input_audio_ids"]
        stored[name] = made.cell_bytes(row["input_audio"][0])
        header = read_header(stored[name])
        assert row["input_seconds"] == [header.seconds]
        assert row["input_audio"][0]["path"].partition("?")[0].endswith(f".{header.format.lower()}")
    assert sum(map(len, stored.values())) == summary.clip_bytes
    for name, data in FORMS.items():
        expected = changed(data, transcoding)
        assert stored[name] == (data if expected is None else expected)
    formats = Counter(read_header(data).format for data in stored.values())
    assert formats["FLAC" if transcoding == "flac" else "OGG"] >= count
    if form == "indexed":
        for path in out.glob("index/*.parquet"):
            for clip in read_index(path):
                header = read_header(stored[clip.id])
                assert (clip.format, clip.frames, clip.sampling_rate) == (
                    header.format, header.frames, header.sampling_rate,
                )  # fmt: skip
                assert clip.xxh3 == xxh3_64_intdigest(stored[clip.id])


@pytest.mark.parametrize("form", ["indexed", "embedded"])
def test_jobs_and_another_run_make_no_difference(mixed, tmp_path, form):
    for name, jobs in (("a", 1), ("b", 2)):
        build(mixed, tmp_path / name, form, transcode="opus", jobs=jobs, shard_size=1 << 16)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    assert not list((tmp_path / "a/.build").rglob("*.tar"))


@pytest.mark.parametrize("form", ["indexed", "embedded"])
def test_over_a_build_of_an_earlier_state(mixed, tmp_path, form):
    release, out = shutil.copytree(mixed, tmp_path / "release"), tmp_path / "out"
    build(release, out, form, transcode="flac")
    path = metadata_path("speech", "understanding", "train_dev", "01_Mixed", "b.jsonl")
    write(release, path, line("new", "speech_asr", split="dev", input=token("wav")) + b"\n")
    changes = build(release, out, form, transcode="flac").changes
    build(release, tmp_path / "fresh", form, transcode="flac")
    assert tree(out) == tree(tmp_path / "fresh")
    assert changes.files_written == 1  # its row file; the sample has enough rows of the task
    assert changes.files_kept == {"indexed": 5, "embedded": 2}[form]


@pytest.mark.parametrize("form", ["indexed", "embedded"])
def test_flac_of_the_demo_corpus(demo_root, out, form):
    made = Built(out, build(demo_root, out, form, config="music", transcode="flac"))
    released = {key_of(row): row for row in audio_flan.stream(demo_root, "music", "all")}
    for key, row in made.by_key().items():
        for cell, audio in zip(cells_of(row), cells_of(released[key]), strict=True):
            data = made.cell_bytes(cell)
            if data != audio.encoded():
                assert np.array_equal(integers(data), integers(audio.encoded()))
    assert made.summary.clips_transcoded
    assert made.summary.rows == len(released)


def test_the_manifest_says_so(mixed, out):
    build(mixed, out, transcode="flac")
    manifest = read_manifest(out)
    assert manifest.recipe.transcode == "flac"
    (corpus,) = manifest.corpora
    assert corpus.clips_transcoded == 2
    assert json.loads((out / "audio_flan.json").read_text())["recipe"]["transcode"] == "flac"


def test_no_such_transcoding(mixed, out):
    with pytest.raises(ValueError, match="transcode must be one of none, flac, opus, got 'mp3'"):
        build(mixed, out, transcode="mp3")
