"""Clips by id, from a folder and over HTTP."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
from hub.server import Hub

import audio_flan
from audio_flan.release import open_release
from audio_flan.shards import ManifestError, read_manifest
from audio_flan.waveform import LazyAudio

REPO = "HKUSTAudio/Audio-FLAN"


@pytest.fixture
def hub(indexed_root):
    with Hub(redirects=True) as hub:
        hub.add(REPO, indexed_root)
        yield hub


@pytest.fixture(params=["folder", "http"])
def store(request, indexed_root):
    if request.param == "folder":
        return audio_flan.AudioStore(indexed_root)
    endpoint = request.getfixturevalue("hub").endpoint
    return audio_flan.AudioStore(f"{endpoint}/datasets/{REPO}/resolve/main")


def test_it_has_the_clips_of_the_release(store, demo_root, indexed_root):
    release = open_release(demo_root)
    ids = list(store)
    assert (
        len(store) == len(ids) == len(set(ids)) == sum(c.clips for c in read_manifest(indexed_root).corpora)
    )
    for audio_id in ids[::40]:
        audio, expected = store[audio_id], LazyAudio(release.clips.locate(audio_id), audio_id)
        assert (audio.id, audio.sampling_rate, audio.channels, audio.frames, audio.format) == (
            audio_id, expected.sampling_rate, expected.channels, expected.frames, expected.format,
        )  # fmt: skip
        assert audio.encoded() == expected.encoded()
        assert audio.decode().shape == (audio.channels, audio.frames)
        assert audio_id in store


def test_facts_need_no_clip_and_a_lookup_few_requests(hub):
    store = audio_flan.AudioStore(f"{hub.endpoint}/datasets/{REPO}/resolve/main")
    some = [audio_id for _, audio_id in zip(range(20), store, strict=False)]
    assert len(hub.log) <= 3  # the manifest, and the index of one corpus by way of a redirect
    hub.forget()
    assert all(store[audio_id].seconds > 0 for audio_id in some)
    assert len(hub.log) <= 2
    assert not any(".tar" in exchange.path for exchange in hub.log)


def test_what_it_does_not_have(store):
    with pytest.raises(KeyError, match="has no clip '99_Nobody_1'"):
        store["99_Nobody_1"]
    assert "99_Nobody_1" not in store
    assert 7 not in store
    assert store.get("99_Nobody_1") is None


def test_it_pickles_and_threads_share_it(store):
    ids = list(store)[:40]
    again = pickle.loads(pickle.dumps(store))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda audio_id: again[audio_id].encoded(), ids))
    assert found == [store[audio_id].encoded() for audio_id in ids]
    assert repr(store.root) in repr(store)


def test_other_places_have_no_index(embedded_root, demo_root):
    with pytest.raises(ManifestError, match="of the embedded form, whose clips are in its rows"):
        audio_flan.AudioStore(embedded_root)
    with pytest.raises(ManifestError, match="no finished build"):
        audio_flan.AudioStore(demo_root)
