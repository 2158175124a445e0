"""A clip of a shard: its bytes or an error, from a folder and from a server."""

import pickle
import random

import pytest
from hub.server import Hub
from xxhash import xxh3_64_intdigest

from audio_flan.fetch import BASE_VARIABLE, ShardClip, retry
from audio_flan.fetch.read_ahead import read_ahead
from audio_flan.shards import MANIFEST_NAME, Cell, CellError, make_cell, parse_cell
from audio_flan.waveform import AudioError, ClipError, ClipFault, LazyAudio

REPO = "ORG/NAME"
SHARD = "audio/01_A/01_A-00000.tar"
DATA = random.Random(0).randbytes(50_000)


def cell(offset=512, nbytes=20_000, **more):
    data = DATA[offset : offset + nbytes]
    return Cell("", SHARD, "01_A_ü/1", "flac", offset, nbytes, xxh3_64_intdigest(data))._replace(**more)


@pytest.fixture(autouse=True)
def nothing_read_yet():
    """No test has earned a window for the next one."""
    read_ahead.cache_clear()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "root" / SHARD).parent.mkdir(parents=True)
    (tmp_path / "root" / SHARD).write_bytes(DATA)
    return tmp_path / "root"


@pytest.fixture
def hub(folder, monkeypatch):
    monkeypatch.setattr(retry, "seconds_to_wait", lambda error, backoff_s: 0.0)
    with Hub() as hub:
        hub.add(REPO, folder)
        yield hub


@pytest.fixture
def url(hub):
    return f"{hub.endpoint}/datasets/{REPO}/resolve/main"


@pytest.fixture(params=["folder", "url"])
def root(request):
    return str(request.getfixturevalue(request.param))


@pytest.mark.parametrize("nbytes", [0, 1, 20_000, 50_000 - 512])
def test_its_bytes(root, nbytes):
    clip = ShardClip(cell(nbytes=nbytes), root)
    assert clip.read() == DATA[512 : 512 + nbytes]
    assert clip.start(10) == (clip.read(), nbytes)
    assert pickle.loads(pickle.dumps(clip)) == clip
    assert clip.location == f"{root}/{SHARD}/01_A_%C3%BC%2F1.flac at 512+{nbytes}"


def test_the_base_of_its_cell(url, monkeypatch, folder):
    clip = ShardClip.of(make_cell(cell(base=url)))
    assert clip.read() == DATA[512:20_512]
    monkeypatch.setenv(BASE_VARIABLE, str(folder))
    assert ShardClip.of(make_cell(cell(base="https://host.invalid/x"))).read() == DATA[512:20_512]
    with pytest.raises(CellError):
        ShardClip.of("https://host/x.flac")


@pytest.mark.parametrize("more", [{"xxh3": 1}, {"offset": 513}])
def test_other_bytes_than_the_cell_says(root, more):
    clip = ShardClip(cell()._replace(**more), root)
    with pytest.raises(ClipError, match="its bytes have the xxh3") as caught:
        clip.read()
    assert caught.value.fault is ClipFault.DAMAGED_AUDIO
    with pytest.raises(AudioError, match=r"audio '01_A_ü/1' \(.*01_A-00000.tar/.*\): damaged: its bytes"):
        LazyAudio(clip, "01_A_ü/1").decode()


@pytest.mark.parametrize("more", [{"offset": 49_000}, {"offset": 60_000}])
def test_a_shard_that_ends_before(root, more):
    with pytest.raises(ClipError, match="the file ends after") as caught:
        ShardClip(cell()._replace(**more), root).read()
    assert caught.value.fault is ClipFault.TRUNCATED_AUDIO


def test_a_shard_that_is_not_there(root):
    clip = ShardClip(cell(shard="audio/01_A/01_A-00009.tar"), root)
    with pytest.raises(FileNotFoundError, match=r"01_A-00009\.tar"):
        clip.read()
    with pytest.raises(AudioError, match="missing"):
        LazyAudio(clip, "x").decode()


def test_bytes_that_were_damaged_on_their_way_are_fetched_anew(hub, url):
    hub.fail("flip", "*.tar")
    assert ShardClip(cell(), url).read() == DATA[512:20_512]
    assert len(hub.log) == 2


@pytest.mark.parametrize("fault", [500, 429, "reset", "truncated", "short"])
def test_faults_of_the_server_that_pass(hub, url, fault):
    hub.fail(fault, "*.tar", times=3)
    assert ShardClip(cell(), url).read() == DATA[512:20_512]


def test_neighbours_come_along(hub, url):
    for offset in range(0, 50_000, 2_000):
        for _ in range(3):
            assert ShardClip(cell(offset, 2_000), url).read() == DATA[offset : offset + 2_000]
    assert len(hub.log) <= 15
    assert hub.nbytes == len(DATA)


def test_what_others_find_it_by(folder):
    here = ShardClip(cell(), str(folder))
    (folder / MANIFEST_NAME).touch()
    data, path = here.cell()
    assert data is None
    assert ShardClip.of(path).read() == here.read()
    there = ShardClip(cell(), "hf://datasets/ORG/NAME@main")
    assert there.cell() == (None, make_cell(cell(base="hf://datasets/ORG/NAME@main")))
    written = dict(LazyAudio(there, "x").items())
    assert written["bytes"] is None
    assert parse_cell(written["path"]).base == "hf://datasets/ORG/NAME@main"
