"""Over a build of an earlier state: the bytes of a new build, and only what differs is written."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from built import Built, tree
from marks import quick

from audio_flan.building import BuildError, build, store_clips
from audio_flan.building.workspace import WORK_FOLDER
from audio_flan.building.write_rows import WriteRows
from audio_flan.card import CARD_NAME, CardError
from audio_flan.publishing import rebase
from audio_flan.release import ReleaseError
from audio_flan.shards import MANIFEST_NAME, parse_manifest, read_manifest
from audio_flan.shards.manifest import REBASE_NAME
from audio_flan.streaming import open_root

SIZE = 100_000
CORPORA = ("01_EspeakRead", "02_EspeakWorld", "11_SynthNotes")
RUN = """
import sys
from audio_flan.building import build
if __name__ == "__main__":
    release, out, form = sys.argv[1:]
    build(release, out, form, shard_size=100_000, jobs=2)
"""


def clips_of(root: Path) -> list[Path]:
    return sorted((root / "audio_files/speech/02_EspeakWorld").rglob("*.*"))


def add_metadata_file(root: Path) -> None:
    """Rows of clips that other rows use as well, in a folder of their own."""
    source = root / "metadata/speech/understanding/train_dev/01_EspeakRead/jsonl/train.jsonl"
    lines = source.read_text().splitlines()[:5]
    records = [json.loads(line) | {"uuid": f"new-{i}"} for i, line in enumerate(lines)]
    target = root / "metadata/speech/understanding/train_dev/00_New/jsonl/new.jsonl"
    target.parent.mkdir(parents=True)
    target.write_text("".join(json.dumps(record) + "\n" for record in records))


def add_corpus(root: Path) -> None:
    """A corpus with a clip and rows of its own, first in every order."""
    add_metadata_file(root)
    clip = clips_of(root)[0]
    folder = root / "audio_files/speech/00_New"
    folder.mkdir()
    shutil.copy(clip, folder / "a.flac")
    (root / "scp_files/speech/00_New.scp").write_text("00_New_a\taudio_files/speech/00_New/a.flac\n")
    path = root / "metadata/speech/understanding/train_dev/00_New/jsonl/new.jsonl"
    record = json.loads(path.read_text().splitlines()[0])
    record |= {"uuid": "own", "input": "audio: <|SOA|>00_New_a<|EOA|>"}
    with path.open("a") as lines:
        lines.write(json.dumps(record) + "\n")


def add_clip(root: Path) -> None:
    """One more clip of a corpus that is there, with a row."""
    scp = root / "scp_files/speech/01_EspeakRead.scp"
    path = scp.read_text().splitlines()[0].split(maxsplit=1)[1]
    target = Path(path).with_name(f"added{Path(path).suffix}")
    shutil.copy(root / path, root / target)
    with scp.open("a") as lines:
        lines.write(f"{scp.stem}_added\t{target}\n")
    add_metadata_file(root)
    file = root / "metadata/speech/understanding/train_dev/00_New/jsonl/new.jsonl"
    record = json.loads(file.read_text().splitlines()[0])
    record |= {"uuid": "own", "input": f"audio: <|SOA|>{scp.stem}_added<|EOA|>"}
    file.write_text(json.dumps(record) + "\n")


def change_clip(root: Path) -> None:
    """The bytes of a clip become those of another, and it has another time."""
    first, *_, last = clips_of(root)
    shutil.copy(last, first)
    os.utime(first, ns=(1, 1))


def remove_metadata_file(root: Path) -> None:
    """Its rows go, and the clips that only they used."""
    (root / "metadata/speech/generation/train_dev/01_EspeakRead/jsonl/train.jsonl").unlink()


ONLY_INDEXED = pytest.mark.parametrize("first", ["indexed"], indirect=True)
CHANGES = (add_metadata_file, add_clip, change_clip, add_corpus, remove_metadata_file)


def marks(root: Path) -> dict[str, tuple[int, int]]:
    """What a file that is not touched keeps: inode and time."""
    return {
        str(path.relative_to(root)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in root.rglob("*")
        if path.is_file() and path.relative_to(root).parts[0] != WORK_FOLDER
    }


def files_of(files: dict[str, bytes]) -> set[str]:
    """The files that the manifest of a tree lists."""
    return {file.path for file in parse_manifest(files[MANIFEST_NAME]).files}


def assert_only_what_differs_was_written(before: dict, after: dict, old: dict, new: dict) -> None:
    for path in old.keys() & new.keys():
        same = old[path] == new[path]
        assert (before.get(path) == after.get(path)) == same, path


@pytest.fixture(scope="module")
def original(demo_root, tmp_path_factory) -> Path:
    """Three corpora of the demo corpus."""
    root = tmp_path_factory.mktemp("original") / "root"
    for corpus in CORPORA:
        for path in sorted(demo_root.rglob(f"{corpus}*")):
            target = root / path.relative_to(demo_root)
            if path.is_dir():
                shutil.copytree(path, target)
            elif path.parent.parent.name == "scp_files":
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target)
    return root


@pytest.fixture(scope="module", params=["indexed", "embedded"])
def first(request, original, tmp_path_factory) -> Built:
    """A build, to be copied with times and records."""
    out = tmp_path_factory.mktemp("first") / "out"
    return Built(out, build(original, out, request.param, shard_size=SIZE))


@pytest.fixture
def release(original, tmp_path) -> Path:
    """A copy of the release, with the times of its files."""
    return shutil.copytree(original, tmp_path / "release")


@pytest.fixture
def again(first, tmp_path) -> Built:
    return Built(shutil.copytree(first.root, tmp_path / "again"), first.summary)


@pytest.mark.parametrize("change", quick(3, CHANGES), ids=lambda change: change.__name__)
def test_it_is_a_new_build_and_writes_only_what_differs(again, release, tmp_path, change):
    form = again.summary.form
    change(release)
    before, old = marks(again.root), tree(again.root)
    summary = build(release, again.root, form, shard_size=SIZE)
    fresh = tmp_path / "fresh"
    build(release, fresh, form, shard_size=SIZE)
    new = tree(again.root)
    assert new == tree(fresh)
    assert new != old
    assert_only_what_differs_was_written(before, marks(again.root), old, new)
    found, files = summary.changes, files_of(new)
    assert found.files_kept + found.files_written == len(files)
    assert found.files_kept == sum(old.get(path) == new[path] for path in files)
    assert found.bytes_kept == sum(len(new[path]) for path in files if old.get(path) == new[path])
    assert found.files_removed == len(files_of(old) - files)
    assert found.files_written or found.files_removed
    assert not found.anew


def test_a_new_corpus_leaves_the_shards_of_the_others(again, release, monkeypatch):
    """Their clips are not even read."""
    add_corpus(release)
    read, real = [], store_clips.read_payload

    def note(source, audio_id, *arguments, **options):
        read.append(audio_id)
        return real(source, audio_id, *arguments, **options)

    monkeypatch.setattr(store_clips, "read_payload", note)
    build(release, again.root, again.summary.form, shard_size=SIZE)
    assert read == ["00_New_a"]


def test_nothing_new_nothing_done(again, release):
    before = marks(again.root)
    summary = build(release, again.root, again.summary.form, shard_size=SIZE)
    assert marks(again.root) == before
    assert (summary.changes.files_written, summary.changes.files_removed) == (0, 0)
    assert [path.name for path in (again.root / WORK_FOLDER).iterdir()] == ["kept"]


def test_without_records_all_is_made_and_that_is_said(again, release, tmp_path):
    expected = tree(again.root)
    shutil.rmtree(again.root / WORK_FOLDER)
    summary = build(release, again.root, again.summary.form, shard_size=SIZE)
    assert summary.changes.anew
    assert tree(again.root) == expected
    assert not build(release, again.root, again.summary.form, shard_size=SIZE).changes.anew


@pytest.mark.slow
def test_killed_and_resumed(again, release, tmp_path):
    """Also when the release changes once more in between."""
    script = tmp_path / "run.py"
    script.write_text(RUN)
    form, chance = again.summary.form, random.Random(1)
    add_corpus(release)
    command = [sys.executable, str(script), str(release), str(again.root), form]
    for kills in range(4):
        process = subprocess.Popen(command)
        try:
            process.wait(chance.uniform(0.4, 1.4))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        if kills == 2:
            change_clip(release)
    build(release, again.root, form, shard_size=SIZE)
    build(release, tmp_path / "fresh", form, shard_size=SIZE)
    assert tree(again.root) == tree(tmp_path / "fresh")


def test_there_is_no_manifest_while_files_change(again, release, monkeypatch):
    seen, real = [], WriteRows.do

    def look(self, unit):
        seen.append((again.root / MANIFEST_NAME).exists())
        real(self, unit)

    monkeypatch.setattr(WriteRows, "do", look)
    add_metadata_file(release)
    build(release, again.root, again.summary.form, shard_size=SIZE)
    assert set(seen) == {False}


def test_a_file_that_went_missing_is_made_again(again, release):
    """It is looked for when something has changed, of which nothing is known here."""
    expected = tree(again.root)
    path = next(again.root.glob("data/speech/*/*/*/*"))
    path.unlink()
    (again.root / WORK_FOLDER / "kept/state.json").unlink()
    build(release, again.root, again.summary.form, shard_size=SIZE)
    assert tree(again.root) == expected


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: os.truncate(path, 100)], ids=["gone", "cut"])
def test_damaged_files_are_made_again_though_nothing_has_changed(again, release, damage):
    """One of each kind that the form has."""
    expected = tree(again.root)
    kinds: dict[str, str] = {path.partition("/")[0]: path for path in files_of(expected)}
    assert {"data", "sample"} <= kinds.keys()
    for path in kinds.values():
        damage(again.root / path)
    build(release, again.root, again.summary.form, shard_size=SIZE)
    assert tree(again.root) == expected


def test_other_options_are_still_another_build(again, release):
    add_metadata_file(release)
    with pytest.raises(BuildError, match=r"holds another build \(seed: 0 there, 5 asked for\)"):
        build(release, again.root, again.summary.form, shard_size=SIZE, seed=5)


def test_another_release_is_refused_unless_it_is_said(again, small_tree):
    before = marks(again.root)
    with pytest.raises(BuildError, match=r"holds a build of another release: .*01_EspeakRead"):
        build(small_tree.root, again.root, again.summary.form, shard_size=SIZE)
    assert marks(again.root) == before
    build(small_tree.root, again.root, again.summary.form, shard_size=SIZE, resume=False)
    assert {corpus.corpus for corpus in read_manifest(again.root).corpora}.isdisjoint(CORPORA)


def test_an_unfinished_build_of_another_release_is_refused(release, small_tree, tmp_path, monkeypatch):
    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(WriteRows, "do", lambda self, unit: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            build(release, out, shard_size=SIZE)
    with pytest.raises(
        ReleaseError, match="holds an unfinished build: run the same `audio-flan build` again"
    ):
        open_root(out)
    with pytest.raises(BuildError, match="holds a build of another release"):
        build(small_tree.root, out, shard_size=SIZE)
    build(release, out, shard_size=SIZE)
    assert open_root(out).form == "indexed"


@pytest.mark.parametrize(
    ("card", "message"), [(b"Ren\xe9", "is not UTF-8"), (b"---\na: [\n---\n", "cannot be read")]
)
def test_a_card_that_cannot_be_read_stops_it_before_anything_is_changed(again, release, card, message):
    (again.root / CARD_NAME).write_bytes(card)
    before = marks(again.root)
    add_metadata_file(release)
    with pytest.raises(CardError, match=f"{CARD_NAME}: .*{message}"):
        build(release, again.root, again.summary.form, shard_size=SIZE)
    assert marks(again.root) == before


@ONLY_INDEXED
def test_clips_added_to_a_corpus_change_no_other(first, release, tmp_path):
    add_clip(release)
    out = shutil.copytree(first.root, tmp_path / "again")
    before = marks(out)
    build(release, out, shard_size=SIZE)
    after = marks(out)
    changed = {path for path in before if before[path] != after.get(path)}
    touched = {path.split("/")[1] for path in changed if path.startswith("audio/")}
    assert touched == {"01_EspeakRead"}


@ONLY_INDEXED
def test_a_rebased_root_keeps_its_shards_and_gets_its_rows_anew(first, release, tmp_path):
    out = shutil.copytree(first.root, tmp_path / "again")
    rebase(out, "hf://datasets/ORG/NAME")
    before = marks(out)
    build(release, out, shard_size=SIZE)
    assert marks(out) == before  # it is finished, and nothing has changed
    add_metadata_file(release)
    build(release, out, shard_size=SIZE)
    build(release, tmp_path / "fresh", shard_size=SIZE)
    assert tree(out) == tree(tmp_path / "fresh")
    after = marks(out)
    assert all(after[path] == before[path] for path in before if path.startswith("audio/"))


@ONLY_INDEXED
def test_a_rebase_that_was_stopped_is_undone(first, release, tmp_path):
    out = shutil.copytree(first.root, tmp_path / "again")
    expected, manifest = tree(out), (out / MANIFEST_NAME).read_bytes()
    rebase(out, "hf://datasets/ORG/NAME")
    (out / MANIFEST_NAME).write_bytes(manifest)
    (out / REBASE_NAME).write_text("hf://datasets/ORG/NAME")
    build(release, out, shard_size=SIZE)
    assert tree(out) == expected
