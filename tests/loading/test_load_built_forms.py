"""`load_dataset` over the indexed and the embedded form: the rows of the release, streaming and not."""

import json
import pickle
import shutil

import datasets
import numpy as np
import pytest

import audio_flan
from audio_flan.loading import AudioFlan
from audio_flan.loading.features import row_features
from audio_flan.release import ReleaseError

SIDES = ("input", "output")


def facts(row):
    sound = {f"{side}_audio": [audio.encoded().hex() for audio in row[f"{side}_audio"]] for side in SIDES}
    return json.dumps(row | sound, sort_keys=True)


@pytest.fixture(scope="session")
def released(demo_root):
    return {
        split: sorted(facts(row) for row in audio_flan.stream(demo_root, "speech_asr", split))
        for split in ("train", "validation", "test")
    }


@pytest.mark.parametrize("streaming", [True, False])
def test_rows_are_those_of_the_release(built_root, released, tmp_path, streaming):
    loaded = audio_flan.load_dataset(built_root, "speech_asr", streaming=streaming, cache_dir=tmp_path)
    assert {split: sorted(map(facts, rows)) for split, rows in loaded.items()} == released


def test_streaming_and_not_streaming_give_the_same_order(built_root, tmp_path):
    streamed = audio_flan.load_dataset(built_root, "music", "train", streaming=True)
    table = audio_flan.load_dataset(built_root, "music", "train", cache_dir=tmp_path)
    assert [row["uuid"] for row in streamed] == table["uuid"][:]


def test_the_builder_takes_a_built_root(built_root, tmp_path):
    builder = AudioFlan(config_name="music_key_detection", root=built_root, cache_dir=str(tmp_path))
    row = next(iter(builder.as_streaming_dataset(split="train")))
    assert row["task"] == "music_key_detection"
    pickle.loads(pickle.dumps(builder.as_streaming_dataset(split="train")))


def test_an_indexed_table_holds_no_sound_and_still_gives_it(indexed_root, tmp_path):
    table = audio_flan.load_dataset(indexed_root, "speech_asr", "train", cache_dir=tmp_path)
    cells = table.with_format("arrow")[:]["input_audio"].to_pylist()
    assert all(cell["bytes"] is None for row in cells for cell in row)
    assert table[0]["input_audio"][0]["array"].dtype == np.float32


@pytest.fixture
def torchcodec():
    try:
        import torchcodec.decoders  # noqa: F401
    except (ImportError, OSError, RuntimeError):
        pytest.skip("torchcodec finds no FFmpeg: make test links that of the av wheel")


@pytest.mark.usefixtures("torchcodec")
def test_plain_audio_of_datasets_hears_the_cells_of_a_table(indexed_root, tmp_path):
    table = audio_flan.load_dataset(indexed_root, "speech_asr", "train", cache_dir=tmp_path)
    ours = table[0]["input_audio"][0]
    plain = table.cast_column("input_audio", datasets.List(datasets.Audio()))
    samples = plain[0]["input_audio"][0].get_all_samples()
    assert samples.sample_rate == ours.sampling_rate
    np.testing.assert_allclose(samples.data.numpy(), ours.decode(), atol=1e-4)


@pytest.mark.usefixtures("torchcodec")
def test_plain_audio_of_datasets_hears_a_stream(built_root):
    rows = audio_flan.load_dataset(built_root, "speech_asr", "train", streaming=True)
    plain = rows.cast_column("input_audio", datasets.List(datasets.Audio(sampling_rate=8000)))
    assert next(iter(plain))["input_audio"][0].get_all_samples().sample_rate == 8000


@pytest.mark.torch
@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_loader_gives_every_row_once(built_root, workers):
    from torch.utils.data import DataLoader

    rows = audio_flan.load_dataset(built_root, "speech", "train", streaming=True)
    expected = sorted(row["uuid"] for row in rows)
    loader = DataLoader(
        rows.map(seconds_and_uuid, remove_columns=rows.column_names), batch_size=None, num_workers=workers
    )
    found = list(loader)
    assert sorted(each["uuid"] for each in found) == expected
    assert all(each["seconds"] > 0 for each in found)


def seconds_and_uuid(row):
    clips = (*row["input_audio"], *row["output_audio"])
    return {
        "uuid": row["uuid"],
        "seconds": sum(clip.decode().shape[1] / clip.sampling_rate for clip in clips),
    }


def test_resuming_a_stream_is_exact(built_root):
    rows = audio_flan.load_dataset(built_root, "speech", "train", streaming=True)
    iterator = iter(rows)
    seen = [next(iterator)["uuid"] for _ in range(17)]
    state = rows.state_dict()
    again = audio_flan.load_dataset(built_root, "speech", "train", streaming=True)
    again.load_state_dict(state)
    assert seen + [row["uuid"] for row in again] == [row["uuid"] for row in rows]


def test_the_cache_of_one_form_is_not_that_of_another(indexed_root, embedded_root, demo_root, tmp_path):
    folders = {
        AudioFlan(config_name="speech_asr", root=root, cache_dir=str(tmp_path)).cache_dir
        for root in (indexed_root, embedded_root, demo_root)
    }
    assert len(folders) == 3


@pytest.mark.parametrize("streaming", [True, False])
def test_the_sample_has_every_task_with_sound(built_root, tmp_path, streaming):
    rows = audio_flan.load_dataset(built_root, "sample", "train", streaming=streaming, cache_dir=tmp_path)
    tasks = set()
    for row in rows:
        tasks.add(row["task"])
        for side in SIDES:
            assert [audio.id for audio in row[f"{side}_audio"]] == row[f"{side}_audio_ids"]
            assert all(audio["array"].size for audio in row[f"{side}_audio"])
    assert len(tasks) == 80


def test_the_sample_is_lazy_the_second_time_too(indexed_root, tmp_path):
    """Its table is there by then."""
    for streaming in (False, False, True):
        rows = audio_flan.load_dataset(
            indexed_root, "sample", "train", streaming=streaming, cache_dir=tmp_path
        )
        (audio,) = next(iter(rows))["input_audio"]
        assert isinstance(audio, audio_flan.LazyAudio)
        assert rows.features["input_audio"] == row_features()["input_audio"]


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("name", ["a?b", "a*b", "a[1]", "a b"])
def test_a_sample_in_a_folder_of_any_name(indexed_root, tmp_path, name, linked):
    root = tmp_path / name
    root.symlink_to(indexed_root) if linked else shutil.copytree(indexed_root, root)
    rows = audio_flan.load_dataset(root, "sample", "train", streaming=True)
    assert len({row["task"] for row in rows}) == 80


def test_a_sample_that_datasets_would_not_find_is_an_error(indexed_root, tmp_path):
    root = shutil.copytree(indexed_root, tmp_path / "a::b")
    with pytest.raises(ReleaseError, match="for a chain of URLs"):
        audio_flan.load_dataset(root, "sample", "train", streaming=True)


def test_processes_are_for_tables(indexed_root):
    with pytest.raises(ValueError, match="num_proc is for building a table"):
        audio_flan.load_dataset(indexed_root, "sample", "train", streaming=True, num_proc=2)


def test_a_release_has_no_sample(demo_root):
    with pytest.raises(ReleaseError, match="only built data has a sample"):
        audio_flan.load_dataset(demo_root, "sample")
