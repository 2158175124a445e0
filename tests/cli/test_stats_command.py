"""``audio-flan stats`` as a shell sees it."""

import csv
import io
import json
import shutil

import pytest
from test_cli import run

import audio_flan


def table_rows(text, title):
    """Cells of the first table under a title, heading first."""
    lines = [line.split() for line in text.splitlines()]
    body = lines[lines.index(title.split()) + 2 :]
    return [cells for cells in body[: body.index([])] if not cells[0].startswith("─")]


def test_tables_for_people(built_root):
    found = audio_flan.stats(built_root)
    text = run("stats", built_root).stdout
    assert text.startswith(f"{built_root}: {found.form} form, all, train, validation, test; by its manifest")
    heading, *rows = table_rows(text, "Major tasks, as in Table 2 of the paper")
    assert heading[:4] == ["domain", "direction", "major", "tasks"]
    assert {row[2]: int(row[4].replace(",", "")) for row in rows} == found.by("major")
    assert ["clips,", "each", "once", f"{found.clips.clips:,}"] in table_rows(text, "Totals")
    assert text.splitlines()[-1] == f"Next: audio-flan stats {built_root} --all --html stats.html"
    assert "Minor tasks" not in text
    assert "speech_asr" in run("stats", built_root, "--tasks").stdout


def test_a_release_says_which_clips_no_row_names(demo_root):
    text = run("stats", demo_root).stdout
    assert "by its rows" in text
    assert "clips that no row names, not counted" in text


@pytest.mark.slow
@pytest.mark.parametrize("width", ["60", "160"])
def test_at_any_width(indexed_root, width):
    text = run("stats", indexed_root, "--all", "--against-paper", env={"COLUMNS": width}).stdout
    assert max(map(len, text.splitlines()[1:-4])) <= int(width)
    longest = max(audio_flan.stats(indexed_root, audio=True).audio, key=lambda each: len(each.task))
    assert f"{longest.task} " in text.replace("\n", " ")  # in one piece, and so are numbers:
    assert f"{longest.referenced_seconds / 3600:,.2f}" in text
    for title in ("Audio of tasks", "Labels in the answers", "Wordings of instructions", "Beside the counts"):
        assert title.split()[0] in text


def test_json_is_that_of_the_library(indexed_root):
    found = json.loads(
        run("stats", indexed_root, "--json", "--by", "domain, direction", "--against-paper").stdout
    )
    assert found == audio_flan.stats(indexed_root, by=["domain", "direction"], paper=True).as_json()


def test_csv_and_markdown(indexed_root):
    rows = list(csv.DictReader(io.StringIO(run("stats", indexed_root, "--csv", "--by", "task,split").stdout)))
    assert sum(int(row["rows"]) for row in rows) == audio_flan.stats(indexed_root).rows
    assert "## Corpora" in run("stats", indexed_root, "--md").stdout


@pytest.mark.slow
def test_a_page_and_a_plot(indexed_root, tmp_path):
    page, plot = tmp_path / "stats.html", tmp_path / "stats.svg"
    text = run("stats", indexed_root, "--html", page, "--plot", plot).stdout
    assert f"wrote {page}\nwrote {plot}" in text
    assert "distortion" in page.read_text()
    assert plot.read_text().startswith("<svg")


def test_a_part_and_the_map_of_the_user(indexed_root, tmp_path):
    (tmp_path / "map.json").write_text('{"music_key_detection": ["tonality"]}')
    args = (
        "--config",
        "music",
        "--split",
        "train",
        "--split",
        "test",
        "--attributes-map",
        tmp_path / "map.json",
    )
    found = json.loads(run("stats", indexed_root, *args, "--json").stdout)
    assert set(found["domain"]) == {"music"}
    assert set(found["split"]) == {"train", "test"}
    assert [each["attribute"] for each in found["attributes"]["shares"]] == ["tonality"]
    assert "counted with --recount" in run("stats", indexed_root, *args).stdout


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--by", "task,spilt"), "did you mean 'split'?"),
        (("--config", "speech_asrr"), "Did you mean 'speech_asr'"),
        (("--split", "tran"), "Did you mean 'train'"),
        (("--attributes-map", "nowhere.json"), "nowhere.json"),
        (("--json", "--csv"), "--json, --csv and --md"),
        (("--plot", "plot.gif"), "a plot is .svg or .png, got 'plot.gif'"),
    ],
)
def test_wrong_usage_is_one_message(indexed_root, args, message):
    found = run("stats", indexed_root, *args, code=2)
    assert message in found.stderr
    assert found.stdout == ""


def test_nothing_matches(small_tree):
    found = run("stats", small_tree.root, "--config", "audio_vad", code=1)
    assert found.stderr.splitlines()[-1] == "nothing matches"


def test_a_recount_that_differs(indexed_root, tmp_path):
    root = shutil.copytree(indexed_root, tmp_path / "root")
    manifest = json.loads((root / "audio_flan.json").read_text())
    del manifest["xxh3"]
    manifest["counts"][0]["rows"] += 1
    (root / "audio_flan.json").write_text(json.dumps(manifest))
    assert "the manifest says" not in run("stats", root).stdout
    found = run("stats", root, "--recount", code=1)
    assert "the manifest says" in found.stdout
    assert "the manifest is not true" in found.stderr
    run("stats", indexed_root, "--recount")


def test_no_data(tmp_path):
    assert "error: " in run("stats", tmp_path, code=2).stderr
