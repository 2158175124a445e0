"""Clips that fail: exactly their rows are lost and named, and a stream gives up where too many fail."""

import json
import logging
import os
import shutil
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audio_flan
from audio_flan.release import Entry, Quarantine
from audio_flan.shards import MANIFEST_NAME, read_manifest
from audio_flan.streaming import ConsecutiveFailuresError
from audio_flan.streaming.failures import stop_at_failures

SIDES = ("input_audio", "output_audio")
COLUMNS = ["uuid", "task", *SIDES, *(f"{side}_ids" for side in SIDES)]


def names(rows):
    return [(row["uuid"], row["task"]) for row in rows]


def ids_of(row):
    return {audio_id for side in SIDES for audio_id in row[f"{side}_ids"]}


def rows_with_clips(root):
    """(uuid, task), ids and encoded clips by id of all rows in a shuffled order."""
    rows = audio_flan.stream(root, split="all", columns=COLUMNS, shuffle=True, seed=3)
    return [((row["uuid"], row["task"]), ids_of(row), clips_of(row)) for row in rows]


def clips_of(row):
    pairs = (pair for side in SIDES for pair in zip(row[f"{side}_ids"], row[side], strict=True))
    return {audio_id: clip.encoded() for audio_id, clip in pairs}


def break_clips(root, clips):
    """Overwrite clips in the shards, or in the rows of the embedded form."""
    for path in root.glob("audio/*/*.tar"):
        data = path.read_bytes()
        broken = data
        for clip in clips:
            broken = broken.replace(clip, damaged(clip))
        if broken != data:
            path.unlink()  # a link to that of the whole root
            path.write_bytes(broken)
    if read_manifest(root).form == "embedded":
        for path in root.glob("data/**/*.parquet"):
            break_cells(root, path, set(clips))


def damaged(clip):
    return bytes(len(clip))


def break_cells(root, path, clips):
    """Write a row file anew with damaged clips, as whoever embeds damaged clips does: its pages are whole."""
    file = pq.ParquetFile(path)
    tables = [file.read_row_group(number) for number in range(file.num_row_groups)]
    path.unlink()
    with pq.ParquetWriter(path, file.schema_arrow, compression="none") as writer:
        for table in tables:
            rows = table.to_pylist()
            for cell in (cell for row in rows for side in SIDES for cell in row[side]):
                cell["bytes"] = damaged(cell["bytes"]) if cell["bytes"] in clips else cell["bytes"]
            writer.write_table(pa.Table.from_pylist(rows, table.schema))
    manifest = json.loads((root / MANIFEST_NAME).read_text())
    manifest.pop("xxh3", None)  # its own hash, and that of the footer: both may be left out
    entry = next(each for each in manifest["files"] if each["path"] == str(path.relative_to(root)))
    entry["nbytes"] = path.stat().st_size
    entry.pop("footer", None)
    (root / MANIFEST_NAME).unlink()
    (root / MANIFEST_NAME).write_text(json.dumps(manifest))


@pytest.fixture(scope="module", params=["demo", pytest.param("shared", marks=pytest.mark.slow)])
def whole_roots(request):
    if request.param == "shared":
        return request.getfixturevalue("shared_roots")
    return {form: request.getfixturevalue(f"{form}_root") for form in ("indexed", "embedded")}


@pytest.fixture(scope="module", params=["indexed", "embedded"])
def broken(request, whole_roots, tmp_path_factory):
    """A root with every 40th clip broken; its ids, and names of the rows that are left in order."""
    whole = whole_roots[request.param]
    rows = rows_with_clips(whole)
    clips = {audio_id: clip for _, _, each in rows for audio_id, clip in each.items()}
    bad = set(sorted(clips)[::40])
    root = tmp_path_factory.mktemp("broken") / "root"
    shutil.copytree(whole, root, copy_function=os.link)
    break_clips(root, [clips[audio_id] for audio_id in bad])
    lost = [(name, ids & bad) for name, ids, _ in rows if ids & bad]
    assert 0 < len(lost) < len(rows) / 2
    return root, lost, [name for name, ids, _ in rows if not ids & bad]


def skipping(root, **options):
    return audio_flan.stream(
        root, split="all", columns=COLUMNS, shuffle=True, seed=3, on_error="skip", **options
    )


@pytest.mark.parametrize("threads", [0, 2])
def test_a_broken_clip_loses_exactly_its_rows_and_is_named(broken, threads):
    root, lost, left = broken
    rows = skipping(root, decode_threads=threads)
    assert names(rows) == left
    entries = list(rows.quarantine)
    assert [entry.uuid for entry in entries] == [uuid for (uuid, _), _ in lost]
    assert all(entry.audio_id in ids for entry, (_, ids) in zip(entries, lost, strict=True))
    assert all((root / entry.file).is_file() and entry.line for entry in entries)
    assert json.loads(json.dumps([entry.as_json() for entry in entries]))[0]["audio_id"] in lost[0][1]


@pytest.mark.parametrize("asked", ["input_audio", "output_audio", "input_seconds"])
def test_a_broken_clip_that_is_not_asked_for_loses_its_row_too(broken, asked):
    root, _, left = broken
    columns = ["uuid", "task", asked]
    rows = audio_flan.stream(
        root, split="all", columns=columns, shuffle=True, seed=3, on_error="skip", decode_threads=2
    )
    assert names(rows) == left


@pytest.fixture
def log(tmp_path):
    """A file to which this process and those that it forks log."""
    handler = logging.FileHandler(tmp_path / "log")
    logging.getLogger("audio_flan").addHandler(handler)
    yield tmp_path / "log"
    logging.getLogger("audio_flan").removeHandler(handler)
    handler.close()


@pytest.mark.slow
@pytest.mark.torch
def test_workers_lose_the_same_rows_and_each_says_so(broken, log):
    from torch.utils.data import DataLoader

    root, lost, left = broken
    rows = skipping(root, decode_threads=1)
    found = names(DataLoader(rows, batch_size=None, num_workers=2, multiprocessing_context="fork"))
    assert sorted(found) == sorted(left)
    said = [line for line in log.read_text().splitlines() if " quarantined (" in line]
    assert sorted(line.partition("(worker ")[2].partition(")")[0] for line in said) == ["0 of 2", "1 of 2"]
    counts = [int(line.partition("): ")[2].partition(" quarantined")[0]) for line in said]
    assert sum(counts) == len(lost)


@pytest.fixture
def silent_root(demo_root, tmp_path, request):
    """Each form without its sound."""
    root = tmp_path / "silent"
    if request.param == "release":
        shutil.copytree(demo_root, root)
        shutil.rmtree(root / "audio_files")
        return root
    shutil.copytree(request.getfixturevalue("indexed_root"), root)
    shutil.rmtree(root / "audio")
    return root


each_form = pytest.mark.parametrize("silent_root", ["release", "indexed"], indirect=True)


@each_form
@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("on_error", ["skip", "null"])
def test_a_root_without_its_sound_is_no_empty_epoch(silent_root, threads, on_error):
    rows = audio_flan.stream(silent_root, "speech", on_error=on_error, decode_threads=threads)
    found = []
    with pytest.raises(ConsecutiveFailuresError, match="100 rows in a row have a clip that cannot") as error:
        found.extend(rows)
    assert len(rows.quarantine) >= 100
    assert f"{rows.quarantine.entries[-1]}. Is the sound still there?" in str(error.value)
    assert f"`audio-flan validate {silent_root}`" in str(error.value)
    assert len(found) == (99 if on_error == "null" else 0)


@each_form
def test_the_limit_is_a_choice(silent_root):
    everything = audio_flan.stream(silent_root, "speech", on_error="skip", max_consecutive_failures=None)
    assert not list(everything)
    assert len(everything.quarantine) == len(everything)
    short = audio_flan.stream(silent_root, "speech", on_error="skip", max_consecutive_failures=7)
    with pytest.raises(ConsecutiveFailuresError, match="7 rows in a row"):
        next(iter(short))
    with pytest.raises(ValueError, match="max_consecutive_failures must be a positive whole number or None"):
        audio_flan.stream(silent_root, max_consecutive_failures=0)


@each_form
@pytest.mark.parametrize("streaming", [True, False])
def test_load_dataset_gives_up_as_well(silent_root, streaming, tmp_path):
    def load(**options):
        options |= {"streaming": streaming, "cache_dir": tmp_path / "cache", "on_error": "skip"}
        return list(audio_flan.load_dataset(silent_root, "speech_asr", "train", **options))

    with pytest.raises(ConsecutiveFailuresError, match="5 rows in a row"):
        load(max_consecutive_failures=5)
    if streaming:
        assert load() == []  # fewer than 100 rows


@pytest.mark.torch
@pytest.mark.parametrize("silent_root", ["indexed"], indirect=True)
def test_a_worker_that_gives_up_ends_the_loader(silent_root):
    from torch.utils.data import DataLoader

    rows = audio_flan.stream(silent_root, "speech", on_error="skip", max_consecutive_failures=10)
    with pytest.raises(ConsecutiveFailuresError, match="10 rows in a row"):
        list(DataLoader(rows, batch_size=None, num_workers=2))


def fails(number):
    return Entry("file", number, None, "missing_audio", "")


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(1, 5), st.integers(0, 10))
def test_it_stops_at_the_first_run_of_failures(clips_that_fail, limit, kept):
    """Rows are given until as many in a row have failed, whatever the consumer notes between them."""
    quarantine = Quarantine(kept)

    def rows():
        for number, count in enumerate(clips_that_fail):
            for _ in range(count):
                quarantine.add(fails(number))
            yield number, None

    found = []
    with suppress(ConsecutiveFailuresError):
        for number, _ in stop_at_failures(rows(), quarantine, limit, "root"):
            found.append(number)
            quarantine.add(fails(-1))  # a record between the rows
    failed = "".join("x" if count else "." for count in clips_that_fail)
    end = failed.find("x" * limit)
    assert len(found) == (len(failed) if end < 0 else end + limit - 1)
