"""What each target is for others: tars, lines of text, conversations, cards."""

import glob
import json
import re
import shutil
import warnings
from collections import Counter

import datasets
import pytest
from exported import clip_bytes, json_lines, records
from jsonschema import Draft202012Validator

import audio_flan
from audio_flan.card import write_card
from audio_flan.exporting import export
from audio_flan.exporting.chat import NotCarriedError, check_carried, conversation
from audio_flan.exporting.clip_files import clip_file, clip_stem
from audio_flan.exporting.samples import field_names, sample_name, shape_folder
from audio_flan.mixing import Plan
from audio_flan.shards import read_manifest
from audio_flan.streaming.roots import open_root


def typed(kind: str, field: str, text: dict) -> dict:
    properties = {"type": {"const": kind}, field: {"type": "string"} | text}
    return {
        "type": "object", "required": ["type", field], "additionalProperties": False,
        "properties": properties,
    }  # fmt: skip


TEXT = typed("text", "text", {"minLength": 1})
CLIP = typed("audio", "audio_url", {"pattern": "^audio/"})


def messages(question: dict, answer: dict) -> dict:
    return {
        "type": "array", "minItems": 2, "maxItems": 2, "items": False,
        "prefixItems": [
            {"type": "object", "required": ["role", "content"], "additionalProperties": False,
             "properties": {"role": {"const": role}, "content": content}}
            for role, content in (("user", question), ("assistant", answer))
        ],
    }  # fmt: skip


TAGGED = {
    "type": "object", "required": ["messages", "audios"], "additionalProperties": False,
    "properties": {
        "messages": messages({"type": "string", "minLength": 1}, {"type": "string", "minLength": 1}),
        "audios": {"type": "array", "items": {"type": "string", "pattern": "^audio/"}},
    },
}  # fmt: skip
SCHEMAS = {
    "ms-swift": TAGGED,
    "llama-factory": TAGGED,
    "qwen2-audio": {
        "type": "object", "required": ["messages"], "additionalProperties": False,
        "properties": {
            "messages": messages(
                {"type": "array", "minItems": 1, "items": {"oneOf": [TEXT, CLIP]}},
                {"type": "array", "minItems": 1, "maxItems": 1, "items": TEXT},
            )
        },
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def source_rows(demo_root):
    return audio_flan.scan(demo_root).collect().to_dicts()


@pytest.mark.parametrize("style", ["qwen2-audio", "ms-swift", "llama-factory"])
def test_conversations_are_as_their_trainers_document_them(demo_root, source_rows, out, style):
    summary = export(demo_root, out, to="chat", style=style)
    carried = [row for row in source_rows if not row["output_audio_ids"]]
    assert summary.rows == len(carried)
    assert summary.quarantined == {"audio_in_output": len(source_rows) - len(carried)}
    named = json_lines(out / "quarantine.jsonl")
    assert sorted(entry["uuid"] for entry in named) == sorted(
        row["uuid"] for row in source_rows if row["output_audio_ids"]
    )
    validator = Draft202012Validator(SCHEMAS[style])
    files = [out / f"{split}.jsonl" for split in ("train", "validation", "test")]
    lines = json_lines(*(file for file in files if file.exists()))
    assert len(lines) == len(carried)
    clips = Counter()
    for line in lines:
        validator.validate(line)
        if style == "qwen2-audio":
            paths = [part["audio_url"] for part in line["messages"][0]["content"] if part["type"] == "audio"]
            assert "SOA" not in json.dumps(line)
        else:
            paths = line["audios"]
            assert line["messages"][0]["content"].count("<audio>") == len(paths)
        clips.update(paths)
    assert clips.total() == sum(len(row["input_audio_ids"]) for row in carried)
    assert all((out / path).is_file() for path in clips)
    assert summary.clips == len(clips) == len([path for path in out.glob("audio/*/*") if path.is_file()])


def test_llama_factory_finds_its_files(demo_root, out):
    export(demo_root, out, to="chat", style="llama-factory", config="speech_asr", split="train")
    info = json.loads((out / "dataset_info.json").read_text())
    entry = info["audio_flan_train"]
    assert (out / entry["file_name"]).exists()
    assert (entry["formatting"], entry["columns"]) == (
        "sharegpt",
        {"messages": "messages", "audios": "audios"},
    )
    found = datasets.load_dataset("json", data_files=str(out / entry["file_name"]), split="train")
    assert set(found.column_names) == set(entry["columns"].values())


ROW = {"instruction": "Say what.", "input": "a <|SOA|>x y<|EOA|> b", "output": "c", "output_audio_ids": []}


def test_a_conversation():
    tagged = {"messages": [{"role": "user", "content": "Say what.\na <audio> b"},
                           {"role": "assistant", "content": "c"}], "audios": ["p"]}  # fmt: skip
    assert conversation(ROW, ["p"], "ms-swift") == conversation(ROW, ["p"], "llama-factory") == tagged
    assert conversation(ROW, ["p"], "qwen2-audio")["messages"][0]["content"] == [
        {"type": "text", "text": "Say what.\na "},
        {"type": "audio", "audio_url": "p"},
        {"type": "text", "text": " b"},
    ]


def test_line_breaks_around_clips_are_kept_where_the_template_makes_none():
    row = ROW | {"input": "<|SOA|>x<|EOA|>\n<|SOA|>y<|EOA|>\n\nWhy?"}
    assert conversation(row, ["p", "q"], "qwen2-audio")["messages"][0]["content"] == [
        {"type": "text", "text": "Say what.\n"},
        {"type": "audio", "audio_url": "p"},
        {"type": "audio", "audio_url": "q"},
        {"type": "text", "text": "\nWhy?"},
    ]


@pytest.mark.parametrize(
    ("style", "text"),
    [("ms-swift", "an <audio> tag"), ("llama-factory", "<image>"), ("qwen2-audio", "<|AUDIO|>"),
     ("ms-swift", "<|im_end|>\n<|im_start|>system"), ("ms-swift", "<|AUDIO|>"), ("ms-swift", "<cot-process>"),
     ("ms-swift", "<start-image>"), ("llama-factory", "<|audio_bos|>")],
)  # fmt: skip
def test_texts_that_a_trainer_would_not_read_as_text_are_refused(style, text):
    for field in ("instruction", "input", "output"):
        with pytest.raises(NotCarriedError) as caught:
            check_carried(ROW | {field: text}, style)
        assert caught.value.reason == "reserved_tag"


def test_tars_for_other_loaders(demo_root, source_rows, out):
    import webdataset

    summary = export(demo_root, out, to="webdataset", shard_size=500_000)
    tars = sorted(glob.glob(f"{out}/*/*.tar"))
    card = (out / "README.md").read_text()
    assert "shuffle(1000)" in card
    for pattern in re.findall(r"FOLDER(/[^\"]*\.tar)", card):
        assert glob.glob(f"{out}{pattern}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples = list(webdataset.WebDataset(tars, shardshuffle=False))
    assert len(samples) == summary.rows == len(source_rows)
    assert len({sample["__key__"] for sample in samples}) == len(samples)
    by_row = {(row["uuid"], row["task"], row["split"]): row for row in source_rows}
    clips = clip_bytes(demo_root)
    for sample in samples:
        row = json.loads(sample["json"])
        expected = by_row[row["uuid"], row["task"], row["split"]]
        assert row == expected
        assert f"/{row['split']}-" in sample["__url__"]
        for side in ("input", "output"):
            number = {name: int(name.split(".")[0].removeprefix(side)) for name in sample if side in name}
            fields = sorted(number, key=number.__getitem__)
            assert len(fields) == len(row[f"{side}_audio_ids"])
            for audio_id, field in zip(row[f"{side}_audio_ids"], fields, strict=True):
                assert sample[field] == clips.get(audio_id, sample[field])


@pytest.mark.torch
def test_tars_load_with_datasets(demo_root, out):
    export(demo_root, out, to="webdataset", config="speech_asr", split="train")
    folder = min(path for path in out.iterdir() if path.is_dir() and path.name.startswith("input0-"))
    assert f"FOLDER/{folder.name}/train-*.tar" in (out / "README.md").read_text()
    found = datasets.load_dataset(
        "webdataset", data_files={"train": f"{folder}/train-*.tar"}, split="train", streaming=True
    )
    row = next(iter(found.decode(False)))
    assert row["json"]["task"] == "speech_asr"
    assert row[folder.name.replace("-", ".")]["bytes"]


def test_lines_of_text_have_all_columns_but_audio(demo_root, source_rows, out):
    export(demo_root, out, to="jsonl")
    for split in ("train", "validation", "test"):
        expected = [row for row in source_rows if row["split"] == split]
        path = out / f"{split}.jsonl"
        found = json_lines(path) if path.exists() else []
        assert sorted(found, key=repr) == sorted(expected, key=repr)


def test_the_embedded_form_loads_with_plain_datasets(demo_root, out):
    export(demo_root, out, where="task = 'speech_asr' AND split = 'train'")
    found = datasets.load_dataset(str(out), "speech_asr", split="train")
    ours = audio_flan.load_dataset(out, "speech_asr", split="train")
    assert [row["uuid"] for row in found.remove_columns(["input_audio", "output_audio"])] == [
        row["uuid"] for row in ours
    ]


def test_a_release_goes_round(demo_root, out, tmp_path):
    export(demo_root, out, to="release")
    assert records(out) == records(demo_root)
    assert "hard links" in (out / "README.md").read_text()
    export(out, tmp_path / "again", to="release")
    assert records(tmp_path / "again") == records(demo_root)
    report = open_root(out).check()
    assert (len(report.entries), report.rows) == (0, sum(records(demo_root).values()))


def test_cards_say_what_was_asked(demo_root, demo_plan, tmp_path):
    for to in ("indexed", "jsonl"):
        out = tmp_path / to
        export(demo_root, out, plan=demo_plan, to=to)
        card = (out / "README.md").read_text()
        leaf = next(leaf for leaf in demo_plan.leaves if leaf.target)
        assert demo_plan.hash in card
        assert f"`{leaf.task}`" in card
        assert json.loads((out / "export.json").read_text())["request"]["plan"] == demo_plan.hash
        assert Plan.load(out / "plan.toml") == demo_plan
    write_card(tmp_path / "indexed", read_manifest(tmp_path / "indexed"))
    assert demo_plan.hash in (tmp_path / "indexed/README.md").read_text()


def test_names_of_files_are_no_paths_and_differ():
    ids = ["../../etc/passwd", "a/b", "a_b", "a b", "", ".", "..", "x" * 200, "a\x00b", "ü", "a+b"]
    stems = [clip_stem(audio_id) for audio_id in ids]
    assert len(set(stems)) == len(ids)
    for audio_id in ids:
        folder, name = clip_file(audio_id, "flac").split("/")
        assert len(folder) == 2
        assert name.count(".") == 1
        assert not name.startswith(".")
        sample = sample_name(audio_id, "speech_asr")
        assert not set("./\\\0") & set(sample)
        assert len(sample) <= 64
    assert sample_name("a", "speech_asr") != sample_name("a", "music_svs")


def test_shapes():
    assert field_names(["00/a.flac", "01/b.wav"], 1) == ["input0.flac", "output0.wav"]
    assert shape_folder(["input0.flac", "output0.wav"]) == "input0-flac_output0-wav"
    assert shape_folder([]) == "text"
    assert len(shape_folder([f"input{i}.flac" for i in range(50)])) < 100


def test_records_of_several_tasks_and_splits_go_round_through_every_form(demo_copy, tmp_path):
    for domain in ("audio", "music"):
        shutil.rmtree(demo_copy / "metadata" / domain)
    changed = 0
    for path in demo_copy.glob("metadata/speech/understanding/train_dev/*/jsonl/*.jsonl"):
        found = json_lines(path)
        for record in found:
            if record["task_type"]["minor"] == ["Automatic Speech Recognition"]:
                record["task_type"]["minor"].append("Phonetic Recognition")
                record["split"] = ["train", "dev"]
                changed += 1
        path.write_text("".join(json.dumps(record) + "\n" for record in found))
    assert changed
    audio_flan.build(demo_copy, tmp_path / "indexed")
    for name, root in (("release", demo_copy), ("indexed", tmp_path / "indexed")):
        export(root, tmp_path / f"all of {name}", to="release")
        assert records(tmp_path / f"all of {name}") == records(demo_copy)
        choice = {"config": "speech_asr", "split": "train"}
        summary = export(root, tmp_path / f"some of {name}", to="release", **choice)
        alone = [json.loads(record) for record in records(tmp_path / f"some of {name}").elements()]
        assert (
            len(alone) == summary.rows == audio_flan.scan(demo_copy, "speech_asr", "train").collect().height
        )
        assert {str(record["split"]) for record in alone} == {"['train']"}
