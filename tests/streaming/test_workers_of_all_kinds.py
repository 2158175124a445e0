"""What a stream, its batches and its dataset give in workers that start in any way, and that memory stays."""

import gc
import tracemalloc
from functools import partial
from itertools import islice

import pytest

import audio_flan

CONFIG = "audio_vad"  # ten rows; what takes long is that each worker imports torch


def names(rows):
    return [(row["uuid"], row["task"]) for row in rows]


def uuids(rows):
    return [row["uuid"] for row in rows]


def stream(root, **options):
    return audio_flan.stream(root, CONFIG, "all", shuffle=True, decode_threads=1, **options)


def loader(dataset, start, **options):
    from torch.utils.data import DataLoader

    return DataLoader(dataset, batch_size=None, num_workers=2, multiprocessing_context=start, **options)


@pytest.mark.slow
@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_collated_batches_and_their_state(indexed_root, start):
    import torch

    def batches():
        collate = partial(audio_flan.collate, sampling_rate=16_000, channels=1)
        return audio_flan.batches(stream(indexed_root), 3, collate=collate)

    whole = list(batches())
    begin = batches()
    taken = list(islice(loader(begin, start), 1))
    then = batches()
    then.load_state_dict(begin.state_after(1))
    found = taken + list(then)
    assert [batch["uuid"] for batch in found] == [batch["uuid"] for batch in whole]
    assert all(
        torch.equal(one["input_audio"], other["input_audio"]) for one, other in zip(found, whole, strict=True)
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated")
def test_torchdatas_loader_goes_on(indexed_root):
    stateful = pytest.importorskip("torchdata.stateful_dataloader").StatefulDataLoader

    def begin():
        batches = audio_flan.batches(stream(indexed_root), 2, collate=uuids)
        return stateful(batches, batch_size=None, num_workers=2, multiprocessing_context="forkserver")

    first, second = begin(), begin()
    taken = list(islice(first, 3))
    second.load_state_dict(first.state_dict())
    assert taken + list(second) == list(audio_flan.batches(stream(indexed_root), 2, collate=uuids))


@pytest.mark.slow
def test_the_dataset_of_a_built_root(embedded_root):
    dataset = audio_flan.load_dataset(embedded_root, CONFIG, "train", streaming=True).shuffle(seed=7)
    found = loader(dataset, "forkserver")
    assert sorted(names(found)) == sorted(names(dataset))


@pytest.mark.slow
@pytest.mark.parametrize("start", ["fork", "forkserver"])
def test_workers_that_stay_begin_each_epoch_anew(indexed_root, start):
    rows = stream(indexed_root)
    found = loader(rows, start, persistent_workers=True)
    assert names(found) == names(found) == names(rows)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [0, 2])
def test_epochs_take_no_more_memory(indexed_root, threads):
    rows = audio_flan.stream(
        indexed_root, "speech_asr", "all", shuffle=True, on_error="skip", decode_threads=threads
    )

    def after_an_epoch(epoch):
        rows.set_epoch(epoch)
        assert sum(clip.decode().shape[-1] for row in rows for clip in row["input_audio"]) > 0
        gc.collect()
        return tracemalloc.get_traced_memory()[0], len(gc.get_objects())

    tracemalloc.start()
    try:
        found = [after_an_epoch(epoch) for epoch in range(12)]
    finally:
        tracemalloc.stop()
    nbytes, objects = zip(*found[2:], strict=True)  # what is loaded and kept once is there
    assert nbytes[-1] - nbytes[0] < 8 << 20  # of blocks kept for samples; ten epochs have 40 MB of them
    assert objects[-1] - objects[0] < 18  # rows of an epoch
