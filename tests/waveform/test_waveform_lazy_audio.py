"""LazyAudio: a stored cell as a mapping, samples on demand, safe to send and to share."""

import copy
import json
import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from property_profiles import examples
from waveform_clips import WRITTEN, m4a, reference, written

from audio_flan.waveform import (
    AudioError,
    AudioHeader,
    BytesSource,
    ClipFault,
    FileSource,
    LazyAudio,
    read_header,
)
from audio_flan.waveform.lazy import KEPT_BYTES

WAV = written("WAV", "PCM_16", 8000, 2)
SAMPLES = reference(WAV)


@pytest.fixture
def audio():
    return LazyAudio(BytesSource(WAV, "a/b.wav"), "07_X_1")


class Untouchable:
    """A source that must not be read."""

    location = "nowhere"

    def read(self):
        raise AssertionError

    start = cell = read


def test_facts(audio):
    assert (audio.id, audio.sampling_rate, audio.channels, audio.frames) == ("07_X_1", 16_000, 2, 8000)
    assert (audio.seconds, audio.format, audio.location) == (0.5, "WAV", "a/b.wav")
    meta = audio.metadata
    assert (meta.sample_rate, meta.num_channels, meta.codec, meta.path) == (16_000, 2, "pcm_16", "a/b.wav")
    assert meta.duration_seconds == meta.duration_seconds_from_header == 0.5


def test_facts_from_an_index_need_no_bytes():
    audio = LazyAudio(Untouchable(), "x", header=AudioHeader("FLAC", 8000, 1, 4000, ""))
    assert (audio.sampling_rate, audio.channels, audio.frames, audio.seconds) == (8000, 1, 4000, 0.5)
    assert "FLAC" in repr(audio)


def test_facts_from_an_index_are_checked():
    good = AudioHeader("WAV", 16_000, 2, 8000, "")
    assert LazyAudio(BytesSource(WAV, "x"), "x", header=good).decode().shape == (2, 8000)
    bad = AudioHeader("WAV", 16_000, 2, 7999, "")
    with pytest.raises(AudioError, match="by its index") as caught:
        LazyAudio(BytesSource(WAV, "x"), "x", header=bad).decode()
    assert caught.value.fault == ClipFault.DAMAGED_AUDIO


def test_data_spares_the_source():
    audio = LazyAudio(Untouchable(), "x", data=WAV)
    assert audio.frames == 8000
    np.testing.assert_array_equal(audio.decode(), SAMPLES)
    assert audio.encoded() is WAV


def test_mapping_is_the_stored_cell(audio):
    assert dict(audio) == {"bytes": WAV, "path": "a/b.wav", "id": audio.id}
    assert list(audio) == ["bytes", "path", "id"]
    assert len(audio) == 3
    assert dict(audio.items()) == dict(zip(audio.keys(), audio.values(), strict=True)) == dict(audio)
    assert "array" not in audio
    assert "bytes" in audio
    assert not isinstance(audio, dict)
    with pytest.raises(KeyError):
        audio["nothing"]


def test_computed_keys(audio):
    np.testing.assert_array_equal(audio["array"], SAMPLES.mean(axis=0))
    assert audio["array"].dtype == np.float32
    assert audio["sampling_rate"] == 16_000
    assert audio.get("sampling_rate") == 16_000
    assert audio.get("array").shape == (8000,)
    assert audio.get("nothing", 5) == 5


def test_mono_array_is_the_samples():
    data = written("WAV", "PCM_16")
    np.testing.assert_array_equal(LazyAudio(BytesSource(data, "x"), "x")["array"], reference(data)[0])


def test_it_is_its_id_to_whatever_passes_strings_on(audio):
    assert isinstance(audio, str)
    assert str(audio) == f"{audio}" == audio.id
    assert json.loads(json.dumps([audio])) == [audio.id]


def test_a_cell_makes_it_again(audio, tmp_path):
    again = LazyAudio(dict(audio))
    assert again.id == audio.id
    np.testing.assert_array_equal(again.decode(), audio.decode())
    path = tmp_path / "07_X_1.wav"
    path.write_bytes(WAV)
    for cell in (
        {"bytes": None, "path": str(path)},
        {"bytes": None, "path": path.as_uri()},
        {"path": str(path)},
    ):
        clip = LazyAudio(cell)
        assert clip.id == "07_X_1"
        np.testing.assert_array_equal(clip.decode(), SAMPLES)
    assert LazyAudio({"bytes": WAV, "path": None}).frames == 8000
    with pytest.raises(ValueError, match="neither"):
        LazyAudio({"bytes": None, "path": None})


def test_preloaded_samples_are_given_once_and_never_shared(audio):
    audio.preload()
    first, second = audio.decode(), audio.decode()
    np.testing.assert_array_equal(first, second)
    assert not np.shares_memory(first, second)
    audio.preload()
    np.testing.assert_array_equal(audio.decode(0.1, 0.2), SAMPLES[:, 1600:3200])
    np.testing.assert_array_equal(audio.decode(), SAMPLES)


def test_a_large_clip_is_not_read_for_its_header(tmp_path):
    path = tmp_path / "x.flac"
    noise = np.random.default_rng(0).uniform(-1, 1, (900_000, 1))
    soundfile.write(path, noise, 16_000)
    assert path.stat().st_size > KEPT_BYTES
    audio = LazyAudio(FileSource(str(path)), "x")
    assert audio.frames == 900_000
    assert audio._data is None
    np.testing.assert_array_equal(audio.decode(50, 51), audio.decode()[:, 800_000:816_000])


def test_bytes_of_a_file_are_let_go_of_once_they_are_decoded(tmp_path):
    path = tmp_path / "x.wav"
    path.write_bytes(WAV)
    audio = LazyAudio(FileSource(str(path)), "x")
    assert audio.seconds
    assert audio.held_bytes == len(WAV)
    np.testing.assert_array_equal(audio.decode(0.1, 0.2), SAMPLES[:, 1600:3200])
    assert audio.held_bytes == len(WAV)
    np.testing.assert_array_equal(audio.decode(), SAMPLES)
    assert audio.held_bytes == 0
    np.testing.assert_array_equal(audio.decode(), SAMPLES)
    path.unlink()
    with pytest.raises(AudioError, match=r"audio 'x'.*missing"):
        audio.decode()


def test_bytes_that_cannot_be_read_again_for_nothing_are_kept():
    class Far(BytesSource):
        reads = 0

        def start(self, nbytes):
            type(self).reads += 1
            return super().start(nbytes)

    audio = LazyAudio(Far(WAV, "x.wav"), "x")
    assert audio.seconds
    for _ in range(2):
        np.testing.assert_array_equal(audio.decode(), SAMPLES)
    assert Far.reads == 1


def test_identity(audio):
    other = LazyAudio(BytesSource(WAV, "a/b.wav"), "07_X_1")
    assert audio == audio
    assert audio != other
    assert len({audio, other, audio}) == 2


def test_repr_never_reads_or_raises():
    assert repr(LazyAudio(Untouchable(), "x")) == "LazyAudio('x')"
    audio = LazyAudio(BytesSource(WAV, "x"), "x")
    audio.decode()
    assert repr(audio) == "LazyAudio('x', WAV, 16000 Hz, 0.500 s)"


@examples(80)
@given(start=st.floats(0, 0.6), end=st.one_of(st.none(), st.floats(0, 1), st.just(float("inf"))))
def test_segments_in_seconds(start, end):
    audio = LazyAudio(BytesSource(WAV, "x"), "07_X_1")
    if round(start * 16_000) > 8000 or (end is not None and end < start):
        if start * 16_000 > 8000.5 or (end is not None and end < start):
            with pytest.raises(ValueError, match="07_X_1"):
                audio.decode(start, end)
        return
    stop = 8000 if end is None or end * 16_000 >= 8000 else round(end * 16_000)
    np.testing.assert_array_equal(audio.decode(start, end), SAMPLES[:, round(start * 16_000) : stop])


@pytest.mark.parametrize(
    ("start", "end"),
    [(-0.1, None), (0.3, 0.2), (0.6, None), (0.6, 0.7), (float("nan"), None), (0.0, float("nan"))],
)
def test_segments_that_do_not_lie_in_the_clip(audio, start, end):
    with pytest.raises(ValueError, match="07_X_1") as caught:
        audio.decode(start, end)
    assert not isinstance(caught.value, AudioError)


def test_channels(audio):
    np.testing.assert_array_equal(audio.decode(channels=1), SAMPLES.mean(axis=0, keepdims=True))
    np.testing.assert_array_equal(audio.decode(channels=2), SAMPLES)
    with pytest.raises(ValueError, match="07_X_1"):
        audio.decode(channels=3)
    mono = LazyAudio(BytesSource(written("WAV", "PCM_16"), "x"), "x")
    copied = mono.decode(channels=3)
    np.testing.assert_array_equal(copied, np.repeat(mono.decode(), 3, axis=0))
    assert copied.flags.writeable


def test_options(audio):
    other = audio.with_options(sampling_rate=8000, channels=1)
    assert other is not audio
    assert other.id == audio.id
    assert (other.sampling_rate, other.channels, other.frames) == (8000, 1, 4000)
    assert other.decode().shape == (1, 4000)
    assert other.decode(sampling_rate=16_000, channels=2).shape == (2, 8000)
    assert other["sampling_rate"] == 8000
    assert other["array"].shape == (4000,)
    assert other.with_options(sampling_rate=4000).decode().shape == (1, 2000)


def test_samples_are_nobody_elses(audio):
    first = audio.decode()
    first[:] = 0
    np.testing.assert_array_equal(audio.decode(), SAMPLES)


def test_samples_as_in_torchcodec(audio):
    samples = audio.get_all_samples()
    assert tuple(samples.data.shape) == (2, 8000)
    assert (samples.sample_rate, samples.pts_seconds, samples.duration_seconds) == (16_000, 0.0, 0.5)
    part = audio.get_samples_played_in_range(0.1, 0.2)
    assert (part.pts_seconds, part.duration_seconds) == (0.1, 0.1)
    np.testing.assert_array_equal(np.asarray(part.data), SAMPLES[:, 1600:3200])
    assert audio.get_samples_played_in_range(0, 0).sample_rate == 16_000


def test_pickle_leaves_the_bytes_behind(tmp_path):
    path = tmp_path / "x.flac"
    path.write_bytes(written("FLAC", "PCM_16", 100_000))
    audio = LazyAudio(FileSource(str(path)), "x", data=path.read_bytes(), channels=2)
    audio.header  # noqa: B018
    stored = pickle.dumps(audio)
    assert len(stored) < 600
    again = pickle.loads(stored)
    assert (again.id, again.channels, again.frames) == ("x", 2, 100_000)
    np.testing.assert_array_equal(again.decode(), audio.decode())


def test_pickle_keeps_bytes_that_are_nowhere_else(audio):
    for again in (pickle.loads(pickle.dumps(audio)), copy.copy(audio), copy.deepcopy(audio)):
        np.testing.assert_array_equal(again.decode(), SAMPLES)


def test_errors_pickle():
    error = AudioError("x", "a/b", ClipFault.EMPTY_AUDIO, "zero bytes")
    again = pickle.loads(pickle.dumps(error))
    assert (again.audio_id, again.location, again.fault, again.detail) == (
        "x",
        "a/b",
        ClipFault.EMPTY_AUDIO,
        "zero bytes",
    )
    assert str(again) == "audio 'x' (a/b): empty: zero bytes"


def test_threads():
    clips = [written(*kind, frames=20_000) for kind in WRITTEN] + [m4a()]
    expected = [LazyAudio(BytesSource(data, "x"), "x").decode() for data in clips]
    shared = [LazyAudio(BytesSource(data, "x"), "x") for data in clips] * 4
    with ThreadPoolExecutor(8) as pool:
        for samples, right in zip(pool.map(LazyAudio.decode, shared), expected * 4, strict=True):
            np.testing.assert_array_equal(samples, right)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes(method):
    clips = [LazyAudio(BytesSource(written(form, "PCM_16"), "x"), form) for form in ("WAV", "FLAC")]
    with multiprocessing.get_context(method).Pool(1) as pool:
        for samples, clip in zip(pool.map(LazyAudio.decode, clips), clips, strict=True):
            np.testing.assert_array_equal(samples, clip.decode())


def run(code):
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def test_forked_after_decoding():
    run(
        "import os\n"
        "from audio_flan.waveform import *\n"
        f"audio = LazyAudio(BytesSource({written('FLAC', 'PCM_16', 500)!r}, 'x'), 'x')\n"
        "before = audio.decode().tobytes()\n"
        "child = os.fork()\n"
        "if not child: os._exit(0 if audio.decode().tobytes() == before else 7)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
    )


def test_without_torch():
    code = (
        "import sys\n"
        "sys.modules['torch'] = sys.modules['torchcodec'] = None\n"
        "from audio_flan.waveform import *\n"
        f"audio = LazyAudio(BytesSource({written('FLAC', 'PCM_16', 50)!r}, 'x'), 'x')\n"
        "print(type(audio.get_all_samples().data).__name__, audio.decode().shape)\n"
    )
    assert run(code) == "ndarray (1, 50)\n"


def test_import_is_light():
    code = (
        "import json, sys\n"
        "import audio_flan.waveform\n"
        "heavy = 'torch torchcodec av datasets soundfile miniaudio soxr fsspec zipfile'.split()\n"
        "print(json.dumps([name for name in heavy if name in sys.modules]))\n"
    )
    assert json.loads(run(code)) == []


def test_reading_a_header_does_not_import_decoders():
    code = (
        "import sys\n"
        "from audio_flan.waveform import *\n"
        f"print(LazyAudio(BytesSource({written('FLAC', 'PCM_16', 50)!r}, 'x'), 'x').frames)\n"
        "assert not {'soundfile', 'miniaudio', 'av'} & set(sys.modules)\n"
    )
    assert run(code) == "50\n"


def test_header_is_read_from_the_head_of_a_file(tmp_path):
    data = written("WAV", "PCM_16", 100_000)
    (tmp_path / "x.wav").write_bytes(data)
    assert LazyAudio(FileSource(str(tmp_path / "x.wav")), "x").header == read_header(data)
