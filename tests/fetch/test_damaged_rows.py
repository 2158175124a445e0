"""Row files, indexes and manifests that were damaged on their way: found, and fetched anew."""

import msgspec
import pytest
from hub.server import Hub
from hypothesis import given, settings
from hypothesis import strategies as st

import audio_flan
from audio_flan.fetch import open_built
from audio_flan.shards import MANIFEST_NAME, ManifestError, parse_manifest, read_manifest
from audio_flan.shards.parquet_reader import ParquetError, ParquetReader
from audio_flan.shards.row_tables import SOUND_LEAVES

REPO = "ORG/NAME"


@pytest.fixture
def hub(indexed_root):
    with Hub() as hub:
        hub.add(REPO, indexed_root)
        yield hub


def url(hub):
    return f"{hub.endpoint}/datasets/{REPO}/resolve/main"


class File:
    """A row file, of which reads are damaged: each time a bit is another, from the first one on."""

    def __init__(self, root, facts, place=0.0, bit=0, times=0):
        self.root, self.facts, self.place, self.bit, self.times = root, facts, place, bit, times
        self.data = (root / facts.path).read_bytes()
        self.forgotten = 0

    def read(self, offset, nbytes):
        data = bytearray(self.data[offset : offset + nbytes])
        if self.times:
            self.times -= 1
            data[int(self.place * len(data))] ^= 1 << self.bit
        return bytes(data)

    def forget(self):
        self.forgotten += 1

    def tables(self):
        reader = ParquetReader(
            "x", self.facts.nbytes, self.read, footer_xxh3=self.facts.footer, forget=self.forget
        )
        dictionaries = SOUND_LEAVES if self.facts.groups else ()
        return [reader.read_group(n, dictionaries=dictionaries) for n in range(len(reader.group_rows))]


@pytest.fixture(scope="module", params=["rows", "index"])
def facts(request, indexed_root):
    files = read_manifest(indexed_root).files
    found = [file for file in files if (file.groups if request.param == "rows" else "index/" in file.path)]
    return next(file for file in found if file.path.endswith(".parquet"))


@settings(deadline=None, max_examples=300)
@given(st.floats(0, 1, exclude_max=True), st.integers(0, 7), st.integers(1, 2))
def test_no_other_bit_is_believed(indexed_root, facts, place, bit, times):
    """In the footer it would even end the process: pyarrow trusts sizes that stand there."""
    assert facts.footer
    file = File(indexed_root, facts, place, bit, times)
    assert file.tables() == File(indexed_root, facts).tables()


def test_what_stays_damaged_is_an_error(indexed_root, facts):
    file = File(indexed_root, facts, 0.9, 3, 1000)
    with pytest.raises(ParquetError, match=r"footer has the xxh3 .*, by the manifest"):
        file.tables()
    assert file.forgotten == 2


def test_of_an_older_build_the_footer_is_not_known(indexed_root, facts):
    older = msgspec.structs.replace(facts, footer="")
    assert File(indexed_root, older).tables() == File(indexed_root, facts).tables()


def test_over_the_network(hub, indexed_root):
    hub.fail("flip", "*.parquet", times=2)
    rows = [row["uuid"] for row in audio_flan.stream(url(hub), "speech_asr", columns=["uuid"])]
    assert rows == [row["uuid"] for row in audio_flan.stream(indexed_root, "speech_asr", columns=["uuid"])]
    assert sum(exchange.path.endswith(".parquet") for exchange in hub.log) == 3


def test_a_table_of_ids_over_the_network(hub, indexed_root):
    hub.fail("flip", "*.ids")
    store, there = audio_flan.AudioStore(url(hub)), audio_flan.AudioStore(indexed_root)
    audio_id = next(iter(there))
    assert store[audio_id].encoded() == there[audio_id].encoded()


def test_a_manifest(hub, indexed_root):
    hub.fail("flip", "*/audio_flan.json")
    assert open_built(url(hub))[1] == read_manifest(indexed_root)
    hub.fail("flip", "*/audio_flan.json", times=10)
    with pytest.raises(ManifestError):
        open_built(url(hub))


@settings(deadline=None)
@given(st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_no_other_bit_of_a_manifest_is_believed(indexed_root, place, bit):
    data = bytearray((indexed_root / MANIFEST_NAME).read_bytes())
    data[int(place * len(data))] ^= 1 << bit
    try:
        found = parse_manifest(bytes(data))
    except ManifestError:
        return
    assert found == read_manifest(indexed_root)  # white space, or the name of the hash itself
