"""A whole epoch over a server of which every seventh request fails: every row once, every clip as it is."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hub.faults import Fault
from hub.server import Hub
from marks import quick
from xxhash import xxh3_64_intdigest

import audio_flan
from audio_flan.fetch import retry
from audio_flan.fetch.read_ahead import read_ahead

REPO = "ORG/NAME"
SIDES = ("input_audio", "output_audio")
EVERY = 7


def faults():
    """Each of the ways in which a network fails."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
    return [
        Fault("status", status=500),
        Fault("status", status=503, retry_after=1),
        Fault("status", status=429, retry_after=soon),
        Fault("reset"),
        Fault("truncated"),
        Fault("flip"),
    ]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """As many attempts as always, without the waits between them."""
    monkeypatch.setattr(retry, "seconds_to_wait", lambda error, backoff_s: 0.0)


@pytest.fixture(scope="module", params=quick(1, ["demo", "shared"]))
def root(request):
    if request.param == "demo":
        return request.getfixturevalue("indexed_root")
    return request.getfixturevalue("shared_roots")["indexed"]


@pytest.fixture(scope="module")
def expected(root):
    """Rows of the root on the disk."""
    return Counter(map(row_facts, audio_flan.stream(root, "all", "all")))


@pytest.fixture
def hub(root):
    with Hub() as hub:
        hub.add(REPO, root)
        read_ahead.cache_clear()  # the bytes of another test
        yield hub


@pytest.fixture
def turns(hub):
    """What goes wrong; in the end, each of the faults has."""
    turns = hub.fail_by_turns(EVERY, faults())
    yield turns
    assert {(fault.kind, fault.status) for fault in turns.done} == {
        (fault.kind, fault.status) for fault in faults()
    }


def url(hub):
    return f"{hub.endpoint}/datasets/{REPO}/resolve/main"


def row_facts(row):
    sound = [(str(audio), xxh3_64_intdigest(audio.encoded())) for side in SIDES for audio in row[side]]
    return row["uuid"], row["task"], row["split"], row["instruction"], row["output"], repr(sound)


def test_stream(root, hub, turns, expected):
    store, found, heard = audio_flan.AudioStore(root), Counter(), set()
    for row in audio_flan.stream(url(hub), "all", "all", shuffle=True, seed=3):
        found[row_facts(row)] += 1
        for audio in (audio for side in SIDES for audio in row[side] if str(audio) not in heard):
            heard.add(str(audio))
            there = store[str(audio)]
            assert audio["sampling_rate"] == there["sampling_rate"]
            assert (audio["array"] == there["array"]).all()
    assert found == expected


def test_load_dataset(hub, turns, expected):
    dataset = audio_flan.load_dataset(url(hub), streaming=True)
    found = Counter(row_facts(row) for split in dataset.values() for row in split.shuffle(seed=3))
    assert found == expected
