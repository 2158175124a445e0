"""A root whose address has a signature and a password: it is read with them, and nobody is told them."""

import json
import logging
import pickle

import pytest
from hub.server import Hub

import audio_flan
from audio_flan.fetch import open_built, retry
from audio_flan.fetch.clip_tables import UnknownClipError
from audio_flan.fetch.read_ahead import read_ahead
from audio_flan.shards import MANIFEST_NAME
from audio_flan.shards.parquet_reader import ParquetError
from audio_flan.streaming import open_root
from audio_flan.streaming.failures import ConsecutiveFailuresError
from audio_flan.taxonomy import resolve_config

REPO = "ORG/NAME"
SECRET = "SECRET"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """As many attempts as always, without the waits between them."""
    read_ahead.cache_clear()
    monkeypatch.setattr(retry, "seconds_to_wait", lambda error, backoff_s: 0.0)
    yield
    read_ahead.cache_clear()


@pytest.fixture
def hub(indexed_root):
    with Hub() as hub:
        hub.add(REPO, indexed_root)
        yield hub


@pytest.fixture
def shown(hub):
    return f"{hub.endpoint}/datasets/{REPO}/resolve/main"


@pytest.fixture
def root(shown):
    return f"{shown.replace('://', f'://me:{SECRET}@')}?sig={SECRET}"


def test_rows_and_their_cells(root, shown, indexed_root):
    rows = list(audio_flan.stream(root, "music"))
    assert len(rows) == len(list(audio_flan.stream(indexed_root, "music"))) > 0
    for row in rows:
        for clip in (*row["input_audio"], *row["output_audio"]):
            assert clip.encoded()
            assert clip.location.startswith(f"{shown}/audio/")
            assert SECRET not in f"{dict(clip.items())} {clip!r} {clip.source!r}"


def test_a_store_of_clips(root, shown):
    store = audio_flan.AudioStore(root)
    first = next(iter(store))
    assert store.root == shown
    assert pickle.loads(pickle.dumps(store))[first].encoded() == store[first].encoded()
    with pytest.raises(UnknownClipError) as caught:
        store["nothing"]
    assert SECRET not in f"{store!r} {caught.value} {store[first].location}"


def test_what_is_left_out_and_said(hub, root, shown, caplog):
    hub.fail(404, "*.tar", times=10_000)
    rows = audio_flan.stream(root, "music", on_error="skip", max_consecutive_failures=None)
    with caplog.at_level(logging.WARNING, "audio_flan"):
        assert list(rows) == []
    entries = [entry.as_json() for entry in rows.quarantine]
    assert entries
    assert shown in caplog.text
    assert SECRET not in f"{json.dumps(entries)} {caplog.text}"
    with pytest.raises(ConsecutiveFailuresError, match=shown) as caught:
        list(audio_flan.stream(root, "music", on_error="skip", max_consecutive_failures=2))
    assert SECRET not in str(caught.value)


def test_files_that_are_damaged(hub, root, shown):
    hub.fail("flip", "*/data/*.parquet", times=10_000)
    with pytest.raises(ParquetError, match=shown) as caught:
        list(audio_flan.stream(root, "music"))
    assert SECRET not in str(caught.value)
    hub.fail("short", f"*/{MANIFEST_NAME}", times=10_000)
    with pytest.raises(OSError, match=shown) as caught:
        open_built(root)
    assert SECRET not in str(caught.value)


def test_what_there_is(root, shown):
    source = open_root(root)
    assert source.root == source.summarise().root == shown
    assert source.count(source.files(resolve_config("music"), ["train"]), resolve_config("music"), ["train"])
    assert SECRET not in repr(source.store)
    assert pickle.loads(pickle.dumps(source)).store.manifest() == source.manifest
