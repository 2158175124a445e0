"""Another base for all cells: the same bytes as a build with that base, whatever stops it."""

import random
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_flan.building import BuildError, build
from audio_flan.card import make_card_files
from audio_flan.publishing import PublishError, rebase
from audio_flan.publishing.base import check_base
from audio_flan.records.schema import AUDIO_COLUMNS
from audio_flan.shards import Cell, CellError, ManifestError, make_cell, parse_cell, read_manifest, verify
from audio_flan.shards.cell import cell_prefix
from audio_flan.shards.manifest import REBASE_NAME
from audio_flan.shards.rebase_rows import base_of_rows, rebase_rows
from audio_flan.shards.row_files import RowFileWriter

HUB = "hf://datasets/HKUSTAudio/Audio-FLAN"
BASES = ["", HUB, f"{HUB}@v1.0", "https://example.org/a/audio/b/c", "s3://bucket/audio"]
RUN = """
import sys
from audio_flan.publishing import rebase
rebase(sys.argv[1], sys.argv[2])
"""


def tree(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def row_files(root: Path) -> list[Path]:
    return [
        root / file.path for file in read_manifest(root).row_files("all", ("train", "validation", "test"))
    ]


def cells(path: Path) -> list[str]:
    table = pq.read_table(path, columns=list(AUDIO_COLUMNS)).to_pylist()
    return [cell["path"] for row in table for column in AUDIO_COLUMNS for cell in row[column]]


def test_all_cells_get_the_base_and_nothing_else_changes(speech_indexed, root):
    summary = rebase(root, f"{HUB}/")
    assert (summary.base_before, summary.base) == ("", HUB)
    assert summary.rewritten == summary.row_files == len(row_files(root))
    for before, after in zip(row_files(speech_indexed), row_files(root), strict=True):
        old, new = cells(before), cells(after)
        assert new == [make_cell(parse_cell(path)._replace(base=HUB)) for path in old] != []
        keep = [name for name in pq.read_schema(before).names if name not in AUDIO_COLUMNS]
        assert pq.read_table(before, columns=keep) == pq.read_table(after, columns=keep)
    manifest = read_manifest(root)
    assert manifest.base == HUB
    assert list(verify(root, deep=True)) == []
    changed = {path for path, data in tree(speech_indexed).items() if tree(root).get(path) != data}
    assert {path.partition("/")[0] for path in changed} == {
        "data", "README.md", "croissant.json", "audio_flan.json",
    }  # fmt: skip
    for name, data in make_card_files(root, manifest).items():
        assert (root / name).read_bytes() == data


@pytest.mark.parametrize("base", BASES[1:])
def test_the_bytes_are_those_of_rows_written_with_that_base(speech_indexed, root, base):
    rebase(root, base)
    for before, after in zip(row_files(speech_indexed)[:4], row_files(root), strict=False):
        written = root / "written.parquet"
        file = pq.ParquetFile(before)
        with RowFileWriter(written) as writer:
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group).to_pylist()
                writer.write([_moved(row, base) for row in rows])
        assert written.read_bytes() == after.read_bytes()


def _moved(row, base):
    def cell(found):
        return found["bytes"], make_cell(parse_cell(found["path"])._replace(base=base))

    return tuple([cell(c) for c in v] if k in AUDIO_COLUMNS else v for k, v in row.items())


@pytest.mark.slow
def test_the_way_back_and_detours(speech_indexed, root):
    before = tree(root)
    for base in (*BASES[1:], ""):
        rebase(root, base)
    assert tree(root) == before == tree(speech_indexed)
    assert rebase(root, "").rewritten == 0


places = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
segments = st.text("abz09._~-", min_size=1, max_size=8).filter(lambda name: name.strip("."))
parts = st.lists(st.sampled_from(["audio", "a.b", "x"]) | segments, min_size=1, max_size=4)
bases = st.sampled_from(BASES) | parts.map(lambda names: f"https://{'/'.join(names)}")


@given(
    clips=st.lists(st.tuples(segments, segments, places, st.integers(0, 2**40)), min_size=1, max_size=5),
    old=bases,
    new=bases,
)
def test_any_cell_gets_the_base_that_it_would_be_made_with(tmp_path_factory, clips, old, new):
    folder = tmp_path_factory.mktemp("property")
    made = [Cell(old, f"audio/{c}/{s}", i, "flac", n, n, n) for c, s, i, n in clips]
    _write_cells(folder / "old.parquet", [make_cell(cell) for cell in made])
    rebase_rows(folder / "old.parquet", folder / "new.parquet", new)
    assert cells(folder / "new.parquet") == [make_cell(cell._replace(base=new)) for cell in made]
    assert base_of_rows(folder / "new.parquet") == new


def _write_cells(path, paths):
    from audio_flan.records.schema import COLUMNS
    from audio_flan.shards.schema import LIST_COLUMNS, SECONDS_COLUMNS

    row = dict.fromkeys(COLUMNS) | {name: [] for name in (*LIST_COLUMNS, *SECONDS_COLUMNS)}
    row |= {"input_audio": [], "output_audio": [(None, path) for path in paths]}
    with RowFileWriter(path) as writer:
        writer.write([tuple(row.values())])


def test_cells_of_several_bases_are_refused(tmp_path):
    cell = Cell("", "audio/c/c.tar", "id", "wav", 0, 1, 2)
    _write_cells(tmp_path / "mixed.parquet", [make_cell(cell), make_cell(cell._replace(base=HUB))])
    with pytest.raises(CellError, match=re.escape(f"begin with {cell_prefix('')!r}, got")):
        rebase_rows(tmp_path / "mixed.parquet", tmp_path / "new.parquet", "https://x.org")


class Stop(Exception):
    pass


@pytest.mark.parametrize("second", [HUB, f"{HUB}@main", ""])
def test_stopped_in_the_middle_it_is_said_and_mended(speech_indexed, root, tmp_path, second):
    def stop(_what, done, total):
        if done > total / 2:
            raise Stop

    with pytest.raises(Stop):
        rebase(root, HUB, progress=stop)
    first, *others = verify(root)
    assert first.path == REBASE_NAME
    assert f"--base {HUB!r}` again" in first.message
    assert others
    rebase(root, second)
    assert list(verify(root, deep=True)) == []
    straight = tmp_path / "straight"
    shutil.copytree(speech_indexed, straight)
    rebase(straight, second)
    assert tree(root) == tree(straight)


@pytest.mark.slow
def test_killed_at_any_moment_and_run_again(root, speech_indexed, tmp_path):
    expected = shutil.copytree(speech_indexed, tmp_path / "expected")
    rebase(expected, HUB)
    chance = random.Random(3)
    command = [sys.executable, "-c", RUN, str(root), HUB]
    kills = 0
    while read_manifest(root).base != HUB:
        process = subprocess.Popen(command)
        try:
            assert process.wait(chance.uniform(0.2, 0.8) if kills < 6 else None) == 0
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    rebase(root, HUB)
    assert kills
    assert tree(root) == tree(expected)


def test_two_at_once(root):
    refused = []

    def again(*_):
        if not refused:
            with pytest.raises(BuildError, match="is running, or an export, rebase"):
                rebase(root, "https://x.org")
            refused.append(True)

    rebase(root, HUB, progress=again)
    assert refused
    assert list(verify(root, deep=True)) == []


def test_a_build_and_a_rebase_keep_out_of_each_other(demo_root, root):
    refused = []

    def build_too(*_):
        if not refused:
            with pytest.raises(BuildError, match="is running, or an export, rebase"):
                build(demo_root, root, config="understanding_speech", shard_size=1_000_000)
            refused.append(True)

    rebase(root, HUB, progress=build_too)
    assert refused

    def rebase_too(*_):
        if len(refused) == 1:
            with pytest.raises((BuildError, ManifestError)):
                rebase(root, "https://x.org")
            refused.append(True)

    build(demo_root, root, config="understanding_speech", shard_size=1_000_000, progress=rebase_too)
    assert list(verify(root, deep=True)) == []


def test_an_speech_embedded_has_nothing_to_be_done(speech_embedded):
    before = tree(speech_embedded)
    assert rebase(speech_embedded, HUB).rewritten == 0
    assert tree(speech_embedded) == before


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("/data/audio", "leave the base empty and set AUDIO_FLAN_BASE"),
        ("file:///etc", "expected a URL such as"),
        ("HKUSTAudio/Audio-FLAN", "expected a URL such as"),
        ("hf://HKUSTAudio/Audio-FLAN", "expected hf://datasets/ORG/NAME"),
        ("hf://datasets/x", "expected hf://datasets/ORG/NAME"),
        ("https://host/a/../b", "the plain URL of a folder"),
        ("https://host/a?b=c", "the plain URL of a folder"),
        ("https:///a", "the plain URL of a folder"),
        ("https://a::hf://b", "the plain URL of a folder"),
        ("https://me:secret@host/a", "a base without user name and password"),
        ("s3://me@bucket/a", "a base without user name and password"),
    ],
)
def test_bases_that_no_reader_would_follow(root, base, message):
    before = tree(root)
    with pytest.raises(ValueError, match=re.escape(message)):
        rebase(root, base)
    assert tree(root) == before


@pytest.mark.parametrize("base", BASES)
def test_bases_that_readers_follow(base):
    from audio_flan.fetch.place import locate

    assert check_base(f"{base}/") == base
    if base:
        assert locate(base) == base


def test_no_build(tmp_path):
    with pytest.raises(ManifestError, match="it is no finished build"):
        rebase(tmp_path, HUB)


def test_a_row_file_is_missing(root):
    row_files(root)[1].unlink()
    with pytest.raises(PublishError, match="is missing: the manifest lists it"):
        rebase(root, HUB)


@pytest.mark.parametrize("stopped", [False, True])
def test_a_row_file_that_is_not_the_listed_one_is_refused(root, stopped):
    files = read_manifest(root).row_files("all", ("train", "validation", "test"))
    victim = files[0] if stopped else files[-1]  # the first has the new base already
    other = next(file for file in files if file.rows != victim.rows)
    if stopped:
        _stop_a_rebase(root)
    before = tree(root)
    shutil.copyfile(root / other.path, root / victim.path)
    with pytest.raises(PublishError, match=r"rows, the manifest lists" if stopped else "is not the file"):
        rebase(root, HUB)
    assert next(problem.path for problem in verify(root)) == REBASE_NAME
    (root / victim.path).write_bytes(before[victim.path])
    rebase(root, HUB)
    assert list(verify(root, deep=True)) == []


def test_a_changed_row_file_with_as_many_bytes_is_refused(root):
    path = row_files(root)[0]
    data = bytearray(path.read_bytes())
    data[10] ^= 1
    path.write_bytes(data)
    with pytest.raises(PublishError, match="is not the file that the manifest lists"):
        rebase(root, HUB)


def _stop_a_rebase(root):
    def stop(_what, done, total):
        if done > total / 2:
            raise Stop

    with pytest.raises(Stop):
        rebase(root, HUB, progress=stop)


@pytest.mark.slow
def test_the_command(root, speech_embedded):
    def run(*args, code=0):
        command = [sys.executable, "-m", "audio_flan.cli", "rebase", *map(str, args)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    assert f"clips are at {HUB}" in run(root, "--base", HUB)
    assert "0 of" in run(root, "--base", HUB)
    assert '"base": ""' in run(root, "--base", "", "--json")
    assert "there is nothing to do" in run(speech_embedded, "--base", HUB)
    assert run(root, "--base", "x", code=2).startswith("error: expected a URL")


def test_what_a_killed_one_left_goes(root):
    for place in (root, root / "data"):
        (place / ".tmp-left").write_bytes(b"half a file")
    rebase(root, HUB)
    assert not list(root.rglob(".tmp-*"))
