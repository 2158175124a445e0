"""`load_dataset`: the same rows whichever way, and everything that users of ``datasets`` do with them."""

import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets.distributed import split_dataset_by_node
from marks import STARTS, since_datasets_4

import audio_flan
from audio_flan.records.schema import COLUMNS
from audio_flan.release import ReleaseError, open_release
from audio_flan.taxonomy import UnknownNameError, list_configs
from audio_flan.waveform import LazyAudio

AUDIO = ("input_audio", "output_audio")


@pytest.fixture(autouse=True)
def _quiet():
    datasets.disable_progress_bars()


@pytest.fixture
def stream(demo_root):
    return audio_flan.load_dataset(demo_root, "speech_spoken_language_understanding", "train", streaming=True)


@pytest.fixture
def table(demo_root):
    return audio_flan.load_dataset(demo_root, "speech_spoken_language_understanding", "train")


def uuids(rows):
    return [row["uuid"] for row in rows]


def assert_same_rows(left, right):
    left, right = list(left), list(right)
    assert len(left) == len(right) > 0
    for a, b in zip(left, right, strict=True):
        assert {k: v for k, v in a.items() if k not in AUDIO} == {
            k: v for k, v in b.items() if k not in AUDIO
        }
        for column in AUDIO:
            for x, y in zip(a[column], b[column], strict=True):
                assert x.id == y.id
                assert x.encoded() == y.encoded()
                np.testing.assert_array_equal(x.decode(), y.decode())


@pytest.mark.parametrize("config", list_configs())
def test_every_config_loads_both_ways_with_the_same_rows_in_the_same_order(demo_root, config):
    built = audio_flan.load_dataset(demo_root, config)
    streamed = audio_flan.load_dataset(demo_root, config, streaming=True)
    assert list(built) == list(streamed) == ["train", "validation", "test"]
    for split in built:
        assert built[split].column_names == list(COLUMNS)
        assert built[split]["uuid"][:] == uuids(streamed[split].select_columns(["uuid"]))


def test_both_ways_give_the_same_values_and_samples(demo_root):
    for config in ("music_single_music_reasoning", "generation_audio"):
        for split in ("train", "validation", "test"):
            assert_same_rows(
                audio_flan.load_dataset(demo_root, config, split),
                audio_flan.load_dataset(demo_root, config, split, streaming=True),
            )


def test_a_cached_table_is_the_same_and_still_lazy(demo_root):
    first = audio_flan.load_dataset(demo_root, "music_tagging", "train")
    again = audio_flan.load_dataset(demo_root, "music_tagging", "train")
    assert isinstance(again[0]["input_audio"][0], LazyAudio)
    assert_same_rows(first, again)


def test_changed_data_is_never_served_from_the_cache(demo_copy):
    before = audio_flan.load_dataset(demo_copy, "music_tagging", "train")
    file = next(f for f in (demo_copy / "metadata/music/understanding/train_dev").rglob("*.jsonl"))
    lines = [x for f in (demo_copy / "metadata/music").rglob("*.jsonl") for x in f.read_text().splitlines()]
    row = next(x for x in lines if "Music Tagging" in x and '"train"' in x)
    with file.open("a") as handle:
        handle.write(row + "\n")
    assert len(audio_flan.load_dataset(demo_copy, "music_tagging", "train")) == len(before) + 1


@since_datasets_4
def test_splits_slices_and_sums(demo_root):
    whole = audio_flan.load_dataset(demo_root, "speech_tts", "train")
    assert uuids(audio_flan.load_dataset(demo_root, "speech_tts", "train[:3]")) == uuids(whole)[:3]
    both = audio_flan.load_dataset(demo_root, "speech_tts", "train+test", streaming=True)
    test = audio_flan.load_dataset(demo_root, "speech_tts", "test", streaming=True)
    assert uuids(both) == uuids(whole) + uuids(test)
    dev = audio_flan.load_dataset(demo_root, "speech_tts", "dev", streaming=True)
    assert uuids(dev) == uuids(audio_flan.load_dataset(demo_root, "speech_tts", "validation"))
    with pytest.raises(ValueError, match="Bad split: vaildation"):
        audio_flan.load_dataset(demo_root, "speech_tts", "vaildation", streaming=True)


@pytest.mark.parametrize("spelling", ["dev[:2]", "valid[:2]", "validation[:2]"])
def test_slices_take_every_name_of_a_split(demo_root, spelling):
    assert len(audio_flan.load_dataset(demo_root, "speech_asr", split=spelling)) == 2


def test_a_stream_takes_no_split_twice(demo_root):
    with pytest.raises(ValueError, match="names a split twice"):
        audio_flan.load_dataset(demo_root, "speech_asr", split="train+train", streaming=True)


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("options", [{"on_error": "bad"}, {"max_consecutive_failures": 0}])
def test_a_bad_option_is_named_both_ways(demo_root, tmp_path, streaming, options):
    (name,) = options
    with pytest.raises(ValueError, match=name):
        audio_flan.load_dataset(demo_root, "speech_asr", streaming=streaming, cache_dir=tmp_path, **options)


def test_a_cache_below_the_home(demo_root, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    audio_flan.load_dataset(demo_root, "speech_asr", split="test", cache_dir="~/kept")
    open_release(demo_root, cache_dir="~/kept")
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert (tmp_path / "home/kept").is_dir()


def test_the_default_config_is_all(demo_root):
    assert sum(len(split) for split in audio_flan.load_dataset(demo_root).values()) == len(
        audio_flan.stream(demo_root, "all", "all")
    )


def test_wrong_names_and_roots_are_clear_errors(demo_root, tmp_path):
    with pytest.raises(UnknownNameError, match="'speech_asr'"):
        audio_flan.load_dataset(demo_root, "speech_ars")
    with pytest.raises(ReleaseError, match="no Audio-FLAN release"):
        audio_flan.load_dataset(tmp_path, "speech_asr")


def test_a_config_without_rows_is_an_error(demo_copy):
    for file in (demo_copy / "metadata/speech").rglob("*.jsonl"):
        file.unlink()
    with pytest.raises(ReleaseError, match="no rows of 'speech_asr'"):
        audio_flan.load_dataset(demo_copy, "speech_asr", streaming=True)
    assert set(audio_flan.load_dataset(demo_copy, "all", streaming=True)) == {"train", "validation", "test"}


def test_the_builder_has_all_configs_and_works_alone(demo_root):
    assert [config.name for config in audio_flan.AudioFlan.BUILDER_CONFIGS] == list_configs()
    builder = audio_flan.AudioFlan(config_name="speech_asr", root=demo_root)
    builder = pickle.loads(pickle.dumps(builder))
    streamed = builder.as_streaming_dataset(split="train")
    builder.download_and_prepare()
    assert_same_rows(streamed, builder.as_dataset(split="train"))


@pytest.mark.parametrize(
    "change",
    [
        lambda ds: ds.map(lambda row: {"frames": [audio.frames for audio in row["input_audio"]]}),
        pytest.param(
            lambda ds: ds.filter(lambda row: row["input_audio"][0].seconds > 0), marks=since_datasets_4
        ),
        lambda ds: ds.remove_columns(["other"]),
        lambda ds: ds.select_columns(["uuid", "input_audio", "output_audio"]),
        lambda ds: ds.add_column("number", list(range(10_000))[: len(list(ds))]),
        lambda ds: ds.take(5),
        lambda ds: ds.shuffle(seed=3),
        lambda ds: ds.map(lambda row: {"input_audio": row["input_audio"][:1]}),
        lambda ds: ds.rename_column("output", "target"),
        lambda ds: ds.repeat(2),
    ],
)
@pytest.mark.parametrize("streaming", [True, False])
def test_audio_stays_lazy_and_whole_through_datasets_methods(stream, table, change, streaming):
    dataset = stream if streaming else table
    originals = {row["uuid"]: [audio.encoded() for audio in row["input_audio"]] for row in dataset}
    rows = list(change(dataset))
    assert rows
    for row in rows:
        assert all(isinstance(audio, LazyAudio) for audio in row["input_audio"])
        if "input_audio_ids" in row:
            assert [audio.id for audio in row["input_audio"]] == row["input_audio_ids"][
                : len(row["input_audio"])
            ]
        assert [audio.encoded() for audio in row["input_audio"]] == originals[row["uuid"]]


def test_a_map_that_comes_from_the_cache_is_as_a_fresh_one(table):
    fresh = table.map(lambda row: {"number": 1}, new_fingerprint="as-it-was")
    cached = table.map(lambda row: {"number": 1}, new_fingerprint="as-it-was")
    assert fresh.cache_files == cached.cache_files
    assert_same_rows(fresh, cached)


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("kind", [pytest.param("torch", marks=pytest.mark.torch), "numpy"])
def test_tensor_formats_leave_audio_to_be_decoded(stream, table, streaming, kind):
    row = next(iter((stream if streaming else table).with_format(kind)))
    audio = row["input_audio"][0]
    assert isinstance(audio, LazyAudio)
    assert audio["array"].dtype == np.float32
    assert type(row["input_seconds"]).__module__.split(".")[0] == kind
    assert isinstance(row["instruction"], str)


@pytest.mark.parametrize("kind", ["arrow", "pandas", "polars"])
def test_table_formats_of_a_stream_give_the_stored_cells(stream, kind):
    path = next(iter(stream))["input_audio"][0].location
    found = next(iter(stream.with_format(kind)))["input_audio"]
    ((cell,),) = found.to_pylist() if kind == "arrow" else found.to_list()
    assert cell == {"bytes": None, "path": path}


def test_a_clip_under_a_new_name_is_its_cell_and_can_be_cast_to_audio(table):
    clip = table[0]["input_audio"][0]
    renamed = table.map(lambda row: {"audio": row["input_audio"][0], "text": row["output"]})
    assert renamed[0]["audio"] == {"bytes": None, "path": clip.location, "id": clip.id}
    audio = renamed.cast_column("audio", audio_flan.Waveform())[0]["audio"]
    assert isinstance(audio, LazyAudio)
    assert audio.encoded() == clip.encoded()


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("workers", [0, 1])
def test_the_wished_rate_survives_torchs_own_conversion(stream, workers):
    torch_data = pytest.importorskip("torch.utils.data")
    cast = stream.cast_column("input_audio", datasets.List(audio_flan.Waveform(sampling_rate=4000)))
    loader = torch_data.DataLoader(
        cast, batch_size=None, num_workers=workers, multiprocessing_context="spawn" if workers else None
    )
    row = next(iter(loader))
    assert [audio.sampling_rate for audio in row["input_audio"]] == [4000]
    assert [audio.id for audio in row["input_audio"]] == row["input_audio_ids"]


@since_datasets_4
@pytest.mark.parametrize("streaming", [True, False])
def test_the_features_that_are_asked_for_are_those_of_the_rows(demo_root, table, streaming):
    features = table.features.copy()
    features["input_audio"] = datasets.List(audio_flan.Waveform(sampling_rate=4000))
    rows = audio_flan.load_dataset(demo_root, "speech_asr", "train", streaming=streaming, features=features)
    assert next(iter(rows))["input_audio"][0].sampling_rate == 4000


def break_a_clip(root):
    path = next(iter(audio_flan.stream(root, "music_tagging")))["input_audio"][0].location
    hidden = f"{path}.hidden"
    Path(path).rename(hidden)
    return lambda: Path(hidden).rename(path)


def test_a_table_that_missed_a_clip_is_built_anew(demo_copy, caplog):
    mend = break_a_clip(demo_copy)
    some = audio_flan.load_dataset(demo_copy, "music_tagging", "train", on_error="skip")
    caplog.clear()
    again = audio_flan.load_dataset(demo_copy, "music_tagging", "train", on_error="skip")
    assert len(again) == len(some)
    assert "missing_audio" in caplog.text
    assert "quarantine-*.jsonl" in caplog.text
    mend()
    assert len(audio_flan.load_dataset(demo_copy, "music_tagging", "train", on_error="skip")) > len(some)


def test_a_clip_that_is_missing_is_named_both_ways(demo_copy):
    break_a_clip(demo_copy)
    for streaming in (True, False):
        with pytest.raises(audio_flan.AudioError, match="missing"):
            list(audio_flan.load_dataset(demo_copy, "music_tagging", "train", streaming=streaming))
    stream = audio_flan.load_dataset(demo_copy, "music_tagging", "train", streaming=True, on_error="skip")
    assert len(list(stream)) > 0
    assert stream.quarantine.by_reason.keys() == {"missing_audio"}
    with pytest.raises(ValueError, match="on_error"):
        list(audio_flan.load_dataset(demo_copy, "music_tagging", "train", streaming=True, on_error="Skip"))


def test_trees_of_one_name_do_not_share_a_table(demo_root, tmp_path, monkeypatch):
    locations = set()
    for name in ("one", "two"):
        shutil.copytree(demo_root, tmp_path / name / "demo", copy_function=shutil.copy2)
        monkeypatch.chdir(tmp_path / name)
        rows = audio_flan.load_dataset("demo", "music_tagging", "train")
        locations.add(rows[0]["input_audio"][0].location)
    assert len(locations) == 2


@since_datasets_4
@pytest.mark.parametrize("streaming", [True, False])
def test_cast_column_to_another_rate(stream, table, streaming):
    dataset = stream if streaming else table
    before = next(iter(dataset))["input_audio"][0]
    cast = dataset.cast_column(
        "input_audio", datasets.List(audio_flan.Waveform(sampling_rate=8000, num_channels=1))
    )
    after = next(iter(cast))["input_audio"][0]
    assert after.sampling_rate == after["sampling_rate"] == 8000
    np.testing.assert_array_equal(after["array"], before.decode(sampling_rate=8000, channels=1)[0])
    cells = dataset.cast_column("input_audio", datasets.List(audio_flan.Waveform(decode=False)))
    (cell,) = next(iter(cells))["input_audio"]
    assert (cell["bytes"], cell["path"]) == (None, before.location)


@pytest.mark.torch
@pytest.mark.parametrize("streaming", [True, False])
def test_cast_to_plain_audio_gives_the_decoder_of_torchcodec(stream, table, streaming):
    try:
        from torchcodec.decoders import AudioDecoder
    except (ImportError, RuntimeError, OSError):
        pytest.skip("torchcodec finds no FFmpeg: make test links that of the av wheel")
    dataset = stream if streaming else table
    before = next(iter(dataset))["input_audio"][0]
    cast = dataset.cast_column("input_audio", datasets.List(datasets.Audio(sampling_rate=8000)))
    after = next(iter(cast))["input_audio"][0]
    assert isinstance(after, AudioDecoder)
    assert after["sampling_rate"] == 8000
    assert abs(len(after["array"]) / 8000 - before.seconds) < 0.01


@pytest.mark.parametrize("world_size", [2, 3, 5])
def test_split_by_node_gives_every_row_to_one_rank(stream, world_size):
    ranks = [uuids(split_dataset_by_node(stream, rank, world_size)) for rank in range(world_size)]
    assert sorted(uuid for rank in ranks for uuid in rank) == sorted(uuids(stream))


def test_shuffle_reorders_and_keeps_all_rows(stream):
    shuffled = stream.shuffle(seed=1, buffer_size=16)
    assert uuids(shuffled) != uuids(stream)
    assert sorted(uuids(shuffled)) == sorted(uuids(stream))
    assert uuids(shuffled) == uuids(stream.shuffle(seed=1, buffer_size=16))


@pytest.mark.parametrize("stop", [0, 1, 9, 25])
def test_state_dict_resumes_exactly(demo_root, stop):
    def fresh():
        return audio_flan.load_dataset(demo_root, "speech", "train", streaming=True)

    whole, first, second = uuids(fresh()), fresh(), fresh()
    rows = iter(first)
    seen = [next(rows)["uuid"] for _ in range(stop)]
    second.load_state_dict(first.state_dict())
    assert seen + uuids(second) == whole


def test_pickling_a_stream(stream):
    assert_same_rows(pickle.loads(pickle.dumps(stream)), stream)


def first_clip(rows):
    import torch

    return [(row["uuid"], torch.from_numpy(row["input_audio"][0]["array"])) for row in rows]


@pytest.mark.torch
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_data_loader_workers(stream, table, start, streaming):
    torch_data = pytest.importorskip("torch.utils.data")
    dataset = stream if streaming else table
    loader = torch_data.DataLoader(
        dataset, batch_size=4, num_workers=2, collate_fn=first_clip, multiprocessing_context=start
    )
    seen = {uuid: array for batch in loader for uuid, array in batch}
    expected = {row["uuid"]: row["input_audio"][0]["array"] for row in dataset}
    assert seen.keys() == expected.keys()
    for uuid, array in seen.items():
        np.testing.assert_array_equal(array.numpy(), expected[uuid])


@pytest.mark.slow
@pytest.mark.torch
def test_lazy_audio_crosses_worker_boundaries_undecoded(stream):
    torch_data = pytest.importorskip("torch.utils.data")
    loader = torch_data.DataLoader(stream, batch_size=None, num_workers=2, multiprocessing_context="spawn")
    rows = {row["uuid"]: row for row in loader}
    for row in stream:
        np.testing.assert_array_equal(
            rows[row["uuid"]]["input_audio"][0]["array"], row["input_audio"][0]["array"]
        )


@since_datasets_4
@pytest.mark.parametrize("streaming", [True, False])
def test_what_is_written_for_others_is_plain_audio(stream, table, streaming, tmp_path):
    path = tmp_path / "rows.parquet"
    (stream if streaming else table).to_parquet(path)
    schema = pq.read_schema(path)
    assert b"Waveform" not in schema.metadata[b"huggingface"]
    assert b'"_type": "Audio"' in schema.metadata[b"huggingface"]
    code = (
        "import datasets, sys\n"
        f"ds = datasets.load_dataset('parquet', data_files={str(path)!r}, split='train')\n"
        "assert 'audio_flan' not in sys.modules\n"
        "print(ds.features['input_audio'])\n"
        "ds = ds.cast_column('input_audio', datasets.List(datasets.Audio(decode=False)))\n"
        "print(sorted(ds[0]['input_audio'][0]), ds[0]['input_audio'][0]['path'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    features, cell = done.stdout.splitlines()
    assert features.startswith("List(Audio(")
    assert cell == f"['bytes', 'path'] {next(iter(table))['input_audio'][0].location}"


def test_num_proc_builds_the_same_table(demo_root):
    one = audio_flan.load_dataset(demo_root, "music", "train", download_mode="force_redownload")
    two = audio_flan.load_dataset(demo_root, "music", "train", num_proc=2, download_mode="force_redownload")
    assert sorted(one["uuid"]) == sorted(two["uuid"])
    assert two["uuid"][:] == one["uuid"][:]


@pytest.mark.slow
@pytest.mark.torch
def test_a_stream_imports_no_torch_and_is_a_torch_dataset_all_the_same(demo_root):
    code = (
        "import sys, audio_flan\n"
        f"ds = audio_flan.load_dataset({str(demo_root)!r}, 'speech_asr', 'train', streaming=True)\n"
        "next(iter(ds))['input_audio'][0]['array']\n"
        "assert 'torch' not in sys.modules\n"
        "import torch.utils.data\n"
        "loader = torch.utils.data.DataLoader(ds, batch_size=4, collate_fn=len, num_workers=1)\n"
        "assert isinstance(ds, torch.utils.data.IterableDataset)\n"
        "print(sum(loader) == sum(1 for _ in ds))\n"
    )
    pytest.importorskip("torch")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_persistent_workers_see_the_epoch(demo_root):
    torch_data = pytest.importorskip("torch.utils.data")
    stream = audio_flan.load_dataset(demo_root, "speech", "train", streaming=True).shuffle(
        seed=0, buffer_size=64
    )
    loader = torch_data.DataLoader(
        stream.select_columns(["uuid"]), batch_size=None, num_workers=1, persistent_workers=True
    )
    epochs = []
    for epoch in range(2):
        loader.dataset.set_epoch(epoch)
        epochs.append([row["uuid"] for row in loader])
    assert epochs[0] != epochs[1]
    assert sorted(epochs[0]) == sorted(epochs[1])
