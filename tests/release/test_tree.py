"""Finding files: links, loops, odd names, things that vanish, and trees behind fsspec."""

import gzip
import os
import shutil
import time

import fsspec
import numpy as np
import pytest
from trees import line, metadata_path, write

import audio_flan
from audio_flan.release import ReleaseError, open_release
from audio_flan.release.tree import LocalTree, open_tree
from audio_flan.release.validate import validate

PATH = metadata_path("speech", "understanding", "train_dev", "01_A", "a.jsonl")


def found(root, folder="metadata"):
    return [entity.path for entity in LocalTree(str(root)).find(folder)]


def test_files_are_listed_by_path(tmp_path):
    for name in ("b", "a/c", "a.d"):
        write(tmp_path, f"metadata/{name}", b"x")
    assert found(tmp_path) == ["metadata/a.d", "metadata/a/c", "metadata/b"]
    assert found(tmp_path, "nothing") == []


def test_links_inside_the_root_are_followed_and_others_are_not(tmp_path):
    root = tmp_path / "root"
    write(root, "metadata/a/x", b"x")
    write(tmp_path, "outside/y", b"y")
    (root / "metadata/b").symlink_to("a")
    (root / "metadata/file").symlink_to("a/x")
    (root / "metadata/out").symlink_to(tmp_path / "outside")
    (root / "metadata/out_file").symlink_to(tmp_path / "outside/y")
    (root / "metadata/nowhere").symlink_to("gone")
    os.mkfifo(root / "metadata/fifo")
    assert found(root) == ["metadata/a/x", "metadata/b/x", "metadata/file"]


def test_a_root_that_is_a_link_is_a_root(tmp_path):
    write(tmp_path, "real/metadata/x", b"x")
    (tmp_path / "link").symlink_to("real")
    assert found(tmp_path / "link") == ["metadata/x"]


def test_loops_of_links_end(tmp_path):
    write(tmp_path, "metadata/a/x", b"x")
    write(tmp_path, "metadata/b/y", b"y")
    (tmp_path / "metadata/a/up").symlink_to("..")
    (tmp_path / "metadata/self").symlink_to("self")
    (tmp_path / "metadata/a/b").symlink_to("../b")
    (tmp_path / "metadata/b/a").symlink_to("../a")
    assert {"metadata/a/x", "metadata/b/y"} <= set(found(tmp_path))


def test_folders_that_all_link_to_one_another_are_done_in_a_second(tmp_path):
    names = [f"d{i}" for i in range(9)]
    for name in names:
        write(tmp_path, f"metadata/{name}/x", b"x")
        for other in names:
            if other != name:
                (tmp_path / "metadata" / name / other).symlink_to(f"../{other}")
    start = time.process_time()
    assert len(found(tmp_path)) >= len(names)
    assert time.process_time() - start < 3


def test_a_file_that_vanishes_while_files_are_listed_is_no_file(tmp_path, monkeypatch):
    write(tmp_path, "metadata/x", b"x")
    write(tmp_path, "metadata/y", b"y")
    listed = os.scandir

    class Vanishing:
        def __init__(self, folder):
            self.items = list(listed(folder))
            (tmp_path / "metadata/x").unlink(missing_ok=True)

        def __enter__(self):
            return iter(self.items)

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(os, "scandir", Vanishing)
    assert found(tmp_path) == ["metadata/y"]


def test_a_metadata_file_that_vanishes_is_named_and_not_taken_for_empty_later(small_tree):
    path = small_tree.root / metadata_path("speech", "understanding", "train_dev", "01_Read", "asr.jsonl")
    stream = audio_flan.stream(small_tree.root, "speech_asr", "train")
    aside = path.rename(path.with_suffix(".aside"))
    assert list(stream) == []
    assert [(e.file, e.line, str(e.reason)) for e in stream.quarantine] == [
        (str(path.relative_to(small_tree.root)), None, "unreadable_file")
    ]
    aside.rename(path)
    for each in (stream, audio_flan.stream(small_tree.root, "speech_asr", "train")):
        assert [row["uuid"] for row in each] == small_tree.of("speech_asr", "train")
        assert not each.quarantine


def test_an_scp_file_that_vanishes_is_named(small_tree, monkeypatch):
    release = open_release(small_tree.root)
    (small_tree.root / "scp_files/music/30_Keys.scp").unlink()
    assert [(e.file, str(e.reason)) for e in release.clips.faults] == [
        ("scp_files/music/30_Keys.scp", "unreadable_file")
    ]


@pytest.mark.parametrize("kind", ["metadata", "scp"])
def test_a_file_whose_name_is_not_utf8_is_named_and_not_read(small_tree, kind):
    good = metadata_path("speech", "understanding", "train_dev", "01_Read", "asr.jsonl")
    path, new = (
        (good, b"caf\xe9.jsonl") if kind == "metadata" else ("scp_files/music/30_Keys.scp", b"caf\xe9.scp")
    )
    (small_tree.root / path).with_name(os.fsdecode(new)).write_bytes(b"x y")
    report = validate(open_release(small_tree.root))
    (entry,) = report.entries
    assert entry.reason == "misplaced_file"
    assert entry.file.endswith(rf"caf\xe9.{path.rpartition('.')[2]}")
    assert "UTF-8" in entry.message
    assert report.rows == len(small_tree.rows)


def test_a_root_whose_name_is_not_utf8_is_read(small_tree):
    new = small_tree.root.rename(small_tree.root.with_name(os.fsdecode(b"caf\xe9")))
    assert len(list(audio_flan.stream(new, "all", "all"))) == len(small_tree.rows)


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ("nothing", "there is no folder 'nothing'"),
        ("a/b/c", "there is no folder"),
        ("", "there is no folder ''"),
        ("../up", "there is no folder"),
    ],
)
def test_what_is_no_root(root, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ReleaseError, match=message):
        open_tree(root)


def test_a_folder_that_is_no_release_is_said_to_be_none(tmp_path):
    with pytest.raises(ReleaseError, match=r"no Audio-FLAN release: no file metadata/<domain>"):
        open_release(tmp_path)
    write(tmp_path, "metadata/a.jsonl", b"")
    with pytest.raises(ReleaseError, match=r"1 \.jsonl files stand elsewhere"):
        open_release(tmp_path)


@pytest.mark.parametrize("folder", ["metadata", "scp_files"])
def test_a_folder_that_is_a_link_out_of_the_root_is_refused(small_tree, tmp_path, folder):
    (small_tree.root / folder).rename(tmp_path / "elsewhere")
    (small_tree.root / folder).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ReleaseError, match=f"{folder} is a symbolic link that leads out of"):
        open_release(small_tree.root)


@pytest.mark.parametrize("target", ["nowhere", "scp_files"])
def test_a_folder_that_is_a_link_to_nothing_is_refused(small_tree, target):
    shutil.rmtree(small_tree.root / "scp_files")
    (small_tree.root / "scp_files").symlink_to(target)
    with pytest.raises(ReleaseError, match=f"scp_files is a symbolic link to {target}, which is not there"):
        open_release(small_tree.root)


def test_a_file_that_is_there_compressed_as_well_is_read_once(small_tree):
    path = small_tree.root / metadata_path("speech", "understanding", "train_dev", "01_Read", "asr.jsonl")
    path.with_name("asr.jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))
    report = validate(open_release(small_tree.root))
    assert [(entry.file, entry.reason) for entry in report.entries] == [
        (f"{path.relative_to(small_tree.root)}.gz", "misplaced_file")
    ]
    assert report.rows == len(small_tree.rows)


def test_a_release_without_rows_or_scp_files_is_clean(tmp_path):
    write(tmp_path, PATH, b"")
    report = validate(open_release(tmp_path))
    assert (report.rows, report.clips, len(report.entries), len(report.warnings)) == (0, 0, 0, 0)
    assert list(audio_flan.stream(tmp_path, "all", "all")) == []


def test_without_scp_files_every_id_is_unknown(tmp_path):
    write(tmp_path, PATH, line("u"))
    report = validate(open_release(tmp_path))
    assert [(e.line, str(e.reason), e.audio_id, e.uuid) for e in report.entries] == [
        (1, "unknown_audio_id", "01_Read_0", "u")
    ]


@pytest.fixture(params=["memory", "file"])
def url(request, small_tree):
    """The small tree behind a URL."""
    if request.param == "file":
        yield f"file://{small_tree.root}"
        return
    memory = fsspec.filesystem("memory")
    place = f"/trees/{small_tree.root.parent.name}"
    memory.put(str(small_tree.root), place, recursive=True)
    yield f"memory:/{place}"
    memory.rm(place, recursive=True)


def test_a_tree_behind_a_url_gives_the_same_rows(url, small_tree):
    rows = {row["uuid"]: row for row in audio_flan.stream(url, "all", "all", on_error="skip")}
    assert list(rows) == [row[0] for row in small_tree.rows]
    for uuid, task, split, corpus, inputs, outputs in small_tree.rows:
        row = rows[uuid]
        assert (row["task"], row["split"], row["corpus"]) == (task, split, corpus)
        assert (row["input_audio_ids"], row["output_audio_ids"]) == (inputs, outputs)
        for audio_id, audio in zip(inputs + outputs, row["input_audio"] + row["output_audio"], strict=True):
            np.testing.assert_allclose(audio.decode().T, small_tree.waves[audio_id], atol=1e-4)


def test_a_tree_behind_a_url_is_validated(url, small_tree):
    report = validate(open_release(url), decode=True)
    assert report.as_json() == validate(open_release(small_tree.root)).as_json()
    assert (report.rows, len(report.entries)) == (10, 0)


def test_faults_behind_a_url_are_found(small_tree):
    memory = fsspec.filesystem("memory")
    (small_tree.root / "audio_files/speech/01_Read/wav/01_Read_1.flac").unlink()
    (small_tree.root / "audio_files/speech/02_Synth/clips.tar").write_bytes(b"")
    memory.put(str(small_tree.root), "/faulty", recursive=True)
    try:
        report = validate(open_release("memory://faulty"))
    finally:
        memory.rm("/faulty", recursive=True)
    assert report.entries.by_reason == {"missing_audio": 4, "unusable_audio": 4}


def test_a_file_that_changes_in_memory_is_read_anew(small_tree):
    memory = fsspec.filesystem("memory")
    memory.put(str(small_tree.root), "/changing", recursive=True)
    try:
        before = list(audio_flan.stream("memory://changing", "speech_asr", "train", columns=["output"]))
        path = "/changing/" + metadata_path("speech", "understanding", "train_dev", "01_Read", "asr.jsonl")
        time.sleep(0.01)
        memory.pipe(
            path,
            memory.cat(path)
            .replace(b"Speech Recognition", b"Speech recogniTion")
            .replace(b"train", b"valid"),
        )
        assert len(before) == 2
        assert list(audio_flan.stream("memory://changing", "speech_asr", "train", columns=["output"])) == []
    finally:
        memory.rm("/changing", recursive=True)


def test_errors_of_a_network_are_named_with_the_url(monkeypatch):
    class Broken(fsspec.AbstractFileSystem):
        protocol = "broken"

        def ls(self, path, detail=True, **_):
            raise RuntimeError("the wire is cut")

    fsspec.register_implementation("broken", Broken, clobber=True)
    with pytest.raises(OSError, match=r"broken://x cannot be read: RuntimeError: the wire is cut"):
        open_release("broken://x")
