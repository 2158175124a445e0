"""Statistics against what is known of real data, through every form, and against plain counting."""

import json
import shutil
from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from property_profiles import examples

import audio_flan
from audio_flan.analysis.statistics.clip_counts import used_clips
from audio_flan.analysis.statistics.counts import COLUMNS, count_rows, count_rows_alone, cross_tabulate, tally
from audio_flan.analysis.statistics.durations import QUANTILES, durations_of
from audio_flan.analysis.statistics.recount import without_references
from audio_flan.taxonomy import UnknownNameError, resolve_task, taxonomy

FORMS = ("release", "indexed", "embedded")
SIDES = ("input", "output")


@pytest.fixture(scope="module")
def roots(shared_roots):
    return shared_roots


@pytest.fixture(scope="module", params=FORMS)
def root(request, roots):
    return roots[request.param]


@pytest.fixture(scope="module")
def expected(shared_corpus):
    return json.loads(shared_corpus.with_suffix(".expected.json").read_text())


@pytest.fixture(scope="module")
def rows(shared_corpus):
    """What is to be counted, without audio, by the bare stream."""
    columns = ["task", "direction", "split", "corpus", "unseen"]
    columns += [f"{side}_{what}" for side in SIDES for what in ("audio_ids", "seconds")]
    return list(audio_flan.stream(shared_corpus, "all", "all", columns=columns))


def config_of(domain_and_name):
    domain, name = domain_and_name.split("/")
    return resolve_task(domain, name).task.config


@pytest.mark.parametrize("options", [{}, {"recount": True}, {"recount": True, "audio": True}])
def test_every_number_that_is_known(root, expected, options):
    found = audio_flan.stats(root, **options).as_json()
    assert found["rows"] == expected["instances"]
    assert found["domain"] == expected["per_domain"]
    majors = {task.major: task.major_config for task in taxonomy().tasks.values()}
    assert found["major"] == {majors[name]: n for name, n in expected["per_major"].items()}
    tasks = {config_of(name): n for name, n in expected["per_domain_minor_canonical"].items()}
    assert found["task"] == tasks
    assert len(found["task"]) == expected["minor_tasks_canonical"]
    assert found["direction"] == expected["per_ug"]
    assert found["split"] == {
        split.replace("dev", "validation"): n for split, n in expected["per_split"].items()
    }
    assert found["unseen"] == expected["per_unseen"]
    corpora = {name.partition("/")[2]: n for name, n in expected["per_source_folder"].items()}
    assert found["corpus"] == corpora
    clips = {
        "unique": expected["unique_audio_ids_referenced"],
        "referenced": expected["total_audio_references"],
    }
    assert found["clips"] == clips
    assert found["seconds"]["unique"] == pytest.approx(
        expected["seconds_of_unique_referenced_audio"], abs=2e-3
    )
    unused = {"sample_rate": "16000", "format": "WAV", "channels": "1"}  # of the clip that no row names
    for section, key in unused.items():
        listed = Counter(expected[f"{section}{'' if section == 'channels' else 's'}_all_scp_ids"])
        assert found[section] == listed - Counter([key])
    assert found["quarantined"] == {}
    assert found["bad_clips"] == {"unique": 0, "referenced": 0}
    assert found["differences"] == []


def test_the_clip_that_no_row_names_is_said_and_not_counted(roots, expected):
    unnamed = [audio_flan.stats(root).unnamed_clips for root in roots.values()]
    assert unnamed == [len(expected["audio_ids_never_referenced"]), None, None]


def test_what_else_is_known_of_the_rows(root, expected):
    """Wordings of each task, references of rows to clips, sources: by the table that all is counted from."""
    minors = {config_of(name): name.split("/")[1] for name in expected["per_domain_minor_canonical"]}
    wordings = audio_flan.stats(root, text=True).text
    found = {minors[task]: each.distinct_instructions for task, each in wordings.items()}
    assert found == expected["distinct_instructions_per_minor_canonical"]
    rows = audio_flan.scan(root)
    lists = pl.col("input_audio_ids", "output_audio_ids").list.len()
    references = rows.select(pl.sum_horizontal(lists).cast(pl.String)).collect().to_series()
    assert dict(Counter(references)) == expected["instances_by_number_of_audio_references"]
    assert dict(Counter(rows.select("source").collect()["source"].explode())) == expected["per_source_field"]
    assert rows.select(pl.col("uuid").n_unique()).collect().item() == expected["unique_uuids"]


@pytest.mark.parametrize(
    ("by", "key"), [(["domain", "direction"], "per_domain_ug"), (["domain", "split"], "per_domain_split")]
)
def test_cross_tabulation(root, expected, by, key):
    cross = audio_flan.stats(root, by=by).as_json()["cross"]
    assert cross["by"] == by
    found = {
        "/".join(cell[name] for name in by).replace("validation", "dev"): cell["rows"]
        for cell in cross["cells"]
    }
    assert found == expected[key]


def test_cross_tabulation_by_everything_is_what_the_rows_say(root, rows):
    found = audio_flan.stats(root, by=COLUMNS).cross.cells
    tasks = taxonomy().tasks
    counted = Counter(
        (
            tasks[row["task"]].domain,
            tasks[row["task"]].major_config,
            *(row[name] for name in ("task", "direction", "split", "corpus")),
            str(row["unseen"]).lower(),
        )
        for row in rows
    )
    assert {cell.key: cell.rows for cell in found} == counted
    assert {(cell.clips, cell.seconds) for cell in found} == {(None, None)}  # they are not known by unseen


def test_a_part_is_counted_alike_in_every_form_and_nothing_wrong_is_said_without_the_rows(roots, rows):
    part = [row for row in rows if row["task"].startswith("music_") and row["split"] == "train"]
    ids = Counter(i for row in part for side in SIDES for i in row[f"{side}_audio_ids"])
    for form, root in roots.items():
        plain = audio_flan.stats(root, "music", "train")
        counted = plain if form == "release" else audio_flan.stats(root, "music", "train", recount=True)
        assert (counted.rows_from, counted.clips_from) == ("rows", "clips")
        assert plain.rows == counted.rows == len(part)
        assert plain.referenced_clips == counted.referenced_clips == ids.total()
        assert counted.clips.clips == len(ids)
        assert sum(counted.clips.sampling_rates.values()) == len(ids)
        assert counted.quarantined is None
        assert counted.unnamed_clips is None
        if form != "release":
            assert (plain.rows_from, plain.clips_from, plain.clips) == ("manifest", None, None)
            assert plain.as_json()["clips"]["unique"] is None
            assert plain.as_json()["sample_rate"] is None


@pytest.mark.slow
def test_audio_of_tasks(root, rows):
    found = {each.task: each for each in audio_flan.stats(root, audio=True).audio}
    assert set(found) == {row["task"] for row in rows}
    for task, each in found.items():
        pairs = {
            side: [
                pair
                for row in rows
                if row["task"] == task
                for pair in zip(row[f"{side}_audio_ids"], row[f"{side}_seconds"], strict=True)
            ]
            for side in SIDES
        }
        everything = pairs["input"] + pairs["output"]
        assert each.referenced_clips == len(everything)
        assert each.unique_clips == len(dict(everything))
        assert each.unique_seconds == pytest.approx(sum(dict(everything).values()), abs=1e-4)
        assert each.referenced_seconds == pytest.approx(sum(s for _, s in everything), abs=1e-2)
        for side, durations in (("input", each.inputs), ("output", each.outputs)):
            if not pairs[side]:
                assert durations is None
                continue
            seconds = [s for _, s in pairs[side]]
            assert durations.clips == len(seconds)
            assert durations.mean == pytest.approx(np.mean(seconds))
            wanted = np.quantile(seconds, list(QUANTILES.values()), method="inverted_cdf")
            assert [getattr(durations, name) for name in QUANTILES] == pytest.approx(
                wanted.tolist(), abs=1e-6
            )


def test_a_recount_says_what_a_manifest_has_wrong(indexed_root, tmp_path):
    root = shutil.copytree(indexed_root, tmp_path / "root")
    path = root / "audio_flan.json"
    manifest = json.loads(path.read_text())
    del manifest["xxh3"]
    manifest["counts"][0]["rows"] += 1
    manifest["corpora"][0]["clips"] += 2
    path.write_text(json.dumps(manifest))
    assert audio_flan.stats(root).differences == ()
    rows, clips = audio_flan.stats(root, recount=True).differences
    assert manifest["counts"][0]["task"] in rows
    assert f"the manifest says {manifest['counts'][0]['rows']:,} rows" in rows
    assert "clips" in clips
    assert audio_flan.stats(indexed_root, recount=True).differences == ()


def test_references_are_counted_with_audio_or_when_rows_differ(indexed_root, tmp_path):
    root = shutil.copytree(indexed_root, tmp_path / "root")
    path = root / "audio_flan.json"
    manifest = json.loads(path.read_text())
    del manifest["xxh3"]
    first = manifest["counts"][0]
    first["seconds"] += 1
    path.write_text(json.dumps(manifest))
    trusting = audio_flan.stats(root, recount=True)
    assert (trusting.rows_from, trusting.references_from, trusting.differences) == ("rows", "manifest", ())
    for options, wrong in (({"audio": True}, 1), ({}, 2)):
        found = audio_flan.stats(root, recount=True, **options)
        assert found.references_from == "rows"
        assert found.referenced_seconds == pytest.approx(trusting.referenced_seconds - 1, abs=1e-3)
        assert len(found.differences) == wrong
        manifest["counts"][1]["seen"] += 1
        path.write_text(json.dumps(manifest))


@pytest.mark.slow
def test_clips_that_cannot_be_opened_are_said_and_not_counted(demo_copy, tmp_path):
    before = audio_flan.stats(demo_copy)
    scp = next(path for path in sorted(demo_copy.glob("scp_files/*/*.scp")))
    audio_id, path = next(line.split(maxsplit=1) for line in scp.read_text().splitlines())
    (demo_copy / path).unlink()
    after = audio_flan.stats(demo_copy, audio=True, cache_dir=tmp_path / "cache")
    assert after.rows == before.rows
    assert after.bad_clips.unique == 1
    assert after.clips.clips == before.clips.clips - 1
    assert after.referenced_clips == before.referenced_clips - after.bad_clips.referenced
    assert after.bad_clips.referenced == sum(
        [*row["input_audio_ids"], *row["output_audio_ids"]].count(audio_id)
        for row in audio_flan.scan(demo_copy, cache_dir=tmp_path / "cache").collect().iter_rows(named=True)
    )
    assert after.unnamed_clips == before.unnamed_clips  # it is named, though it is not there


def test_quarantined_records_are_counted_by_reason(demo_copy):
    path = next(demo_copy.glob("metadata/*/*/*/*/jsonl/*.jsonl"))
    path.write_text("{\n" + path.read_text())
    found = audio_flan.stats(demo_copy)
    assert found.quarantined == {"invalid_json": 1}
    assert found.frame("quarantined").rows() == [("invalid_json", 1, 100.0)]


def test_a_root_behind_a_url_is_counted_by_its_manifest_and_alike_by_its_rows(hub, indexed_root):
    hub.add("someone/indexed", indexed_root)
    url = f"{hub.endpoint}/datasets/someone/indexed/resolve/main"
    local, remote = (audio_flan.stats(root).as_json() for root in (indexed_root, url))
    assert remote | {"root": local["root"]} == local
    assert {path.rpartition("/")[2] for path in (each.path for each in hub.log)} == {"audio_flan.json"}
    counted = audio_flan.stats(url, "music", "train", recount=True, audio=True)
    assert counted.differences == ()
    assert counted.clips == audio_flan.stats(indexed_root, "music", "train", recount=True).clips


def test_nothing_matches(small_tree, tmp_path):
    audio_flan.build(small_tree.root, tmp_path / "built")
    for root in (small_tree.root, tmp_path / "built"):
        for recount in (False, True):
            found = audio_flan.stats(
                root, "audio_vad", by=["task"], recount=recount, audio=True, attributes=True, labels=True,
                text=True, paper=True,
            )  # fmt: skip
            assert found.rows == found.referenced_clips == 0
            assert found.as_json()["task"] == found.as_json()["text"] == {}
            assert found.cross.cells == found.audio == found.attributes.shares == ()


@pytest.mark.parametrize(
    ("options", "nearest"),
    [({"by": ["tasks"]}, "task"), ({"config": "speach_asr"}, "speech_asr"), ({"split": "tran"}, "train")],
)
def test_unknown_names_come_with_the_nearest(indexed_root, options, nearest):
    with pytest.raises(UnknownNameError, match=nearest):
        audio_flan.stats(indexed_root, **options)


def test_sections_as_frames(indexed_root):
    found = audio_flan.stats(indexed_root)
    assert found.frame("task")["rows"].sum() == found.rows
    with pytest.raises(UnknownNameError, match="Did you mean 'major'"):
        found.frame("majors")


TASKS = ("speech_asr", "speech_tts", "music_key_detection")
instances = st.lists(
    st.fixed_dictionaries(
        {
            "task": st.sampled_from(TASKS),
            "split": st.sampled_from(["train", "test"]),
            "corpus": st.sampled_from(["a", "b"]),
            "direction": st.sampled_from(["understanding", "generation"]),
            "unseen": st.sampled_from([True, False, None]),
            "input_audio_ids": st.lists(st.sampled_from("abc"), max_size=2),
            "output_audio_ids": st.lists(st.sampled_from("cde"), max_size=1),
        }
    ),
    max_size=12,
)
LENGTHS = {"a": 0.5, "b": 0.25, "c": None, "d": 1.75, "e": 3.0}
SCHEMA = {
    "task": pl.String, "split": pl.String, "corpus": pl.String, "direction": pl.String, "unseen": pl.Boolean,
    "input_audio_ids": pl.List(pl.String), "output_audio_ids": pl.List(pl.String),
    "input_seconds": pl.List(pl.Float64), "output_seconds": pl.List(pl.Float64),
}  # fmt: skip


def frame_of(instances):
    with_seconds = [
        row | {f"{side}_seconds": [LENGTHS[i] for i in row[f"{side}_audio_ids"]] for side in SIDES}
        for row in instances
    ]
    return pl.LazyFrame(with_seconds, schema=SCHEMA)


@examples(60)
@given(instances, st.randoms())
def test_counts_do_not_depend_on_the_order_of_rows_and_add_up(instances, random):
    shuffled = random.sample(instances, len(instances))
    counted = count_rows(frame_of(instances))
    assert count_rows(frame_of(shuffled)) == counted
    assert count_rows_alone(frame_of(shuffled)) == without_references(counted)
    ids = [i for row in instances for side in SIDES for i in row[f"{side}_audio_ids"]]
    good = [LENGTHS[i] for i in ids if LENGTHS[i] is not None]
    assert sum(count.clips for count in counted.counts) == len(good)
    assert sum(count.seconds for count in counted.counts) == pytest.approx(sum(good))
    assert counted.bad_clips == len(ids) - len(good)
    for column in COLUMNS:
        assert sum(tally(counted.counts, column).values()) == len(instances)
    marks = Counter({True: "true", False: "false", None: "unknown"}[row["unseen"]] for row in instances)
    assert tally(counted.counts, "unseen") == marks
    assert {c.key: c.rows for c in cross_tabulate(counted.counts, ("split", "corpus"))} == Counter(
        (row["split"], row["corpus"]) for row in instances
    )
    used = used_clips(frame_of(instances))
    assert sorted(used["seconds"]) == sorted(LENGTHS[i] for i in set(ids) if LENGTHS[i] is not None)


@examples(100)
@given(st.lists(st.none() | st.integers(1, 50), max_size=40))
def test_quantiles_are_those_of_the_sorted_lengths(hundredths):
    seconds = [None if n is None else n / 100 for n in hundredths]
    found = durations_of(pl.LazyFrame({"seconds": seconds}, schema={"seconds": pl.Float64}))
    known = [s for s in seconds if s is not None]
    if not known:
        assert found is None
        return
    wanted = np.quantile(known, list(QUANTILES.values()), method="inverted_cdf")
    assert [getattr(found, name) for name in QUANTILES] == wanted.tolist()
    assert (found.clips, found.mean) == (len(known), pytest.approx(np.mean(known)))
