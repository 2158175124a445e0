"""The path of an audio cell gives back what it was made of, whatever the id."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_flan.shards import CLIP_KINDS, Cell, CellError, clip_file, make_cell, parse_cell

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=80)
bases = st.one_of(
    st.just(""),
    st.builds("file:///{}".format, st.text("abc/-_. ü%?#", min_size=1).filter(lambda rest: rest[-1] != "/")),
    st.builds(
        "{}{}".format,
        st.sampled_from(["hf://", "s3://", "https://", "file:///"]),
        st.text("abcXYZ09/@-_. ü%?#*:", min_size=1, max_size=40).filter(lambda rest: rest == rest.strip("/")),
    ),
)
cells = st.builds(
    Cell,
    base=bases,
    shard=st.builds(clip_file, texts, st.integers(0, 10**6), st.sampled_from(CLIP_KINDS)),
    audio_id=texts,
    extension=st.sampled_from(["flac", "wav", "mp3", "ogg", "m4a"]),
    offset=st.integers(0, 10**18 - 1),
    nbytes=st.integers(0, 10**18 - 1),
    xxh3=st.integers(0, 2**64 - 1),
)


@given(cells)
def test_what_is_made_is_parsed(cell):
    url = make_cell(cell)
    assert parse_cell(url) == cell
    assert url.isascii()
    assert " " not in url
    assert urlsplit(url).query == f"offset={cell.offset}&size={cell.nbytes}&xxh3={cell.xxh3:016x}"
    assert "*" not in url
    assert "::" not in url  # fsspec would split it there


def test_it_reads_as_the_design_has_it():
    cell = Cell("", "audio/07_AMI/07_AMI-00003.tar", "07_AMI_1", "flac", 1536, 25803, 0xABC)
    path = "audio/07_AMI/07_AMI-00003.tar/07_AMI_1.flac?offset=1536&size=25803&xxh3=0000000000000abc"
    assert make_cell(cell) == f"audioflan:///{path}"
    assert parse_cell(f"audioflan://{path}") == cell  # what datasets makes of it
    on_the_hub = cell._replace(base="hf://datasets/ORG/NAME@main")
    assert make_cell(on_the_hub) == f"audioflan://hf/datasets/ORG/NAME@main/{path}"
    odd = make_cell(cell._replace(audio_id="a/../b ü?#.x"))
    assert odd.endswith("/a%2F..%2Fb%20%C3%BC%3F%23.x.flac?offset=1536&size=25803&xxh3=0000000000000abc")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hf://datasets/a/b/x.flac",
        "audioflan:///audio/a/b.tar/x.flac",
        "audioflan:///audio/a/b.tar/x.flac?offset=1&size=-2&xxh3=0000000000000abc",
        "audioflan:///audio/a/b.tar/x.flac?offset=1&size=2",
        "audioflan:///audio/a/b.tar/x.flac?offset=1&size=2&xxh3=abc",
        "audioflan:///audio/../../etc/x.flac?offset=1&size=2&xxh3=0000000000000abc",
        "audioflan:///audio/a/../x.flac?offset=1&size=2&xxh3=0000000000000abc",
        "audioflan:///data/a/b.tar/x.flac?offset=1&size=2&xxh3=0000000000000abc",
        "audioflan:///audio/a/b.tar/x.flac?offset=1&size=2&xxh3=0000000000000abc\n",
    ],
)
def test_what_is_no_cell_is_refused(url):
    with pytest.raises(CellError, match="expected the path of an audio cell"):
        parse_cell(url)


def test_a_base_is_a_url():
    with pytest.raises(CellError, match="a base is a URL"):
        make_cell(Cell("ORG/NAME", "audio/a/a-00000.tar", "x", "wav", 0, 1, 2))
