"""Tars that are the same for the same clips, and that everybody reads."""

import os
import subprocess
import tarfile
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_64_hexdigest

from audio_flan.shards.tar import TarWriter, member_header, member_name

ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=200)


@given(st.lists(ids, max_size=30))
def test_names_are_unique_and_no_paths(audio_ids):
    taken = set()
    names = [member_name(audio_id, "flac", taken) for audio_id in audio_ids]
    assert len(set(names)) == len(names)
    for name in names:
        stem, dot, extension = name.partition(".")
        assert (dot, extension) == (".", "flac")  # WebDataset takes what stands before the first dot
        assert stem
        assert len(name) <= 100
        assert name.isascii()
        assert "/" not in name


def test_plain_ids_are_names():
    assert member_name("01_Read_0", "wav", set()) == "01_Read_0.wav"
    assert member_name("../../x", "wav", set()).startswith("______x-")
    long = member_name("x" * 5000, "wav", set())
    assert len(long) < 100
    assert member_name("a.1", "wav", set()) != member_name("a.2", "wav", set())


@given(st.integers(0, 2**40))
def test_headers_are_read_by_the_standard_library(nbytes):
    info = tarfile.TarInfo.frombuf(member_header("a.flac", nbytes), "utf-8", "strict")
    assert (info.name, info.size, info.mode, info.mtime) == ("a.flac", nbytes, 0o644, 0)
    assert (info.uid, info.gid, info.uname, info.gname) == (0, 0, "", "")
    assert info.isreg()


CLIPS = {f"clip-{i}.flac": os.urandom(size) for i, size in enumerate((0, 1, 511, 512, 513, 100_000))}


def write(path, clips=CLIPS, piece=1 << 20):
    with path.open("wb", buffering=0) as handle:
        tar = TarWriter(handle.fileno())
        offsets = [
            tar.add(name, len(data), [data[i : i + piece] for i in range(0, len(data), piece)])
            for name, data in clips.items()
        ]
        return offsets, tar.close()


@pytest.fixture(scope="module")
def tar(tmp_path_factory):
    path = tmp_path_factory.mktemp("tar") / "a.tar"
    return path, *write(path)


def test_python_reads_it(tar):
    path, offsets, digest = tar
    with tarfile.open(path) as archive:
        members = archive.getmembers()
        assert {member.name: archive.extractfile(member).read() for member in members} == CLIPS
        assert [member.offset_data for member in members] == offsets
    assert xxh3_64_hexdigest(path.read_bytes()) == digest


def test_gnu_tar_reads_it(tar, tmp_path):
    done = subprocess.run(
        ["tar", "-xvf", str(tar[0])], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == CLIPS


def test_webdataset_reads_it(tar):
    webdataset = pytest.importorskip("webdataset")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples = list(webdataset.WebDataset(str(tar[0]), shardshuffle=False, empty_check=False))
    assert {f"{sample['__key__']}.flac": sample["flac"] for sample in samples} == CLIPS


def test_pieces_make_no_difference(tar, tmp_path):
    write(tmp_path / "b.tar", piece=1000)
    assert (tmp_path / "b.tar").read_bytes() == tar[0].read_bytes()


def test_a_clip_that_ends_early_is_an_error(tmp_path):
    with (tmp_path / "c.tar").open("wb", buffering=0) as handle:
        tar = TarWriter(handle.fileno())
        with pytest.raises(OSError, match=r"a\.flac: expected 10 bytes, got 3"):
            tar.add("a.flac", 10, [b"abc"])


def test_short_writes_are_finished(monkeypatch, tmp_path, tar):
    monkeypatch.setattr(os, "writev", lambda descriptor, parts: os.write(descriptor, b"".join(parts)[:100]))
    write(tmp_path / "d.tar")
    assert (tmp_path / "d.tar").read_bytes() == tar[0].read_bytes()
