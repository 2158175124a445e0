"""Datasets that are made of built ones: of several splits or datasets, and by methods of ``datasets``."""

import json
import tracemalloc
from itertools import islice

import datasets
import pyarrow.parquet as pq
import pytest
from datasets.distributed import split_dataset_by_node
from hub.clients import ask_client
from hub.uploads import Uploads
from marks import since_datasets_4

import audio_flan
from audio_flan.loading.dataset import AudioFlanStream
from audio_flan.loading.output_size import files_to_write
from audio_flan.streaming.ordered import OrderedStream

CONFIG = "speech_recognition"
COLUMNS = ["uuid", "task", "split"]


def names(rows):
    return [f"{row['uuid']} {row['task']}" for row in rows]


def load(root, split="train", config=CONFIG):
    return audio_flan.load_dataset(root, config, split, streaming=True)


@pytest.fixture(scope="module")
def rows(indexed_root):
    return load(indexed_root)


@pytest.fixture(scope="module")
def small(rows):
    return rows.select_columns(COLUMNS)


@pytest.fixture(scope="module")
def order(indexed_root):
    return names(audio_flan.stream(indexed_root, CONFIG, shuffle=True, seed=3, columns=COLUMNS))


class TestSeveralSplits:
    """One stream, with what a stream of one split can do."""

    @pytest.mark.parametrize("split", ["train+test", "test+train", "dev + train", "all"])
    def test_rows_are_those_of_each_in_turn(self, built_root, tmp_path, split):
        found = load(built_root, split)
        words = ["train", "validation", "test"] if split == "all" else split.replace(" ", "").split("+")
        assert isinstance(found, AudioFlanStream)
        assert names(found) == [name for word in words for name in names(load(built_root, word))]
        if split != "dev + train":
            table = audio_flan.load_dataset(built_root, CONFIG, split, cache_dir=tmp_path)
            assert names(found) == names(table.select_columns(["uuid", "task"]))

    def test_a_release_has_them_on_every_version(self, demo_root):
        each = [names(load(demo_root, split)) for split in ("train", "test")]
        assert names(load(demo_root, "train+test")) == each[0] + each[1]
        assert isinstance(load(demo_root, "train+test"), AudioFlanStream)
        everything = names(audio_flan.stream(demo_root, CONFIG, "all"))
        assert sorted(names(load(demo_root, "all"))) == sorted(everything)

    def test_they_shuffle_exactly_and_divide_and_resume(self, indexed_root):
        def made():
            return load(indexed_root, "train+test").select_columns(COLUMNS).shuffle(seed=3)

        options = {"shuffle": True, "seed": 3, "columns": COLUMNS}
        expected = names(audio_flan.stream(indexed_root, CONFIG, "train+test", **options))
        assert names(made()) == expected
        nodes = [names(split_dataset_by_node(made(), rank, 3)) for rank in range(3)]
        assert nodes == [expected[rank::3][: len(expected) // 3] for rank in range(3)]
        begun = made()
        first = names(islice(begun, 7))
        resumed = made()
        resumed.load_state_dict(json.loads(json.dumps(begun.state_dict())))
        assert first + names(resumed) == expected
        second = made()
        second.set_epoch(1)
        assert names(second) == names(
            audio_flan.stream(indexed_root, CONFIG, "train+test", epoch=1, **options)
        )

    @pytest.mark.torch
    @pytest.mark.filterwarnings("ignore:This DataLoader will create")
    def test_workers_take_turns(self, indexed_root):
        from torch.utils.data import DataLoader

        found = load(indexed_root, "train+test").select_columns(COLUMNS)
        assert names(DataLoader(found, batch_size=None, num_workers=2)) == names(found)

    @pytest.mark.parametrize("split", ["train+tset", "train[:5]+test", "train[:5]"])
    def test_what_there_is_not_is_refused(self, built_root, split):
        with pytest.raises(ValueError, match="Bad split"):
            load(built_root, split)


class TestSeveralDatasets:
    """Of classes of ``datasets``, which ask for as many shards as there are, one by one."""

    @pytest.mark.parametrize("join", [datasets.concatenate_datasets, datasets.interleave_datasets])
    def test_few_shards_are_made(self, small, join, monkeypatch):
        made = []
        monkeypatch.setattr(
            OrderedStream, "part", lambda *args, whole=OrderedStream.part: made.append(args) or whole(*args)
        )
        other = datasets.IterableDataset.from_generator(lambda: iter([dict.fromkeys(COLUMNS, "other")]))
        tracemalloc.start()
        joined = join([small, other.cast(small.features)]).shuffle(seed=1, buffer_size=10)
        joined.set_epoch(1)
        next(iter(split_dataset_by_node(joined, 0, 2)))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(made) < 100
        assert peak < 50_000_000

    @pytest.mark.slow
    @pytest.mark.torch
    @pytest.mark.parametrize("workers", [1, 3])
    @pytest.mark.parametrize("epoch", [0, 1])
    @pytest.mark.filterwarnings("ignore:This DataLoader will create")
    def test_workers_lose_nothing(self, indexed_root, workers, epoch):
        from torch.utils.data import DataLoader

        train, test = (load(indexed_root, split).select_columns(COLUMNS) for split in ("train", "test"))
        expected = sorted(names(train) + names(test))
        joined = datasets.concatenate_datasets([train, test])
        mixed = datasets.interleave_datasets([train, test], stopping_strategy="all_exhausted")
        joined.set_epoch(epoch)
        mixed.set_epoch(epoch)
        assert sorted(names(DataLoader(joined, batch_size=None, num_workers=workers))) == expected
        found = names(DataLoader(mixed, batch_size=None, num_workers=workers))
        assert set(found) == set(expected)

    @pytest.mark.parametrize("world_size", [2, 17])
    def test_nodes_lose_nothing(self, indexed_root, world_size):
        train, test = (load(indexed_root, split).select_columns(COLUMNS) for split in ("train", "test"))
        expected = names(train) + names(test)
        joined = datasets.concatenate_datasets([train, test])
        nodes = [names(split_dataset_by_node(joined, rank, world_size)) for rank in range(world_size)]
        assert sorted(name for node in nodes for name in node) == sorted(expected)
        mixed = datasets.interleave_datasets([train, train])
        counts = {len(names(split_dataset_by_node(mixed, rank, world_size))) for rank in range(world_size)}
        assert max(counts) - min(counts) <= 2


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_any_number_of_workers_takes_the_rows_of_a_mapped_and_a_shortened_dataset(small):
    from torch.utils.data import DataLoader

    whole = names(small)
    mapped = small.map(lambda row: row)
    assert names(DataLoader(mapped, batch_size=None, num_workers=11)) == whole
    assert sorted(names(DataLoader(small.take(20), batch_size=None, num_workers=5))) == sorted(whole[:20])


@since_datasets_4
@pytest.mark.parametrize(("world_size", "taken"), [(3, 12), (17, 17)])
def test_nodes_share_what_is_taken(small, world_size, taken):
    nodes = [names(split_dataset_by_node(small.take(taken), rank, world_size)) for rank in range(world_size)]
    assert sorted(name for node in nodes for name in node) == sorted(names(small)[:taken])


CHANGES = {
    "map": lambda ds: ds.map(lambda row: {"letters": len(row["output"]), "clip": row["input_audio"][0]}),
    "remap": lambda ds: ds.map(lambda row: {"output": len(row["output"])}),
    "filter": lambda ds: ds.filter(lambda row: len(row["uuid"]) > 0),
    "select_columns": lambda ds: ds.select_columns(["uuid", "input_audio"]),
    "remove_columns": lambda ds: ds.remove_columns(["source", "output_audio"]),
    "rename_column": lambda ds: ds.rename_column("output", "target"),
    "rename_audio": lambda ds: ds.rename_column("input_audio", "audio"),
    "cast_column": lambda ds: ds.cast_column("unseen", datasets.Value("string")),
    "cast_audio": lambda ds: ds.cast_column("input_audio", [audio_flan.Waveform(sampling_rate=8000)]),
    "take": lambda ds: ds.take(5),
    "skip": lambda ds: ds.skip(5),
    "shard": lambda ds: ds.shard(3, 1),
    "shuffle": lambda ds: ds.shuffle(seed=3),
    "repeat": lambda ds: ds.repeat(2),
    "decode": lambda ds: ds.decode(False),
    "reshard": lambda ds: ds.reshard() if hasattr(ds, "reshard") else ds,
}


def cell(value):
    if isinstance(value, audio_flan.LazyAudio):
        return {"bytes": value["bytes"], "path": value["path"]}
    if isinstance(value, dict):
        return {name: cell(inner) for name, inner in value.items() if name != "id"}
    return [cell(inner) for inner in value] if isinstance(value, list) else value


def as_rows(kind, table):
    if kind == "arrow":
        return table.to_pylist()
    return table.to_dict("records") if kind == "pandas" else table.to_dicts()


def plain(value):
    """Without NumPy, as pandas has lists, and without its NaN, which stands for None."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items() if name != "id"}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return None if value != value else value


@since_datasets_4
@pytest.mark.parametrize("kind", ["arrow", "pandas", "polars"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("form", ["release", "indexed"])
def test_table_formats_have_the_rows_of_every_derived_dataset(demo_root, indexed_root, form, change, kind):
    dataset = CHANGES[change](load(demo_root if form == "release" else indexed_root))
    expected = [{name: cell(value) for name, value in row.items()} for row in dataset]
    tables = dataset.with_format(kind)
    found = [plain(row) for table in tables.iter(batch_size=7) for row in as_rows(kind, table)]
    if change == "cast_column":  # datasets writes True as Arrow does in a table, and as Python does in a row
        expected = [row | {"unseen": row["unseen"] and row["unseen"].lower()} for row in expected]
    assert found == expected
    assert len(found) > 4
    assert [{name: cell(value) for name, value in row.items()} for row in tables.with_format(None)] == [
        {name: cell(value) for name, value in row.items()} for row in dataset
    ]


def test_a_column_that_comes_late_is_not_lost_silently(indexed_root):
    rows = load(indexed_root, config="speech")
    late = rows.map(lambda row, number: {"late": 1} if number > 150 else {}, with_indices=True)
    with pytest.raises(ValueError, match="no column 'late'"):
        list(late.with_format("arrow").iter(batch_size=50))


@since_datasets_4
def test_what_a_derived_dataset_writes_is_audio_for_others(rows, tmp_path):
    rows.map(lambda row: {"letters": len(row["output"])}).to_parquet(tmp_path / "rows.parquet")
    features = datasets.Dataset.from_parquet(str(tmp_path / "rows.parquet"), cache_dir=tmp_path).features
    assert features["input_audio"] == datasets.List(datasets.Audio())
    assert features["letters"] == datasets.Value("int64")


@pytest.mark.parametrize(
    "change",
    [
        lambda ds: ds.repeat(1),
        pytest.param(lambda ds: ds.decode(False), marks=since_datasets_4),
        pytest.param(lambda ds: ds.decode(num_threads=0), marks=since_datasets_4),
        lambda ds: ds.reshard() if hasattr(ds, "reshard") else ds,
        lambda ds: ds.filter(lambda row: len(row["uuid"]) > 0),
        lambda ds: ds.with_format("arrow").with_format(None),
        lambda ds: ds.shuffle(seed=1),
    ],
)
def test_shuffle_is_exact_after_every_method(rows, order, change):
    assert names(change(rows).shuffle(seed=3, buffer_size=10)) == order


def moved(found, whole):
    """By how many places rows have moved, at most."""
    return max(abs(place - whole.index(name)) for place, name in enumerate(found))


@since_datasets_4
def test_where_datasets_shuffles_rows_are_reseeded(indexed_root, small):
    whole = names(small)
    node = split_dataset_by_node(small, 0, 1).shuffle(seed=3, buffer_size=10)
    mixed = datasets.interleave_datasets([small]).shuffle(seed=3, buffer_size=10)
    for dataset in (node, mixed):
        found = names(dataset)
        assert sorted(found) == sorted(whole)
        assert moved(found, whole) > len(whole) // 2
    small.set_epoch(1)
    assert names(small) == whole
    small.set_epoch(0)


@pytest.mark.parametrize(("parts", "index"), [(4, 4), (4, 7), (4, -1), (0, 0), (-1, 0)])
def test_a_shard_that_is_none_is_refused(indexed_root, rows, parts, index):
    with pytest.raises(ValueError, match="must be from 0"):
        rows.shard(parts, index)
    with pytest.raises(ValueError, match="must be from 0"):
        audio_flan.stream(indexed_root, CONFIG, shuffle=True).part(index, parts)


def test_files_are_as_many_as_the_bytes_make(indexed_root, embedded_root, monkeypatch):
    monkeypatch.setattr(datasets.config, "MAX_SHARD_SIZE", "100KB")
    stored, pointed = (audio_flan.stream(root, "all", shuffle=True) for root in (embedded_root, indexed_root))
    features = load(indexed_root).features
    texts = features.copy()
    for column in ("input_audio", "output_audio"):
        del texts[column]
    stored_bytes = sum(file.nbytes for file in stored.files)
    pointed_bytes = sum(file.nbytes for file in pointed.files)
    assert files_to_write(stored, features, embeds=False) == stored_bytes // 100_000 + 1
    assert files_to_write(pointed, features, embeds=False) == pointed_bytes // 100_000 + 1
    assert files_to_write(pointed, texts, embeds=True) == pointed_bytes // 100_000 + 1
    both = files_to_write(stored, features, embeds=True), files_to_write(pointed, features, embeds=True)
    assert abs(both[0] - both[1]) < 0.2 * both[0]
    assert files_to_write(stored, texts, embeds=True) < 0.5 * both[0]
    assert abs(files_to_write(pointed.part(0, 2), None, embeds=True) - both[1] / 2) <= 1


PUSH = """
import json, sys
import datasets
import audio_flan
root, repo = sys.argv[1:]
datasets.disable_progress_bars()
datasets.config.MAX_SHARD_SIZE = "300KB"
rows = audio_flan.load_dataset(root, "speech_recognition", "train", streaming=True)
features = rows.features | {"letters": datasets.Value("int64")}
rows.map(lambda row: {"letters": len(row["output"])}, features=datasets.Features(features)).push_to_hub(repo)
print(json.dumps([row["uuid"] for row in rows]))
"""


@since_datasets_4
@pytest.mark.slow
def test_a_push_writes_a_few_files_with_sound(hub, indexed_root, tmp_path):
    Uploads(hub, tmp_path / "hub")
    uuids = ask_client(hub, tmp_path / "home", PUSH, indexed_root, "ORG/rows", HF_TOKEN="hf_test")
    paths = sorted((tmp_path / "hub/ORG/rows").rglob("*.parquet"))
    assert 1 < len(paths) < 20
    found = [row for path in paths for row in pq.read_table(path).to_pylist()]
    assert sorted(row["uuid"] for row in found) == sorted(uuids)
    assert all(cell["bytes"] for row in found for cell in row["input_audio"])
    assert {row["letters"] for row in found} == {len(row["output"]) for row in found}
    size = sum(path.stat().st_size for path in paths)
    assert 300_000 * (len(paths) - 1) * 0.7 < size < 300_000 * len(paths) * 1.3
