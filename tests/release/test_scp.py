"""Scp lines: ids and paths, and no path that leads out of the root."""

import ntpath
import posixpath

import pytest
from dirty_tree import SCP_FAULTS
from hypothesis import example, given
from hypothesis import strategies as st
from property_profiles import examples

from audio_flan.release.scp import ScpFault, parse_scp_line

parts = st.sampled_from(
    ["..", ".", "", "/", "\\", "//", "a", "b c", "~", "C:", "c:x", "..\\", "\\\\host\\share", "file://",
     "...", "\0", " ", "\t", "\u2024\u2024", "\uff0e\uff0e", "|", "..\u200b", "%2e%2e"]
)  # fmt: skip
paths = st.lists(parts | st.text(max_size=4), max_size=8).map("".join) | st.lists(parts, max_size=8).map(
    "/".join
)


@examples(1500)
@given(paths)
@example("a/..")
@example("a\\..")
@example("a\\../b")
@example("C:..")
@example("c:x")
def test_no_path_that_is_taken_ever_leaves_the_root(path):
    try:
        line = parse_scp_line(b"id\t" + path.encode(errors="ignore"))
    except ScpFault:
        return
    for flavour, root in ((posixpath, "/data/root"), (ntpath, "D:\\data\\root")):
        full = flavour.normpath(flavour.join(root, line.path))
        assert f"{full}{flavour.sep}".startswith(root + flavour.sep)
    assert "\0" not in line.path
    assert posixpath.normpath(line.path) == line.path


@given(st.binary(max_size=80))
def test_any_bytes_are_a_line_or_a_fault(data):
    try:
        line = parse_scp_line(data)
    except ScpFault as fault:
        assert fault.detail  # noqa: PT017
    else:
        assert line.audio_id
        assert line.path


@pytest.mark.parametrize(
    ("text", "audio_id", "path"),
    [
        ("a x/y.wav", "a", "x/y.wav"),
        ("a\tx/y.wav", "a", "x/y.wav"),
        ("a    x/y z.wav ", "a", "x/y z.wav"),
        ("a b\tx/y.wav", "a b", "x/y.wav"),
        ("a \t x//y/./z.wav\r", "a", "x/y/z.wav"),
        ("ü 音/é.flac", "ü", "音/é.flac"),
        ("a ./x...y/..z", "a", "x...y/..z"),
        ("x" * 5000 + " a.wav", "x" * 5000, "a.wav"),
    ],
)
def test_lines(text, audio_id, path):
    assert parse_scp_line(text.encode()) == (audio_id, path)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, fault in SCP_FAULTS.items()
        if fault[0].startswith("scp_") and fault[0] != "scp_conflict"
    ],
)
def test_each_fault_has_its_reason_and_names_the_id(name):
    reason, text, audio_id = SCP_FAULTS[name]
    with pytest.raises(ScpFault) as caught:
        parse_scp_line(text)
    assert (str(caught.value.reason), caught.value.audio_id) == (reason, audio_id)


def test_the_message_says_what_is_wrong():
    with pytest.raises(ScpFault, match="it names no file"):
        parse_scp_line(b"a ./.")
