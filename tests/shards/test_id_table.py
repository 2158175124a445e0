"""Tables of ids: they say what a dictionary says, and nothing false when they are damaged."""

import io
import struct
from bisect import bisect_left

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from property_profiles import examples
from xxhash import xxh3_64_intdigest

from audio_flan.shards.id_table import INNER_BLOCKS, LEAF_CLIPS, IdTable, IdTableError, IdTableWriter
from audio_flan.shards.indexed_clip import IndexedClip


def clip(i: int, audio_id: str, kind: str = "tar") -> IndexedClip:
    shard = f"audio/c/c-{7 * i % 100_003:05d}.{kind}"
    audio_format = ("FLAC", "WAV", "OGG")[i % 3]
    return IndexedClip(
        audio_id, shard, 2**40 + i, i, 16000 + i, 1 + i % 8, 7 * i, audio_format, 2**64 - 1 - i
    )


def clips_of(ids, kind="tar"):
    return {audio_id: clip(i, audio_id, kind) for i, audio_id in enumerate(sorted(ids))}


def written(clips) -> bytes:
    file = io.BytesIO()
    writer = IdTableWriter(file, "c")
    assert list(writer.over(clips.values())) == list(clips.values())
    writer.finish()
    return file.getvalue()


class Opened:
    """A table in memory that counts what is read of it."""

    def __init__(self, data: bytes) -> None:
        self.data, self.reads = data, []
        self.table = IdTable("c.ids", "c", len(data), self._read)

    def _read(self, offset: int, nbytes: int) -> bytes:
        self.reads.append(nbytes)
        return self.data[offset : offset + nbytes]


TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
LONG = st.builds(lambda text, times: "long" * times + text, TEXT, st.integers(1, 4000))


@examples(60)
@given(ids=st.sets(TEXT | LONG, max_size=80), others=st.sets(TEXT | LONG, max_size=20))
def test_a_table_is_a_dictionary(ids, others):
    clips = clips_of(ids)
    data = written(clips)
    table = Opened(data).table
    assert list(table) == list(clips.values())
    assert len(table) == len(clips)
    for audio_id in ids | others:
        assert table.find(audio_id) == clips.get(audio_id)
    for audio_id in others:
        near, order = table.neighbours(audio_id), list(clips)
        place = bisect_left(order, audio_id)
        assert near == sorted(near)
        assert set(near) & set(order[max(place - 1, 0) : place + 1]) or not clips


@pytest.mark.parametrize(
    "count", [1, LEAF_CLIPS, LEAF_CLIPS + 1, LEAF_CLIPS * INNER_BLOCKS, LEAF_CLIPS * INNER_BLOCKS + 1]
)
@pytest.mark.parametrize("kind", ["tar", "parquet"])
def test_tables_of_several_heights(count, kind):
    clips = clips_of([f"c_{3 * i:09d}" for i in range(count)], kind)
    opened = Opened(written(clips))
    assert list(opened.table) == list(clips.values())
    for i in {0, count // 2, count - 1}:
        opened.reads.clear()
        assert opened.table.find(f"c_{3 * i:09d}") == clips[f"c_{3 * i:09d}"]
        assert len(opened.reads) <= 2
        assert sum(opened.reads) < 25_000
        assert opened.table.find(f"c_{3 * i + 1:09d}") is None
    for audio_id in ("", "a", "c_", "d", "c_\ud800", "\U0010ffff"):
        assert opened.table.find(audio_id) is None


def test_the_same_clips_give_the_same_bytes_and_few_of_them():
    clips = clips_of([f"some_corpus_{i:06d}" for i in range(10_000)])
    assert written(clips) == written(clips)
    assert len(written(clips)) / len(clips) < 44 + 4 + len("some_corpus_000000") + 2


@pytest.mark.parametrize("count", [0, 3, 200])
def test_no_changed_byte_goes_unnoticed(count):
    data = written(clips_of([f"c_{i:05d}" for i in range(count)]))
    for place in range(0, len(data), 1 if count < 10 else 97):
        damaged = bytearray(data)
        damaged[place] ^= 4
        with pytest.raises(IdTableError, match=r"c\.ids"):
            list(Opened(bytes(damaged)).table)
    for end in range(0, len(data), 1 if count < 10 else 97):
        with pytest.raises(IdTableError, match=r"c\.ids is no whole table of ids"):
            list(Opened(data[:end]).table)


def test_a_damaged_leaf_is_noticed_by_those_who_need_it():
    clips = clips_of([f"c_{i:05d}" for i in range(1000)])
    data = bytearray(written(clips))
    data[100] ^= 1
    table = Opened(bytes(data)).table
    assert table.find("c_00999") == clips["c_00999"]
    with pytest.raises(IdTableError, match="has changed or is cut"):
        table.find("c_00000")


def forged(blocks: bytes = b"", **changed) -> bytes:
    """A table whose hashes are right, and whose facts are what somebody wants one to believe."""
    facts = {"version": 1, "clips": 1, "depth": 1, "root": None, "last": "z", "kind": "tar", "formats": []}
    data = msgspec.json.encode(facts | changed)
    return blocks + data + struct.pack("<IQ8s", len(data), xxh3_64_intdigest(data), b"AFLANIDS")


def block(*fields: int, rest: bytes = b"") -> bytes:
    return struct.pack(f"<{len(fields)}I", *fields) + rest


def pointing_at(data: bytes):
    return {"blocks": data, "root": [0, xxh3_64_intdigest(data), len(data)]}


@pytest.mark.parametrize(
    "data",
    [
        forged(root=[0, 0, 2**32]),
        forged(root=[10**12, 0, 10]),
        forged(root=[-5, 0, 10]),
        forged(),
        forged(depth=10**6, root=[0, 0, 0]),
        forged(depth=0, root=[0, 0, 0]),
        forged(version="x"),
        forged(formats=3),
        forged(**pointing_at(b"")),
        forged(**pointing_at(block(0, 8))),
        forged(**pointing_at(block(2**31, 12, 12))),
        forged(**pointing_at(block(1, 999, 1000))),
        forged(**pointing_at(block(1, 56, 57, rest=bytes(44) + b"z"))),
        forged(**pointing_at(block(1, 56, 57, rest=bytes(44) + b"z")), kind="../x"),
    ],
    ids=range(14),
)
def test_forged_tables_are_errors(data):
    with pytest.raises(IdTableError, match=r"c\.ids is no whole table of ids"):
        Opened(data).table.find("z")


def test_another_version_says_so():
    with pytest.raises(IdTableError, match="has version 2, this version of audio-flan reads 1"):
        Opened(forged(version=2))


def test_what_the_writer_refuses():
    writer = IdTableWriter(io.BytesIO(), "c")
    writer.add(clip(0, "b"))
    for audio_id in ("b", "a", ""):
        with pytest.raises(ValueError, match="ids come sorted, each once"):
            writer.add(clip(1, audio_id))
    for shard in ("audio/d/d-00001.tar", "audio/c/c-00001.parquet", "audio/c/c-1.tar", "x"):
        with pytest.raises(ValueError, match="shard"):
            writer.add(clip(1, "c")._replace(shard=shard))
