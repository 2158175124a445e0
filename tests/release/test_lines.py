"""Lines come with their numbers and offsets, in bounded memory, whatever the file holds."""

import gzip
import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marks import quick
from property_profiles import examples

from audio_flan.records import Reason
from audio_flan.release.lines import FileFault, read_lines

BOM = b"\xef\xbb\xbf"
texts = st.lists(
    st.sampled_from([b"\n", b"\r\n", b"\r", b" ", b"\t", BOM, b"\0", b"x", b"long line", b"\xff"]),
    max_size=40,
).map(b"".join) | st.binary(max_size=300)


def lines_of(data: bytes, compressed: bool = False, max_bytes: int = 1 << 20):
    return list(read_lines(io.BytesIO(data), compressed=compressed, max_bytes=max_bytes))


@examples(300)
@given(texts, st.booleans(), st.booleans())
def test_the_bytes_at_the_offset_are_the_line_and_no_line_is_lost(data, compressed, two_members):
    file = data
    if compressed:
        middle = len(data) // 2 if two_members else 0
        file = gzip.compress(data[:middle]) + gzip.compress(data[middle:])
    found = {line.number: line for line in lines_of(file, compressed)}
    offset = 0
    for number, raw in enumerate(data.split(b"\n"), 1):
        text = raw.rstrip(b"\r")
        if number == 1:
            text = text.removeprefix(BOM)
        if text.strip():
            line = found.pop(number)
            assert (line.byte_offset, line.data) == (offset, text)
        offset += len(raw) + 1
    assert not found


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from([b"\n", b"\r\n"])), max_size=8), st.booleans())
def test_lines_over_the_limit_are_told_and_passed_over(sizes, ended):
    data = b"".join(b"x" * size + end for size, end in sizes) + (b"" if ended else b"tail")
    lines = {line.number: line.data for line in lines_of(data, max_bytes=10)}
    expected = {n: None if size > 10 else b"x" * size for n, (size, _) in enumerate(sizes, 1) if size}
    assert lines == (expected if ended else expected | {len(sizes) + 1: b"tail"})


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-1], lambda data: data[:-20], lambda data: data[:5], lambda data: b"plain text",
     lambda data: data + b"junk", lambda data: data[:-6] + b"\0\0" + data[-4:],
     lambda data: data[:30] + b"\xff\xff\xff" + data[33:]],
)  # fmt: skip
def test_broken_gzip_is_a_fault_of_the_file(damage):
    data = damage(gzip.compress(b"".join(b"%d\n" % (i * i) for i in range(200))))
    with pytest.raises(FileFault) as caught:
        lines_of(data, compressed=True)
    assert caught.value.reason is Reason.BAD_GZIP


def test_the_lines_before_the_damage_are_given_out():
    data = gzip.compress(b"".join(b"%d\n" % (i**9) for i in range(20_000)))[:-100]
    seen = []
    with pytest.raises(FileFault):
        seen.extend(iter_lines(data))
    assert len(seen) > 18_000
    assert seen == [b"%d" % (i**9) for i in range(len(seen))]


def iter_lines(data):
    for line in read_lines(io.BytesIO(data), compressed=True):
        yield line.data


def gzip_of(unit: bytes, total: int) -> bytes:
    packer, block = zlib.compressobj(9, zlib.DEFLATED, 31), unit * ((1 << 20) // len(unit))
    return b"".join(packer.compress(block) for _ in range(total // len(block))) + packer.flush()


@pytest.mark.parametrize(
    "unit", quick(2, [b"\0", b"x" * 300 + b"\n", b"\n", b" "]), ids=["zeros", "lines", "breaks", "blanks"]
)
def test_a_gzip_bomb_is_refused_early(unit):
    seen = []
    with pytest.raises(FileFault) as caught:
        seen.extend(iter_lines(gzip_of(unit, 300 << 20)))
    assert caught.value.reason is Reason.GZIP_BOMB
    assert len(seen) < 200_000


def test_many_rows_that_are_much_alike_are_no_bomb():
    rows = b"".join(b'{"uuid": "%d", "text": "%s"}\n' % (i, b"the same again, " * 30) for i in range(60_000))
    assert len(rows) > 25 << 20
    assert len(lines_of(gzip.compress(rows), compressed=True)) == 60_000


def test_an_empty_gzip_file_has_no_lines():
    assert lines_of(b"", compressed=True) == lines_of(gzip.compress(b""), compressed=True) == []


def test_a_disk_that_fails_is_a_fault_of_the_file():
    class Disk(io.BytesIO):
        def readline(self, size=-1):
            raise OSError(5, "Input/output error")

    with pytest.raises(FileFault, match="Input/output error") as caught:
        list(read_lines(Disk()))
    assert caught.value.reason is Reason.UNREADABLE_FILE
