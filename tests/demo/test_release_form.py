"""The tree and its records have the released form, and every task is there."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from importlib.resources import files
from pathlib import Path

import soundfile

TOKEN = re.compile(r"<\|SOA\|>(.+?)<\|EOA\|>")
KEYS = ["instruction", "input", "output", "uuid", "split", "task_type", "domain", "source", "other"]


def taxonomy():
    return json.loads(files("audio_flan.taxonomy").joinpath("taxonomy.json").read_text())


def test_every_task_with_enough_instances(demo):
    counts = Counter(record["task_type"]["minor"][0] for _, record in demo.records)
    assert set(counts) == {minor["name"] for minor in taxonomy()["minors"]}
    assert len(counts) == 80
    assert min(counts.values()) >= 8


def test_every_task_has_every_split(demo):
    splits = defaultdict(set)
    for _, record in demo.records:
        splits[record["task_type"]["minor"][0]] |= set(record["split"])
    assert all(found == {"train", "dev", "test"} for found in splits.values())


def test_tasks_stand_where_the_taxonomy_puts_them(demo):
    home = {minor["name"]: (minor["domain"], minor["major"]) for minor in taxonomy()["minors"]}
    for _, record in demo.records:
        task = record["task_type"]
        assert (record["domain"], task["major"][0]) == home[task["minor"][0]]


def test_audio_in_and_out_as_the_taxonomy_describes(demo):
    minors = {minor["name"]: minor for minor in taxonomy()["minors"]}
    for _, record in demo.records:
        minor = minors[record["task_type"]["minor"][0]]
        expected = minor["n_input_audio"]
        count = len(TOKEN.findall(record["input"]))
        assert expected["min"] <= count <= (expected["max"] or count), record
        assert bool(TOKEN.findall(record["output"])) == (minor["output_direction"] == "generation")


def test_records_have_the_released_fields(demo):
    for path, record in demo.records:
        assert list(record) == KEYS
        assert list(record["task_type"]) == ["major", "minor", "U/G", "unseen"]
        assert record["instruction"]
        assert "{" not in record["instruction"]
        makes_audio = bool(TOKEN.search(record["output"]))
        direction = "generation" if makes_audio else "understanding"
        assert record["task_type"]["U/G"] == [direction]
        part = "test" if record["split"] == ["test"] else "train_dev"
        assert path.parts[:4] == ("metadata", record["domain"], direction, part)
        assert path.parts[5] == "jsonl"


def test_uuids_are_unique(demo):
    uuids = [record["uuid"] for _, record in demo.records]
    assert len(set(uuids)) == len(uuids)


def test_the_forms_are_mixed(demo):
    sources = {type(record["source"]) for _, record in demo.records}
    others = {type(record["other"]) for _, record in demo.records}
    names = {path.name for path, _ in demo.records}
    assert sources == {list, str}
    assert others == {type(None), dict, str}
    assert any(record["task_type"]["unseen"] for _, record in demo.records)
    assert {"train.jsonl", "dev.jsonl", "test.jsonl", "train.jsonl.gz", "Key_Detection.jsonl"} <= names
    separators = {re.search(r"[\t ]", path.read_text())[0] for path in demo.root.rglob("*.scp")}
    assert separators == {"\t", " "}
    infos = [soundfile.info(demo.root / path) for path in demo.paths.values()]
    assert {info.format for info in infos} == {"FLAC", "WAV", "OGG", "MP3"}
    assert {info.samplerate for info in infos} >= {8000, 16000, 22050, 44100}
    assert {info.subtype for info in infos} >= {"PCM_16", "PCM_24", "FLOAT"}
    assert {info.channels for info in infos} == {1, 2}


def test_wordings_vary(demo):
    wordings = defaultdict(set)
    for _, record in demo.records:
        wordings[record["task_type"]["minor"][0]].add(record["instruction"])
    assert min(len(found) for found in wordings.values()) >= 2


def test_every_id_resolves_in_the_table_of_its_source(demo):
    for path, record in demo.records:
        table = demo.scp[path.parts[4]]
        for audio_id in TOKEN.findall(record["input"] + record["output"]):
            assert (demo.root / table[audio_id]).is_file()


def test_every_file_is_listed_and_an_id_has_one_path(demo):
    listed = defaultdict(set)
    for table in demo.scp.values():
        for audio_id, path in table.items():
            listed[audio_id].add(path)
    assert all(len(paths) == 1 for paths in listed.values())
    on_disk = {p.relative_to(demo.root).as_posix() for p in (demo.root / "audio_files").rglob("*.*")}
    assert {path for paths in listed.values() for path in paths} == on_disk


def test_some_sources_borrow(demo):
    borrowing = [
        corpus for corpus, table in demo.scp.items() if any(not one.startswith(corpus) for one in table)
    ]
    assert len(borrowing) >= 3


def test_clips_are_shared(demo):
    uses = Counter(one for _, r in demo.records for one in TOKEN.findall(r["input"] + r["output"]))
    assert sum(uses.values()) / len(uses) > 2


def test_summary_tells_the_truth(demo):
    summary = demo.summary
    assert summary.instances == len(demo.records)
    assert summary.tasks == 80
    assert summary.clips == len(demo.paths)
    on_disk = [path for path in demo.root.rglob("*") if path.is_file() and path.name != "demo.json"]
    assert summary.bytes == sum(path.stat().st_size for path in on_disk)
    assert summary.bytes < 15e6
    lengths = [soundfile.info(demo.root / path).duration for path in demo.paths.values()]
    assert abs(sum(lengths) - summary.seconds) < 0.01 * summary.seconds


def test_no_path_of_the_machine(demo):
    texts = [*demo.root.rglob("*.scp"), *demo.root.rglob("*.jsonl"), demo.root / "demo.json"]
    assert not any(
        str(Path.home()) in path.read_text() or str(demo.root) in path.read_text() for path in texts
    )
