"""The ledger of a stream, and its audit: what was given out, again, never, and of which leaf."""

import json
import shutil
from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import audio_flan
from audio_flan.cli.app import app
from audio_flan.streaming.ledger_file import (
    LEDGER_VERSION,
    Chunk,
    LedgerError,
    LedgerHeader,
    append_chunk,
    create_ledger_file,
    read_chunks,
    read_header,
)

HEADER = LedgerHeader(LEDGER_VERSION, "speech, train 00", "r", "speech", ("train",), 5, None, 0, 1, 0)
COLUMNS = ["uuid", "task", "corpus"]
numbers = st.lists(st.integers(0, 2**40), min_size=1, max_size=50)


@pytest.fixture(scope="module")
def plan(indexed_root):
    return audio_flan.rebalance(indexed_root, direction={"understanding": 0.5, "generation": 0.5}, alpha=0.5)


def rows_of(root, ledger, **options):
    return audio_flan.stream(
        root, **({"shuffle": True, "seed": 5, "columns": COLUMNS, "ledger": ledger} | options)
    )


@given(st.lists(st.tuples(st.integers(0, 2**62), numbers, st.booleans()), max_size=4), st.data())
def test_what_is_written_is_read(tmp_path_factory, written, data):
    path = tmp_path_factory.mktemp("ledger") / "a.ledger"
    chunks = []
    with create_ledger_file(path, HEADER) as file:
        for epoch, positions, skipped in written:
            rows = data.draw(st.permutations(positions))
            chunk = Chunk(
                epoch,
                np.array(positions),
                np.array(rows),
                np.full(len(rows), skipped) & (np.arange(len(rows)) % 2 == 0),
            )
            append_chunk(file, chunk)
            chunks.append(chunk)
    assert read_header(path) == HEADER
    found = list(read_chunks(path, pytest.fail))
    assert [chunk.epoch for chunk in found] == [chunk.epoch for chunk in chunks]
    for one, other in zip(found, chunks, strict=True):
        assert (one.positions == other.positions).all()
        assert (one.rows == other.rows).all()
        assert (one.skipped == other.skipped).all()


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_crash_costs_the_last_chunk(tmp_path, cut):
    path = tmp_path / "a.ledger"
    with create_ledger_file(path, HEADER) as file:
        for epoch in range(2):
            append_chunk(file, Chunk(epoch, np.arange(50) * 3, np.arange(50) ** 2, np.zeros(50, bool)))
    path.write_bytes(path.read_bytes()[:-cut])
    cut_off = []
    assert [chunk.epoch for chunk in read_chunks(path, cut_off.append)] == [0]
    assert cut_off == [path]


def test_damage_is_no_crash(tmp_path):
    path = tmp_path / "a.ledger"
    with create_ledger_file(path, HEADER) as file:
        for epoch in range(2):
            append_chunk(file, Chunk(epoch, np.arange(50), np.arange(50), np.zeros(50, bool)))
    data = bytearray(path.read_bytes())
    data[data.index(b"\n") + 30] ^= 1
    path.write_bytes(data)
    with pytest.raises(LedgerError, match="is damaged at byte"):
        list(read_chunks(path, pytest.fail))
    path.write_text("{}\n")
    with pytest.raises(LedgerError, match="is no ledger"):
        read_header(path)


def test_a_whole_epoch_on_several_ranks_is_clean(built_root, tmp_path):
    plan = audio_flan.rebalance(built_root, direction={"understanding": 0.5, "generation": 0.5}, alpha=0.5)
    for rank in range(3):
        rows = rows_of(built_root, tmp_path / "ledger", plan=plan, rank=rank, world_size=3, uneven="drop")
        for epoch in range(2):
            rows.set_epoch(epoch)
            assert len(list(rows)) == plan.rows // 3
    audit = audio_flan.audit_ledger(tmp_path / "ledger", built_root, plan=plan)
    assert audit.is_clean
    assert audit.files == 6
    for epoch in audit.epochs:
        assert (epoch.rows, epoch.given) == (plan.rows, plan.rows // 3 * 3)
        assert (epoch.again, epoch.never, epoch.skipped, epoch.not_reached) == (0, 0, 0, plan.rows % 3)
    for leaf in audit.leaves.iter_rows(named=True):
        assert abs(leaf["observed"] - leaf["planned"]) < 2  # a row for each epoch
        assert leaf["most"] - leaf["fewest"] <= 1
    assert audit.leaves["observed"].sum() == 2 * (plan.rows // 3 * 3)


def test_what_came_again_never_or_was_skipped_is_named(indexed_root, tmp_path, plan):
    ledger = tmp_path / "ledger"
    rows = rows_of(indexed_root, ledger, plan=plan)
    given = list(islice(rows, 10))
    state = rows.state_dict()
    given += list(islice(rows, 5))  # from the beginning again: five rows a second time
    rows.load_state_dict(state | {"position": 13})
    given += list(islice(rows, 20))  # and three never
    audit = audio_flan.audit_ledger(ledger, indexed_root, plan=plan)
    (epoch,) = audit.epochs
    assert (epoch.given, epoch.again, epoch.never, epoch.not_reached) == (30, 5, 3, plan.rows - 33)
    assert not audit.is_clean
    names = [(row["uuid"], row["task"], row["corpus"]) for row in given]
    assert [(row.uuid, row.task, row.corpus) for row in audit.again] == names[:5]
    whole = list(islice(rows_of(indexed_root, None, plan=plan), 13))
    assert [row.uuid for row in audit.never] == [row["uuid"] for row in whole[10:]]
    assert audit.leaves["observed"].sum() == len(given)
    assert audit.leaves["most"].max() == 2


def test_without_a_plan_tasks_are_counted(indexed_root, tmp_path):
    found = list(rows_of(indexed_root, tmp_path / "ledger", config="speech", shuffle=False))
    audit = audio_flan.audit_ledger(tmp_path / "ledger", indexed_root)
    assert audit.is_clean
    counted = dict(zip(audit.leaves["name"], audit.leaves["observed"], strict=True))
    assert counted == Counter(row["task"] for row in found)
    assert audit.leaves["unseen"].sum() == 0


@pytest.mark.parametrize("workers", [0, 2])
def test_datasets_and_workers_note_what_they_give(indexed_root, tmp_path, plan, workers):
    from torch.utils.data import DataLoader

    dataset = audio_flan.load_dataset(indexed_root, streaming=True, plan=plan, ledger=tmp_path / "ledger")
    dataset = dataset.shuffle(seed=5).select_columns(COLUMNS)
    loader = DataLoader(dataset, batch_size=None, num_workers=workers)
    assert len(list(loader)) == plan.rows
    audit = audio_flan.audit_ledger(tmp_path / "ledger", indexed_root, plan=plan)
    assert audit.is_clean
    assert audit.files == max(workers, 1)
    assert audit.epochs[0].given == plan.rows


def test_a_skipped_row_is_named(indexed_root, tmp_path):
    root = shutil.copytree(indexed_root, tmp_path / "root")
    shard = max(root.glob("audio/*/*.tar"), key=lambda path: path.stat().st_size)
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 0xFF
    shard.write_bytes(data)
    rows = rows_of(
        root, tmp_path / "ledger", on_error="skip", columns=[*COLUMNS, "input_seconds", "output_seconds"]
    )
    given = list(rows)
    audit = audio_flan.audit_ledger(tmp_path / "ledger", root)
    bad = {entry.uuid for entry in rows.quarantine}
    assert audit.epochs[0].skipped >= len(bad) > 0
    assert {row.uuid for row in audit.skipped} == bad
    assert audit.leaves["observed"].sum() == len(given)


def test_ledgers_of_something_else_are_refused(indexed_root, embedded_root, demo_root, tmp_path, plan):
    ledger = tmp_path / "ledger"
    with pytest.raises(LedgerError, match="has no files of a ledger"):
        audio_flan.audit_ledger(ledger, indexed_root)
    list(islice(rows_of(indexed_root, ledger, plan=plan), 3))
    with pytest.raises(LedgerError, match=r"is of a stream of the plan .*, and none was given"):
        audio_flan.audit_ledger(ledger, indexed_root)
    with pytest.raises(LedgerError, match="gives"):
        audio_flan.audit_ledger(ledger, embedded_root, plan=plan)
    with pytest.raises(LedgerError, match="is a release"):
        audio_flan.audit_ledger(ledger, demo_root, plan=plan)
    list(islice(rows_of(indexed_root, ledger), 3))
    with pytest.raises(LedgerError, match="put them into folders of their own"):
        audio_flan.audit_ledger(ledger, indexed_root, plan=plan)
    with pytest.raises(ValueError, match="is a release"):
        audio_flan.stream(demo_root, ledger=ledger)


def test_the_command(indexed_root, tmp_path, plan):
    ledger, saved = tmp_path / "ledger", tmp_path / "plan.toml"
    plan.save(saved)
    rows = rows_of(indexed_root, ledger, plan=plan)
    list(rows)
    arguments = ["audit-ledger", str(ledger), str(indexed_root), "--plan", str(saved)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "All rows up to the last were given out once, by 1 files." in result.output
    list(islice(rows, 3))
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 1
    shown = json.loads(result.stdout)
    assert shown["epochs"][0]["again"] == len(shown["again"]) == 3
    assert not shown["is_clean"]
