"""Streams of built roots: shuffled, shared out to ranks and workers, resumed by any number of them."""

import pickle
import random
import shutil
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import pytest
from marks import STARTS, quick
from stages import epoch_in_stages

import audio_flan
from audio_flan.release import Quarantine
from audio_flan.streaming import RowStream
from audio_flan.streaming.row_groups import RowGroups

CONFIG = "speech"


def names(rows):
    return [(row["uuid"], row["task"]) for row in rows]


def stream(root, **options):
    return audio_flan.stream(root, CONFIG, **({"columns": ["uuid", "task"]} | options))


@pytest.fixture(scope="module")
def shuffled(indexed_root):
    return names(stream(indexed_root, shuffle=True, seed=5))


def test_plain_order_is_that_of_the_files(built_root):
    expected = stream(built_root)
    files = RowStream(expected.source, expected.wish)
    assert names(expected) == names(files)
    assert len(expected) == len(files)


def test_shuffled_rows_are_the_same_rows_with_the_same_sound(built_root):
    def heard(rows):
        return {row["uuid"] + row["task"]: [clip.encoded() for clip in row["input_audio"]] for row in rows}

    plain, mixed = (
        heard(audio_flan.stream(built_root, "audio", shuffle=shuffle)) for shuffle in (False, True)
    )
    assert mixed == plain
    assert list(mixed) != list(plain)


def test_each_epoch_has_another_order(built_root):
    rows = stream(built_root, shuffle=True, seed=5)
    first = names(rows)
    assert names(rows) == first  # the same epoch again
    rows.set_epoch(1)
    second = names(rows)
    assert second != first
    assert sorted(second) == sorted(first)
    assert names(stream(built_root, shuffle=True, seed=5, epoch=1)) == second
    assert names(stream(built_root, shuffle=True, seed=6)) != first


@pytest.mark.parametrize("case", quick(4, range(12)))
def test_any_number_of_ranks_goes_on_where_any_other_stopped(indexed_root, shuffled, case):
    """Three stages on random numbers of ranks; each state is taken of any rank and goes through JSON."""
    found, world_size = epoch_in_stages(
        lambda rank, ranks: stream(indexed_root, shuffle=True, seed=5, rank=rank, world_size=ranks),
        names,
        random.Random(case),
        most_steps=40,
    )
    assert found == shuffled[: len(found)]
    assert len(shuffled) - len(found) < world_size


@pytest.mark.parametrize("uneven", ["pad", "wrap"])
def test_no_row_is_left_out_unless_that_is_asked_for(indexed_root, shuffled, uneven):
    taken = [
        names(stream(indexed_root, shuffle=True, seed=5, rank=rank, world_size=7, uneven=uneven))
        for rank in range(7)
    ]
    assert {len(each) for each in taken} == {-(-len(shuffled) // 7)}
    assert {row for each in taken for row in each} == set(shuffled)


@pytest.mark.torch
@pytest.mark.parametrize("start", STARTS)
def test_workers_share_the_rows_of_their_rank(indexed_root, start):
    from torch.utils.data import DataLoader

    rows = stream(indexed_root, shuffle=True, rank=1, world_size=2)
    alone = names(rows)
    loader = DataLoader(rows, batch_size=None, num_workers=2, multiprocessing_context=start)
    assert names(loader) == alone  # a row of each worker in turn


def test_it_pickles(built_root):
    rows = stream(built_root, shuffle=True)
    alone = names(rows)
    assert names(pickle.loads(pickle.dumps(rows))) == alone


def test_a_state_of_other_rows_is_refused(indexed_root, embedded_root):
    state = stream(indexed_root, shuffle=True, seed=5).state_dict()
    others = [
        stream(indexed_root),
        stream(indexed_root, shuffle=True, seed=6),
        stream(embedded_root, shuffle=True, seed=5),
        audio_flan.stream(indexed_root, shuffle=True, seed=5),
    ]
    for other in others:
        with pytest.raises(ValueError, match="this is the state of"):
            other.load_state_dict(state)
    stream(indexed_root, shuffle=True, seed=5, rank=2, world_size=3).load_state_dict(state)


def test_a_row_that_is_skipped_costs_only_itself(indexed_root, tmp_path):
    root = shutil.copytree(indexed_root, tmp_path / "root")
    shard = max(root.glob("audio/*/*.tar"), key=lambda path: path.stat().st_size)
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 0xFF
    shard.write_bytes(data)
    whole = names(audio_flan.stream(indexed_root, shuffle=True, columns=["uuid", "task", "input_seconds"]))
    rows = audio_flan.stream(
        root, shuffle=True, columns=["uuid", "task", "input_seconds", "output_seconds"], on_error="skip"
    )
    found = names(rows)
    bad = {entry.uuid for entry in rows.quarantine}
    assert isinstance(rows.quarantine, Quarantine)
    assert found == [row for row in whole if row[0] not in bad]
    assert bad


def test_a_release_says_what_it_cannot_do(demo_root):
    for options in ({"shuffle": True}, {"world_size": 2}):
        with pytest.raises(ValueError, match="streams in the order of its files, to one rank"):
            audio_flan.stream(demo_root, **options)


class Interrupted(RowGroups):
    """Row groups that another pass reads, in another thread, whenever this one has opened a file."""

    @property
    def _reader(self):
        return self._opened

    @_reader.setter
    def _reader(self, opened):
        self._opened = opened
        if opened is not None and not opened[0]:
            self.table(len(self.sizes) - 1)


class Emptied(OrderedDict):
    """What is kept of row groups, of which another pass lets go whenever this one has looked one up."""

    def get(self, key, default=None):
        found = super().get(key, default)
        self.clear()
        return found


def test_passes_in_threads_share_row_groups(indexed_root):
    rows = audio_flan.stream(indexed_root, "speech", columns=["uuid"])
    alone = RowGroups(rows.source, rows.files, ["uuid"])
    shared = Interrupted(rows.source, rows.files, ["uuid"])
    assert len(rows.files) > 1
    assert shared.table(0) == alone.table(0) != alone.table(len(alone.sizes) - 1)
    shared._kept = Emptied(shared._kept)
    assert shared.table(0) == alone.table(0)
    with ThreadPoolExecutor(4) as pool:  # and as it is
        shared = RowGroups(rows.source, rows.files, ["uuid"], budget_bytes=1)
        numbers = random.Random(0).choices(range(len(shared.sizes)), k=200)
        assert list(pool.map(shared.table, numbers)) == [alone.table(number) for number in numbers]
