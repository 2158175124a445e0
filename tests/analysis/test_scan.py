"""The table of instances: the same in every form, read where a row can match, copied when it must be."""

import shutil

import polars as pl
import pytest
from hub.server import Hub
from marks import quick

import audio_flan
from audio_flan.analysis import open_table
from audio_flan.analysis.tables.columns import CLIP_SCHEMA
from audio_flan.analysis.tables.remote_scan import conjuncts
from audio_flan.mixing.row_schema import ROW_SCHEMA
from audio_flan.records import SPLITS
from audio_flan.release import Quarantine
from audio_flan.streaming.rows import Wish
from audio_flan.taxonomy import UnknownNameError, resolve_config

REPO = "HKUSTAudio/Audio-FLAN"


def rows(root, *args, **kwargs):
    return audio_flan.scan(root, *args, **kwargs).collect().sort("uuid", "task")


@pytest.fixture(scope="module")
def hub(indexed_root, embedded_root):
    with Hub(redirects=True) as hub:
        hub.add(REPO, indexed_root)
        hub.add("someone/embedded", embedded_root)
        yield hub


@pytest.fixture(params=["indexed", "embedded", "indexed on the web", "embedded on the web"])
def built(request):
    form, _, remote = request.param.partition(" ")
    if not remote:
        return str(request.getfixturevalue(f"{form}_root"))
    repo = REPO if form == "indexed" else "someone/embedded"
    return f"{request.getfixturevalue('hub').endpoint}/datasets/{repo}/resolve/main"


def test_every_form_gives_the_same_rows_and_clips(demo_root, built):
    expected = rows(demo_root)
    assert expected.schema == ROW_SCHEMA
    assert rows(built).equals(expected)
    for config, split in [("music", "test"), ("speech_asr", ["train", "dev"]), ("generation_audio", None)]:
        wanted = rows(demo_root, config, split)
        assert rows(built, config, split).equals(wanted)
        assert set(wanted["task"]) <= resolve_config(config).task_names
        assert len(wanted)
    clips = [open_table(root).clips().collect().sort("id") for root in (demo_root, built)]
    assert clips[0].equals(clips[1])
    assert clips[0].schema == CLIP_SCHEMA


def test_rows_are_those_of_a_stream(demo_root):
    columns = [column for column in ROW_SCHEMA if column != "source"]
    streamed = pl.DataFrame(
        [
            row
            for split in SPLITS
            for row in audio_flan.stream(demo_root, split=split, columns=list(ROW_SCHEMA))
        ],
        schema=ROW_SCHEMA,
    )
    assert rows(demo_root).select(columns).equals(streamed.sort("uuid", "task").select(columns))


def test_parts_have_the_rows_of_the_files_in_their_order(demo_root, built):
    everything = resolve_config("all")
    for root in (demo_root, built):
        table = open_table(root)
        parts = table.parts("music", ["test"])
        assert parts
        for part in parts:
            found = table.part_frame(part, ["uuid", "task"])
            assert len(found) == part.rows
            file = next(each for each in table.source.files(everything, SPLITS) if each.path == part.path)
            quarantine, wish = Quarantine(), Wish(everything, SPLITS, ("uuid", "task"))
            streamed = [make(quarantine) for make in table.source.row_makers(file, wish, quarantine)]
            assert found.to_dicts() == streamed


def test_a_filter_opens_only_files_that_can_match(indexed_root, tmp_path):
    root = shutil.copytree(indexed_root, tmp_path / "root")
    kept = root / "data/speech/understanding/speech_recognition/speech_asr"
    for path in (root / "data").rglob("*.parquet"):
        if path.parent != kept or not path.name.startswith("test"):
            path.write_bytes(b"nothing that could be read")
    scan = audio_flan.scan(root)
    wanted = scan.filter((pl.col("task") == "speech_asr") & (pl.col("split") == "test"), pl.col("uuid") != "")
    assert len(wanted.collect()) == len(rows(indexed_root, "speech_asr", "test")) > 0
    assert len(wanted.collect(engine="streaming")) == len(wanted.collect())
    assert len(scan.filter(pl.col("corpus") == "no corpus sorts like this").collect()) == 0
    with pytest.raises(pl.exceptions.ComputeError):
        scan.filter(pl.col("task") == "music_caption").collect()


def test_a_filter_asks_the_hub_only_for_files_that_can_match(hub):
    scan = audio_flan.scan(f"{hub.endpoint}/datasets/{REPO}/resolve/main")
    hub.forget()
    condition = (pl.col("input").str.len_bytes() > 0) & (pl.col("split") == "test")
    found = scan.filter((pl.col("task") == "speech_asr") & condition).select("uuid", "task").collect()
    assert set(found["task"]) == {"speech_asr"}
    asked = {exchange.path.rpartition("/data/")[2] for exchange in hub.log if "/data/" in exchange.path}
    assert len(asked) == 1
    assert "speech_asr/test-" in asked.pop()
    assert len(scan.head(3).collect()) == 3


def test_conjuncts():
    a, b, c = pl.col("a") > 1, pl.col("b").is_in([2]), (pl.col("c") == 1) | pl.col("d")
    assert [str(each) for each in conjuncts(a & b & c)] == [str(each) for each in (a, b, c)]
    assert [str(each) for each in conjuncts(c)] == [str(c)]


def test_names_that_do_not_exist(demo_root):
    with pytest.raises(UnknownNameError, match="speech_asr"):
        audio_flan.scan(demo_root, "speech_asrr")
    with pytest.raises(UnknownNameError, match="train"):
        audio_flan.scan(demo_root, split="trian")


class Copies:
    """The columnar copy of a release, and which of its files a scan has written."""

    def __init__(self, root, cache):
        self.root, self.cache = root, cache

    def scan(self):
        return audio_flan.scan(self.root, cache_dir=self.cache).collect().sort("uuid", "task")

    def written(self):
        before = {path: path.stat().st_mtime_ns for path in self.cache.rglob("*.parquet")}
        found = self.scan()
        after = {path: path.stat().st_mtime_ns for path in self.cache.rglob("*.parquet")}
        changed = [path for path in after if before.get(path) != after[path]]
        return found, len([path for path in changed if not path.name.endswith(".clips.parquet")])


@pytest.fixture
def copies(demo_copy, tmp_path):
    return Copies(demo_copy, tmp_path / "cache")


def test_the_copy_is_made_once_and_only_where_it_must_be(copies, demo_root):
    files = len(list(copies.root.glob("metadata/**/*.jsonl*")))
    expected = rows(demo_root)
    found, written = copies.written()
    assert found.equals(expected)
    assert written == files
    assert copies.written()[1] == 0
    metadata = next(copies.root.glob("metadata/speech/understanding/**/*.jsonl"))
    lines = metadata.read_bytes().splitlines(keepends=True)
    metadata.write_bytes(b"".join(lines[1:]))
    found, written = copies.written()
    assert (len(found), written) == (len(expected) - 1, 1)
    metadata.write_bytes(b"".join(lines))
    found, written = copies.written()
    assert found.equals(expected)
    assert written == 1


def test_another_corpus_leaves_the_other_copies_as_they_are(copies):
    before = copies.scan()
    new = copies.root / "scp_files/speech/99_New.scp"
    clip = next((copies.root / "audio_files/speech").rglob("*.flac")).relative_to(copies.root)
    new.write_text(f"99_New_0 {clip}\n")
    found, written = copies.written()
    assert found.equals(before)
    assert written == 0


def test_an_id_that_means_another_clip_is_noticed(copies):
    before = copies.scan()
    scp = next(copies.root.glob("scp_files/music/*.scp"))
    first, *rest = scp.read_text().splitlines()
    audio_id = first.split()[0]
    other = next(copies.root.glob("audio_files/speech/**/*.flac")).relative_to(copies.root)
    scp.write_text("\n".join([f"{audio_id} {other}", *rest]) + "\n")
    after = copies.scan()
    uses = pl.col("input_audio_ids").list.contains(audio_id) | pl.col("output_audio_ids").list.contains(
        audio_id
    )
    changed = before.filter(uses)
    assert len(changed)
    lengths = ["uuid", "input_seconds", "output_seconds"]
    assert not after.filter(uses).select(lengths).equals(changed.select(lengths))
    assert after.filter(~uses).equals(before.filter(~uses))


@pytest.mark.parametrize(
    "harm", quick(2, ["gone", "part gone", "catalogue gone", "catalogue broken", "of another version"])
)
def test_the_copy_may_be_deleted(copies, harm):
    before = copies.scan()
    (catalogue,) = copies.cache.rglob("rows.json")
    if harm == "gone":
        shutil.rmtree(copies.cache)
    elif harm == "catalogue gone":
        catalogue.unlink()
    elif harm == "catalogue broken":
        catalogue.write_bytes(b"{")
    elif harm == "of another version":
        catalogue.write_bytes(b'{"version":[0,0],"files":{}}')
    else:
        for path in sorted(catalogue.parent.glob("*.parquet"))[:5]:
            path.unlink()
    assert copies.scan().equals(before)


def test_it_works_where_nothing_can_be_kept(demo_root, tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    found = audio_flan.scan(demo_root, "audio_vad", cache_dir=blocked / "cache").collect()
    assert len(found) == len(rows(demo_root, "audio_vad"))


def test_bad_records_and_clips_are_counted(small_tree, tmp_path):
    """A clip that cannot be opened has no length; the row stays, as it does in the release."""
    table = open_table(small_tree.root, cache_dir=tmp_path / "cache")
    good = table.frame().collect()
    assert table.quarantined() == {}
    victim = next(small_tree.root.glob("audio_files/**/*.flac"))
    victim.write_bytes(b"no audio")
    metadata = next(small_tree.root.glob("metadata/**/*.jsonl"))
    with metadata.open("ab") as lines:
        lines.write(b"{broken\n")
    table = open_table(small_tree.root, cache_dir=tmp_path / "other")
    found = table.frame().collect()
    assert len(found) == len(good)
    missing = found.select(
        pl.col("input_seconds", "output_seconds").list.eval(pl.element().is_null()).list.sum()
    )
    assert sum(missing.sum().row(0)) > 0
    assert table.quarantined() == {"invalid_json": 1}
