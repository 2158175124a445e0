"""Every number that is known of the shared corpus is the number that the toolkit gives."""

import json
from collections import Counter

import pytest

import audio_flan
from audio_flan.release import open_release
from audio_flan.release.summary import summarise
from audio_flan.release.validate import validate
from audio_flan.taxonomy import list_configs, resolve_config, resolve_task
from audio_flan.waveform import LazyAudio


@pytest.fixture(scope="module")
def expected(shared_corpus):
    numbers = json.loads(shared_corpus.with_suffix(".expected.json").read_text())
    # It spells one task as Table 1 does ("Instruments"); the canonical name is that of the facts.
    numbers["tasks"] = {
        resolve_task(*key.split("/", 1)).task: n for key, n in numbers["per_domain_minor_canonical"].items()
    }
    return numbers


@pytest.fixture(scope="module")
def release(shared_corpus):
    return open_release(shared_corpus)


@pytest.fixture(scope="module")
def summary(release):
    return summarise(release)


@pytest.fixture(scope="module")
def rows(shared_corpus):
    columns = ["uuid", "split", "domain", "major", "minor", "task", "direction", "unseen", "source", "corpus",
               "other", "input_audio_ids", "output_audio_ids"]  # fmt: skip
    return list(audio_flan.stream(shared_corpus, "all", "all", columns=columns))


@pytest.fixture(scope="module")
def clips(release):
    return {
        line.audio_id: LazyAudio(release.clips.locate(line.audio_id), line.audio_id) for line in release.clips
    }


def released(split: str) -> str:
    return "dev" if split == "validation" else split


def counted(rows, *columns):
    def key(row):
        return "/".join(released(row[column]) for column in columns)

    return dict(sorted(Counter(map(key, rows)).items()))


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("per_domain", ["domain"]),
        ("per_major", ["major"]),
        ("per_split", ["split"]),
        ("per_ug", ["direction"]),
        ("per_domain_ug", ["domain", "direction"]),
        ("per_domain_split", ["domain", "split"]),
        ("per_source_folder", ["domain", "corpus"]),
    ],
)
def test_rows_by_column(rows, expected, name, columns):
    assert counted(rows, *columns) == dict(sorted(expected[name].items()))


def test_rows_by_minor_task(rows, expected):
    assert counted(rows, "domain", "minor") == dict(
        sorted((f"{task.domain}/{task.minor}", n) for task, n in expected["tasks"].items())
    )


def test_totals(rows, expected, summary):
    assert len(rows) == summary.rows == expected["instances"]
    assert len({row["uuid"] for row in rows}) == expected["unique_uuids"]
    assert len({row["task"] for row in rows}) == expected["minor_tasks_canonical"]
    assert summary.row_files == expected["jsonl_files"]
    unseen = Counter(json.dumps(row["unseen"]) for row in rows)
    assert unseen == expected["per_unseen"]


def test_the_summary_counts_as_the_rows_do(rows, expected, summary):
    assert summary.domain == expected["per_domain"]
    assert summary.direction == expected["per_ug"]
    assert {released(split): n for split, n in summary.split.items()} == expected["per_split"]
    assert summary.task == {task.config: n for task, n in expected["tasks"].items()}
    assert summary.corpus == {
        key.split("/")[1]: n
        for key, n in sorted(expected["per_source_folder"].items(), key=lambda item: item[0].split("/")[1])
    }
    assert summary.quarantined == {}


def test_every_config_counts_the_rows_of_its_tasks(rows, summary):
    by_task = Counter((row["task"], row["split"]) for row in rows)
    for name in list_configs():
        tasks = resolve_config(name).task_names
        expected = {
            split: sum(by_task[task, split] for task in tasks) for split in ("train", "validation", "test")
        }
        assert summary.config_rows()[name] == expected


@pytest.mark.parametrize(
    "config", ["all", "speech_asr", "generation", "understanding_music", "audio_caption", "speech_generation"]
)
@pytest.mark.parametrize("split", ["train", "validation", "test", "train+test", "all"])
def test_a_stream_gives_as_many_rows_as_it_says(shared_corpus, rows, config, split):
    tasks, splits = (
        resolve_config(config).task_names,
        split.replace("all", "train+validation+test").split("+"),
    )
    stream = audio_flan.stream(shared_corpus, config, split, columns=["uuid"])
    wanted = [row["uuid"] for row in rows if row["task"] in tasks and row["split"] in splits]
    assert [row["uuid"] for row in stream] == wanted
    assert len(stream) == len(wanted)


def test_sources_and_other(rows, expected):
    sources = Counter(source for row in rows for source in row["source"] or [])
    assert sources == expected["per_source_field"]
    kinds = Counter(type(json.loads(row["other"] or "null")).__name__ for row in rows)
    assert kinds == expected["other_field_type"]


def test_ids_and_references(rows, release, expected):
    assert len(release.clips) == expected["audio_ids_in_scp"]
    per_row = [row["input_audio_ids"] + row["output_audio_ids"] for row in rows]
    used = {audio_id for ids in per_row for audio_id in ids}
    assert len(used) == expected["unique_audio_ids_referenced"]
    assert sum(map(len, per_row)) == expected["total_audio_references"]
    assert {str(k): n for k, n in Counter(map(len, per_row)).items()} == expected[
        "instances_by_number_of_audio_references"
    ]
    listed = {line.audio_id for line in release.clips}
    assert sorted(listed - used) == expected["audio_ids_never_referenced"]
    assert used <= listed


def test_clips_by_rate_format_channels_and_length(rows, clips, expected):
    assert {str(k): n for k, n in Counter(c.sampling_rate for c in clips.values()).items()} == expected[
        "sample_rates_all_scp_ids"
    ]
    assert Counter(clip.format for clip in clips.values()) == expected["formats_all_scp_ids"]
    assert {str(k): n for k, n in Counter(c.channels for c in clips.values()).items()} == expected[
        "channels_all_scp_ids"
    ]
    used = {audio_id for row in rows for audio_id in row["input_audio_ids"] + row["output_audio_ids"]}
    # A tenth of a second for the padding of MP3, which is counted in more than one way.
    assert sum(clip.seconds for clip in clips.values()) == pytest.approx(
        expected["seconds_of_all_scp_audio"], abs=0.1
    )
    assert sum(clips[i].seconds for i in used) == pytest.approx(
        expected["seconds_of_unique_referenced_audio"], abs=0.1
    )


def test_nothing_is_wrong_with_it(release, expected):
    report = validate(release)
    assert (report.rows, report.clips) == (expected["instances"], expected["audio_ids_in_scp"])
    assert (list(report.entries), list(report.warnings)) == ([], [])
