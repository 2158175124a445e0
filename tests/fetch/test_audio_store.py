"""Clips by id, from a folder and over HTTP."""

import multiprocessing
import pickle
import random
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import msgspec
import numpy as np
import pytest
from hub.server import Hub
from marks import STARTS, quick
from xxhash import xxh3_64_intdigest

import audio_flan
from audio_flan.fetch.clip_tables import UnknownClipError
from audio_flan.fetch.read_many import read_many
from audio_flan.release import open_release
from audio_flan.shards import ManifestError, id_table_file, read_manifest, write_manifest
from audio_flan.shards.id_table import IdTableError
from audio_flan.taxonomy.errors import UnknownNameError
from audio_flan.waveform import AudioError, ClipFault, LazyAudio

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
    assert store.get("99_Nobody_1", 3) == 3
    known = next(iter(store))
    assert store.get(known).id == known


class Named(str):
    """Text of a class of its own, as that of NumPy is, which cuts and encodes in its own way."""

    __slots__ = ()

    def encode(self, *args):
        raise AssertionError

    __getitem__ = encode


def test_an_id_may_be_of_any_class_of_text(store):
    first = next(iter(store))
    clip = store[first]
    for name in (clip, Named(first), np.str_(first)):
        assert name in store
        for found in (store[name], store.get(name), *store.get_many([name])):
            assert (type(found.id), found.id) == (str, first)
            assert found.encoded() == clip.encoded()


@pytest.mark.parametrize("wrong", [123, None, b"a", ("a",), [1], 1.5])
def test_what_is_no_text_is_no_id(store, wrong):
    for look_up in (store.__getitem__, lambda wrong: store.get_many([wrong])):
        with pytest.raises(TypeError, match="the id of a clip is a str, got"):
            look_up(wrong)
    assert wrong not in store
    assert store.get(wrong) is None
    assert store.get(wrong, "default") == "default"


def test_a_store_is_equal_to_itself_alone_and_no_clip_is_looked_up_for_it(store, monkeypatch):
    other = pickle.loads(pickle.dumps(store))
    monkeypatch.setattr(audio_flan.AudioStore, "__iter__", None)
    assert store == store
    assert store != other
    assert len({store, other, store}) == 2


def test_a_missing_id_is_told_what_is_near_and_where_was_searched(store):
    corpus = store.corpora[-1]
    known = list(store.ids(corpus))
    for wrong in (known[3] + "x", known[3][:-1] + "~", known[3].swapcase()):
        with pytest.raises(UnknownClipError) as found:
            store[wrong]
        assert found.value.nearest[0] in known
        assert set(found.value.searched) == set(store.corpora)
        assert f"Did you mean {found.value.nearest[0]!r}" in str(found.value)
    with pytest.raises(UnknownClipError) as found:
        store[known[3] + "x"]
    assert found.value.nearest[0] == known[3]
    assert f"(searched: {corpus}," in str(found.value)
    assert str(pickle.loads(pickle.dumps(found.value))) == str(found.value)


def test_ids_by_corpus(store, indexed_root):
    manifest = read_manifest(indexed_root)
    assert store.corpora == tuple(corpus.corpus for corpus in manifest.corpora if corpus.clips)
    for corpus in manifest.corpora[:3]:
        ids = list(store.ids(corpus.corpus))
        assert ids == sorted(ids)
        assert len(ids) == corpus.clips
    with pytest.raises(UnknownNameError, match="there is no corpus with clips"):
        store.ids(store.corpora[0].lower() + "x")


def test_many_at_once_come_in_the_order_asked_for(store):
    ids = random.Random(0).choices(list(store), k=60)
    many = store.get_many(iter(ids))
    assert [audio.id for audio in many] == ids
    assert [audio.encoded() for audio in many] == [store[audio_id].encoded() for audio_id in ids]
    assert all(audio.decode().shape == (audio.channels, audio.frames) for audio in many[:5])
    assert store.get_many([]) == []
    with pytest.raises(UnknownClipError, match="has no clip '99_Nobody_1'"):
        store.get_many([*ids, "99_Nobody_1"])


def test_many_neighbours_take_few_requests(hub, indexed_root):
    store = audio_flan.AudioStore(f"{hub.endpoint}/datasets/{REPO}/resolve/main")
    ids = list(store.ids(store.corpora[0]))
    hub.forget()
    many = store.get_many(ids)
    files = {audio.source.place.shard for audio in many}
    assert len(hub.log) <= 2 * len(files)  # each by way of a redirect
    assert sum(len(audio.encoded()) for audio in many) <= hub.nbytes
    hub.forget()
    assert [audio.encoded() for audio in many]
    assert not hub.log


@pytest.mark.parametrize("kind", quick(3, [503, "flip", "reset", "truncated", "short", 429]))
@pytest.mark.parametrize("pattern", ["*.ids", "*.tar"])
def test_what_goes_wrong_in_passing_is_asked_for_again(hub, indexed_root, kind, pattern):
    local = audio_flan.AudioStore(indexed_root)
    ids = random.Random(1).sample(list(local), 20)
    options = {"retry_after": 0} if isinstance(kind, int) else {}
    hub.fail(kind, f"*{pattern}", times=2 if kind != "flip" else 1, **options)
    store = audio_flan.AudioStore(f"{hub.endpoint}/datasets/{REPO}/resolve/main")
    expected = [local[audio_id].encoded() for audio_id in ids]
    assert [audio.encoded() for audio in store.get_many(ids)] == expected


def test_a_bad_clip_among_many_is_named(indexed_root, tmp_path):
    root = shutil.copytree(indexed_root, tmp_path / "root")
    store = audio_flan.AudioStore(root)
    ids = list(store)[:50]
    place = store[ids[20]].source.place
    with (root / place.shard).open("r+b") as shard:
        shard.seek(place.offset + place.nbytes - 1)
        last = shard.read(1)
        shard.seek(place.offset + place.nbytes - 1)
        shard.write(bytes([last[0] ^ 1]))
    with pytest.raises(AudioError, match="its bytes have the xxh3") as error:
        store.get_many(ids)
    assert (error.value.audio_id, error.value.fault) == (ids[20], ClipFault.DAMAGED_AUDIO)
    (root / place.shard).unlink()
    with pytest.raises(AudioError) as error:
        audio_flan.AudioStore(root).get_many(ids)
    assert error.value.fault == ClipFault.MISSING_AUDIO


def test_more_than_memory_holds_comes_in_portions(hub, monkeypatch):
    monkeypatch.setattr("audio_flan.fetch.read_many._WINDOW_BYTES", 100_000)
    store = audio_flan.AudioStore(f"{hub.endpoint}/datasets/{REPO}/resolve/main")
    clips = [store[audio_id].source for audio_id in store]
    found = dict(read_many(clips))
    assert set(found) == set(clips)
    assert all(xxh3_64_intdigest(data) == clip.place.xxh3 for clip, data in found.items())


@pytest.mark.parametrize("change", ["cut", "flip", "missing"])
def test_a_damaged_table_is_named(indexed_root, tmp_path, change):
    root = shutil.copytree(indexed_root, tmp_path / "root")
    store = audio_flan.AudioStore(root)
    corpus = store.corpora[0]
    known = next(store.ids(corpus))
    path = root / id_table_file(corpus)
    data = path.read_bytes()
    if change == "missing":
        path.unlink()
    else:
        path.write_bytes(data[:-1] if change == "cut" else bytes([data[0] ^ 1]) + data[1:])
    with pytest.raises(FileNotFoundError if change == "missing" else IdTableError) as error:
        audio_flan.AudioStore(root)[known]
    assert id_table_file(corpus) in str(error.value)


def test_a_table_that_leads_out_of_the_root_is_refused(indexed_root, tmp_path):
    root = shutil.copytree(indexed_root, tmp_path / "root")
    path = root / id_table_file(audio_flan.AudioStore(root).corpora[0])
    path.rename(tmp_path / "outside")
    path.symlink_to(tmp_path / "outside")
    store = audio_flan.AudioStore(root)
    with pytest.raises(OSError, match=r"leads out of|outside"):
        list(store)


def test_a_root_whose_manifest_has_no_tables_is_to_be_built_again(indexed_root, tmp_path):
    root = shutil.copytree(indexed_root, tmp_path / "root")
    manifest = read_manifest(root)
    files = tuple(file for file in manifest.files if not file.path.endswith(".ids"))
    write_manifest(root, msgspec.structs.replace(manifest, files=files))
    with pytest.raises(
        ManifestError, match=r"has no index/.*\.ids, by which clips are found: build it again"
    ):
        audio_flan.AudioStore(root)


def hashes(store, ids):
    return [xxh3_64_intdigest(store[audio_id].encoded()) for audio_id in ids]


@pytest.mark.parametrize("method", STARTS)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_other_processes_look_up_as_well(indexed_root, method):
    store = audio_flan.AudioStore(indexed_root)
    ids = list(store)[::25]
    expected = hashes(store, ids)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        parts = [pool.submit(hashes, store, ids[i::2]) for i in range(2)]
        assert [part.result() for part in parts] == [expected[i::2] for i in range(2)]
    assert hashes(store, ids) == expected


OPEN = """
import sys, audio_flan
store = audio_flan.AudioStore(sys.argv[1])
store[next(iter(store))].seconds
print([name for name in ("pyarrow", "huggingface_hub", "fsspec", "soundfile") if name in sys.modules])
"""


def test_looking_up_in_a_folder_loads_no_heavy_package(indexed_root):
    command = [sys.executable, "-c", OPEN, str(indexed_root)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


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
