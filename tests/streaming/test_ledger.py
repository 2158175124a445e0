"""The ledger of a stream, and its audit: what was given out, again, never, and of which leaf."""

import errno
import json
import resource
import shutil
import struct
import zlib
from collections import Counter
from itertools import islice

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner
from xxhash import xxh3_64_intdigest

import audio_flan
from audio_flan.analysis.ledger_counts import RowCounts
from audio_flan.cli.app import app
from audio_flan.streaming.ledger_file import (
    LEDGER_VERSION,
    Chunk,
    LedgerError,
    LedgerHeader,
    chunk_bytes,
    header_bytes,
    read_chunks,
    read_header,
)
from audio_flan.streaming.ordered import OrderedStream

HEADER = LedgerHeader(
    LEDGER_VERSION,
    pass_id="a",
    stream="speech, train 00",
    config="speech",
    splits=("train",),
    seed=5,
    plan=None,
    part=(0, 1),
    epoch=3,
    start=0,
    rank=0,
    world_size=1,
    uneven="drop",
)
COLUMNS = ["uuid", "task", "corpus"]
numbers = st.lists(st.integers(0, 2**40), min_size=1, max_size=50)


@pytest.fixture(scope="module")
def plan(indexed_root):
    return audio_flan.rebalance(indexed_root, direction={"understanding": 0.5, "generation": 0.5}, alpha=0.5)


def rows_of(root, ledger, **options):
    return audio_flan.stream(
        root, **({"shuffle": True, "seed": 5, "columns": COLUMNS, "ledger": ledger} | options)
    )


def chunk_of(steps, rows, skipped=None):
    return Chunk(np.array(steps), np.array(rows), np.zeros(len(rows), bool) if skipped is None else skipped)


TWO_CHUNKS = [chunk_of(np.arange(count) * 3, np.arange(count) ** 2) for count in (50, 40)]


def write(path, chunks, header=HEADER):
    path.write_bytes(header_bytes(header) + b"".join(map(chunk_bytes, chunks)))
    return path


@given(
    st.lists(st.tuples(numbers, st.booleans()), max_size=4),
    st.integers(0, 2**63 - 1),
    st.none() | st.integers(),
    st.data(),
)
def test_what_is_written_is_read(tmp_path_factory, written, epoch, seed, data):
    chunks = []
    for steps, skipped in written:
        rows = data.draw(st.permutations(steps))
        chunks.append(chunk_of(steps, rows, np.full(len(rows), skipped) & (np.arange(len(rows)) % 2 == 0)))
    header = msgspec.structs.replace(HEADER, epoch=epoch, seed=seed)
    path = write(tmp_path_factory.mktemp("ledger") / "a.ledger", chunks, header)
    assert read_header(path) == header
    for one, other in zip(read_chunks(path, pytest.fail), chunks, strict=True):
        assert (one.steps == other.steps).all()
        assert (one.rows == other.rows).all()
        assert (one.skipped == other.skipped).all()


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_crash_costs_the_last_chunk(tmp_path, cut):
    path = write(tmp_path / "a.ledger", TWO_CHUNKS)
    path.write_bytes(path.read_bytes()[:-cut])
    cut_off = []
    assert [len(chunk.rows) for chunk in read_chunks(path, cut_off.append)] == [50]
    assert cut_off == [path]


def test_damage_is_no_crash(tmp_path):
    path = write(tmp_path / "a.ledger", TWO_CHUNKS)
    data = bytearray(path.read_bytes())
    data[data.index(b"\n") + 30] ^= 1
    path.write_bytes(data)
    with pytest.raises(LedgerError, match="is damaged at byte"):
        list(read_chunks(path, pytest.fail))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"{}\n", "is no ledger"),
        (b"x" * (1 << 17), "is no ledger"),
        (b"\xff\n", "is no ledger"),
        (b'{"ledger":1,"stream":"speech"}\n', "is a ledger of version 1, expected 2"),
        (header_bytes(HEADER).replace(b'"rank": 0', b'"rank": 7'), "rank must be from 0 to world_size - 1"),
        (header_bytes(HEADER).replace(b"[0, 1]", b"[0, 0]"), "there is no part 0 of 0"),
        (header_bytes(HEADER).replace(b'"start": 0', b'"start": -1'), "start must be from 0"),
        (header_bytes(HEADER).replace(b'"drop"', b'"pads"'), "Invalid enum value"),
    ],
)
def test_a_header_that_is_none_is_named(tmp_path, header, message):
    path = tmp_path / "a.ledger"
    path.write_bytes(header)
    with pytest.raises(LedgerError, match=rf"a\.ledger .*{message}"):
        read_header(path)


def test_a_folder_is_no_ledger(indexed_root, tmp_path):
    (tmp_path / "h.ledger").mkdir()
    with pytest.raises(LedgerError, match=r"h\.ledger is no file"):
        audio_flan.audit_ledger(tmp_path, indexed_root)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no deflate",
        zlib.compress(b""),
        zlib.compress(msgspec.msgpack.encode([1, 2])),
        zlib.compress(msgspec.msgpack.encode([bytes(8), bytes(7), b""])),
        zlib.compress(msgspec.msgpack.encode([bytes(8), bytes(16), b""])),
        zlib.compress(msgspec.msgpack.encode([bytes(80), bytes(80), b"\xff"])),
    ],
)
def test_a_chunk_with_the_right_hash_and_a_wrong_content_is_damage(tmp_path, body):
    path = write(tmp_path / "a.ledger", TWO_CHUNKS)
    place = path.stat().st_size
    with path.open("ab") as file:
        file.write(struct.pack("<4sIQ", b"rows", len(body), xxh3_64_intdigest(body)) + body)
    with pytest.raises(LedgerError, match=rf"a\.ledger is damaged at byte {place:,}"):
        list(read_chunks(path, pytest.fail))


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


@pytest.mark.torch
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


def epochs_of(root, ledger, **options):
    (epoch,) = audio_flan.audit_ledger(ledger, root, **options).epochs
    return epoch


@pytest.mark.parametrize("uneven", ["pad", "wrap"])
def test_rows_that_fill_up_ranks_are_padding_and_no_fault(indexed_root, tmp_path, plan, uneven):
    world_size = next(size for size in range(4, 9) if plan.rows % size)
    for rank in range(world_size):
        rows = rows_of(indexed_root, tmp_path, plan=plan, rank=rank, world_size=world_size, uneven=uneven)
        list(rows)
    epoch = epochs_of(indexed_root, tmp_path, plan=plan)
    assert (epoch.given, epoch.again, epoch.never, epoch.not_reached) == (plan.rows, 0, 0, 0)
    assert epoch.padding == -plan.rows % world_size
    assert audio_flan.audit_ledger(tmp_path, indexed_root, plan=plan).is_clean
    list(islice(rows_of(indexed_root, tmp_path, plan=plan), 2))  # what comes again besides is counted
    assert epochs_of(indexed_root, tmp_path, plan=plan).again == 2


def test_passes_that_go_on_elsewhere_are_one(indexed_root, tmp_path, plan):
    """Three ranks, then two with padding, from the state of any of the three."""
    states = []
    for rank in range(3):
        rows = rows_of(indexed_root, tmp_path, plan=plan, rank=rank, world_size=3)
        list(islice(rows, 4))
        states.append(rows.state_dict())
    for rank in range(2):
        rows = rows_of(indexed_root, tmp_path, plan=plan, rank=rank, world_size=2, uneven="pad")
        rows.load_state_dict(states[rank])
        list(rows)
    epoch = epochs_of(indexed_root, tmp_path, plan=plan)
    assert (epoch.given, epoch.again, epoch.never) == (plan.rows, 0, 0)
    assert epoch.padding == (plan.rows - 12) % 2


def test_a_part_has_a_ledger_of_its_own(indexed_root, tmp_path):
    dataset = audio_flan.load_dataset(indexed_root, "speech", split="train", streaming=True, ledger=tmp_path)
    part = dataset.select_columns(COLUMNS).shard(num_shards=3, index=1)
    count = len(list(part))
    epoch = epochs_of(indexed_root, tmp_path)
    assert (epoch.rows, epoch.given, epoch.again, epoch.never) == (count, count, 0, 0)


def test_the_last_epoch_there_is(indexed_root, tmp_path, plan):
    list(islice(rows_of(indexed_root, tmp_path, plan=plan, epoch=2**63 - 1), 3))
    assert epochs_of(indexed_root, tmp_path, plan=plan).epoch == 2**63 - 1


@pytest.mark.parametrize("nbytes", [0, 1, 100])
def test_a_header_that_a_crash_has_cut_off_costs_its_file(indexed_root, tmp_path, plan, nbytes):
    list(rows_of(indexed_root, tmp_path, plan=plan))
    (whole,) = tmp_path.iterdir()
    (tmp_path / "00000-000-cut.ledger").write_bytes(whole.read_bytes()[:nbytes])
    audit = audio_flan.audit_ledger(tmp_path, indexed_root, plan=plan)
    assert (audit.files, audit.cut_off) == (1, ("00000-000-cut.ledger",))
    assert audit.is_clean
    whole.unlink()
    with pytest.raises(LedgerError, match="has only files that a crash has cut off"):
        audio_flan.audit_ledger(tmp_path, indexed_root, plan=plan)


def test_a_pass_counts_once_however_often_its_file_is_copied(indexed_root, tmp_path, plan):
    list(rows_of(indexed_root, tmp_path, plan=plan))
    (whole,) = tmp_path.iterdir()
    data = whole.read_bytes()
    shutil.copy(whole, tmp_path / "z-again.ledger")
    (tmp_path / "0-while-it-ran.ledger").write_bytes(data[: data.index(b"\n") + 1])
    audit = audio_flan.audit_ledger(tmp_path, indexed_root, plan=plan)
    assert audit.is_clean
    assert audit.files == 1
    assert set(audit.copies) == {"z-again.ledger", "0-while-it-ran.ledger"}
    assert audit.epochs[0].given == plan.rows
    whole.write_bytes(data.replace(b'"start": 0', b'"start": 1'))
    with pytest.raises(LedgerError, match="say different things of the same pass"):
        audio_flan.audit_ledger(tmp_path, indexed_root, plan=plan)


@pytest.mark.parametrize("room", [0, 100, 700])
def test_a_full_disk_is_an_error_that_names_the_file(indexed_root, tmp_path, monkeypatch, room):
    """Rows are noted in chunks of seven; what a limit cuts off is taken back."""
    monkeypatch.setattr("audio_flan.streaming.ledger._CHUNK_ROWS", 7)
    rows = rows_of(indexed_root, tmp_path)
    given = []
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(OSError, match="the ledger") as caught:
            given.extend(rows)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    (path,) = tmp_path.iterdir()
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(path))
    if path.stat().st_size:
        audit = audio_flan.audit_ledger(tmp_path, indexed_root)
        assert not audit.cut_off
        assert audit.epochs[0].given == len(given) // 7 * 7 > 0
    else:
        assert read_header(path) is None


@pytest.mark.parametrize("with_plan", [True, False])
def test_the_order_is_made_about_once(indexed_root, tmp_path, plan, monkeypatch, with_plan):
    """However many files there are, and however far apart the rows of their chunks."""
    monkeypatch.setattr("audio_flan.analysis.ledger_counts._SEGMENT_ROWS", 16)
    options = {"plan": plan} if with_plan else {}
    for rank in range(8):
        list(rows_of(indexed_root, tmp_path, rank=rank, world_size=8, uneven="pad", **options))
    asked = Counter()
    look_up = OrderedStream.row_numbers

    def counted(stream, positions):
        asked.update(positions.tolist())
        return look_up(stream, positions)

    monkeypatch.setattr(OrderedStream, "row_numbers", counted)
    audit = audio_flan.audit_ledger(tmp_path, indexed_root, **options)
    assert audit.is_clean
    assert audit.files == 8
    assert asked == Counter(range(audit.epochs[0].rows))


def test_what_the_stream_cannot_have_given_out_is_refused(indexed_root, tmp_path, plan):
    list(islice(rows_of(indexed_root, tmp_path, plan=plan), 3))
    (path,) = tmp_path.iterdir()
    header = read_header(path)
    (chunk,) = read_chunks(path, pytest.fail)
    for steps, rows, message in [
        ([0, 1, plan.rows], chunk.rows, "has steps that epoch 0 does not have"),
        ([0, 1, -1], chunk.rows, "has steps that epoch 0 does not have"),
        (chunk.steps, chunk.rows + 1, "at position 0 of epoch 0 the stream has row"),
    ]:
        write(path, [chunk_of(steps, rows)], header)
        with pytest.raises(LedgerError, match=message):
            audio_flan.audit_ledger(tmp_path, indexed_root, plan=plan)


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
    (counted,) = ledger.iterdir()
    shutil.copy(counted, ledger / "copy.ledger")
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert "a copy of another file: " in result.output
    list(islice(rows, 3))
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 1
    shown = json.loads(result.stdout)
    assert shown["epochs"][0]["again"] == len(shown["again"]) == 3
    assert not shown["is_clean"]


def test_rows_are_noted_in_the_epoch_they_are_of(indexed_root, tmp_path):
    rows = rows_of(indexed_root, tmp_path / "ledger", config="speech_asr")
    old = iter(rows)
    rows.set_epoch(1)
    given = [list(old), list(rows)]
    audit = audio_flan.audit_ledger(tmp_path / "ledger", indexed_root)
    assert [(each.epoch, each.given) for each in audit.epochs] == [(0, len(given[0])), (1, len(given[1]))]
    assert audit.is_clean


def test_a_row_may_be_drawn_more_often_than_two_bytes_can_count(indexed_root):
    counts = RowCounts(audio_flan.stream(indexed_root, "speech_asr"))
    counts.add(np.zeros(70_000, np.int64))
    assert counts.table().select("observed", "most").rows() == [(70_000, 70_000)]
