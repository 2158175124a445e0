"""Sources: the same bytes from every kind of store, and its failures in words."""

import io
import pickle
import tarfile
import zipfile

import fsspec
import pytest
from waveform_clips import reference, written

from audio_flan.waveform import (
    AudioError,
    BytesSource,
    ClipError,
    ClipFault,
    FileSource,
    LazyAudio,
    RangeSource,
    UrlSource,
)

DATA = written("FLAC", "PCM_16", 100_000)


@pytest.fixture
def stores(tmp_path):
    """The same clip in every kind of store."""
    (tmp_path / "x.flac").write_bytes(DATA)
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in/x.flac", DATA)
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name in ("other", "x.flac"):
            info = tarfile.TarInfo(name)
            info.size = len(DATA)
            archive.addfile(info, io.BytesIO(DATA))
    with tarfile.open(tmp_path / "x.tar") as archive:
        offset = archive.getmember("x.flac").offset_data
    return {
        "file": FileSource(str(tmp_path / "x.flac")),
        "range": RangeSource(str(tmp_path / "x.tar"), offset, len(DATA), "x.flac"),
        "zip": UrlSource(f"zip://in/x.flac::{tmp_path}/x.zip"),
        "url": UrlSource((tmp_path / "x.flac").as_uri()),
        "bytes": BytesSource(DATA, "x.flac"),
    }


@pytest.mark.parametrize("kind", ["file", "range", "zip", "url", "bytes"])
def test_same_bytes_everywhere(stores, kind):
    source = stores[kind]
    assert source.read() == DATA
    start, size = source.start(100)
    assert size == len(DATA)
    assert start in (DATA[:100], DATA)  # what costs no more may be given whole
    assert source.start(10**9) == (DATA, len(DATA))
    assert "x.flac" in source.location
    again = pickle.loads(pickle.dumps(source))
    assert again == source
    assert hash(again) == hash(source)
    audio = LazyAudio(source, "x")
    assert audio.frames == 100_000
    assert (audio.decode() == reference(DATA)).all()


@pytest.mark.parametrize("kind", ["file", "range", "zip", "url", "bytes"])
def test_cell_opens_in_plain_datasets(stores, kind):
    stored, path = stores[kind].cell()
    if stored is None:
        with fsspec.open(path, "rb") as file:
            stored = file.read()
    assert stored == DATA
    assert path.partition("::")[0].endswith("x.flac")


def test_sources_are_immutable(stores):
    for source in stores.values():
        with pytest.raises((AttributeError, TypeError)):
            source.url = "other"
        assert not hasattr(source, "__dict__")
        assert len(repr(source)) < 300


def test_secrets_are_not_shown():
    assert "hf_secret" not in repr(UrlSource("memory://x", {"token": "hf_secret"}))


def fault_of(source):
    faults = set()
    for attempt in (lambda a: a.decode(), lambda a: a.header):
        with pytest.raises(AudioError) as caught:
            attempt(LazyAudio(source, "07_X_1"))
        assert caught.value.audio_id == "07_X_1"
        assert caught.value.location == source.location
        faults.add(caught.value.fault)
    (fault,) = faults
    return fault


def test_missing(tmp_path, stores):
    assert fault_of(FileSource(str(tmp_path / "no"))) == ClipFault.MISSING_AUDIO
    assert fault_of(RangeSource(str(tmp_path / "no"), 0, 9, "x")) == ClipFault.MISSING_AUDIO
    assert fault_of(UrlSource(f"zip://x::{tmp_path}/no.zip")) == ClipFault.MISSING_AUDIO
    assert fault_of(UrlSource((tmp_path / "no").as_uri())) == ClipFault.MISSING_AUDIO
    assert fault_of(UrlSource("memory://no")) == ClipFault.MISSING_AUDIO


def test_empty(tmp_path):
    (tmp_path / "x.wav").touch()
    assert fault_of(FileSource(str(tmp_path / "x.wav"))) == ClipFault.EMPTY_AUDIO
    assert fault_of(RangeSource(str(tmp_path / "x.wav"), 0, 0, "x")) == ClipFault.EMPTY_AUDIO
    assert fault_of(BytesSource(b"", "x")) == ClipFault.EMPTY_AUDIO


def test_range_beyond_the_file(stores):
    source = stores["range"]
    beyond = RangeSource(source.path, source.offset + 20_000, source.nbytes, "x.flac")
    with pytest.raises(ClipError) as caught:
        beyond.read()
    assert caught.value.fault == ClipFault.TRUNCATED_AUDIO


def test_unknown_protocol():
    assert fault_of(UrlSource("nosuchprotocol://x")) == ClipFault.UNREADABLE_AUDIO


def test_file_of_unknown_size():
    """Files under /proc say they have zero bytes; reading goes on to the end all the same."""
    assert b"Name:" in FileSource("/proc/self/status").read()
