"""The text of the card, and how it goes together with what people write."""

import json
import re
import subprocess
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_flan.card import CARD_NAME, CardError, card_text, find_source, licence_of, make_card, write_card
from audio_flan.card.front_matter import format_card, parse_card
from audio_flan.card.markdown import code, escape, json_block, table
from audio_flan.card.merge import BEGIN, END, merge_card
from audio_flan.records import SPLITS
from audio_flan.shards import CorpusFacts, read_manifest
from audio_flan.taxonomy import list_configs

COMMAND = [sys.executable, "-m", "audio_flan.cli", "card"]


def rows_of_table(text, first_cell):
    lines = [line for line in text.splitlines() if line.startswith(f"| {first_cell} |")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_it_counts_what_the_manifest_counts(indexed_root):
    manifest = read_manifest(indexed_root)
    text = (indexed_root / "README.md").read_text()
    for name in list_configs():
        ((_, rows, *splits, hours),) = rows_of_table(text, f"`{name}`")
        expected = [manifest.rows(name, split) for split in SPLITS]
        assert [int(cell.replace(",", "")) for cell in (rows, *splits)] == [sum(expected), *expected]
        assert float(hours) >= 0
    referenced = sum(count.seconds for count in manifest.counts)
    assert rows_of_table(text, "`all`")[0][-1] == f"{referenced / 3600:,.2f}"
    for corpus in manifest.corpora:
        ((_, rows, clips, *_),) = rows_of_table(text, escape(corpus.corpus))
        assert (int(rows), int(clips)) == (corpus.rows, corpus.clips)


def test_seconds_are_those_of_the_rows(indexed_root):
    import polars as pl

    frame = pl.read_parquet(indexed_root / "data/*/*/*/*/*.parquet")
    seconds = frame["input_seconds"].list.sum().sum() + frame["output_seconds"].list.sum().sum()
    counted = sum(count.seconds for count in read_manifest(indexed_root).counts)
    assert counted == pytest.approx(seconds, abs=1e-3)


def test_it_shows_a_row_of_the_sample(embedded_root):
    text = (embedded_root / "README.md").read_text()
    row = json.loads(text.split("```json\n")[1].split("\n```")[0])
    assert row["task"] == "speech_asr"
    assert re.fullmatch(r"[\d,]+ bytes", row["input_audio"][0]["bytes"])


def test_it_says_how_each_form_is_loaded(indexed_root, embedded_root):
    indexed, embedded = ((root / "README.md").read_text() for root in (indexed_root, embedded_root))
    assert "Protocol not known: audioflan" in indexed
    assert "AUDIO_FLAN_BASE" in indexed
    assert "audioflan://" not in embedded
    based = msgspec.structs.replace(read_manifest(indexed_root), base="hf://datasets/O/N@v1")
    assert "point to `hf://datasets/O/N@v1`" in card_text(based, "O/N")
    assert 'load_dataset("O/N", "speech_asr"' in make_card(indexed_root, based)


@pytest.mark.parametrize(
    ("corpus", "licence", "redistribution"),
    [
        ("09_LJSpeech", "public domain (dedicated by", True),
        ("LibriTTS-R", "CC-BY-4.0", True),
        ("31_Vocadito", "CC-BY-4.0", True),
        ("KeSpeech", "KeSpeech licence: non-commercial", False),
        ("17_Aishell2", "unknown", None),
    ],
)
def test_what_is_known_of_sources(corpus, licence, redistribution):
    source = find_source(corpus)
    assert source.redistribution is redistribution
    assert licence_of(source).startswith(licence)


@pytest.mark.parametrize("corpus", ["15_NoisyLJ", "LJSpeech-derived", "", "09_", "DNS for"])
def test_what_is_derived_or_odd_is_unknown(corpus):
    assert find_source(corpus) is None
    assert licence_of(None) == "unknown"


def test_sources_limits_and_quarantine(indexed_root):
    manifest = read_manifest(indexed_root)
    facts = CorpusFacts(
        "31_Vocadito", 12, 10, 2, 5, 1000, 7200.0, {"missing_audio": 2, "bad_json": 1}, {}, {}, {}
    )
    text = card_text(msgspec.structs.replace(manifest, corpora=(facts,)))
    ((_, _, _, hours, licence, passed_on, commercial, _),) = rows_of_table(text, r"31\_Vocadito")
    assert (hours, licence, passed_on, commercial) == ("2.00", "CC-BY-4.0", "yes", "yes")
    assert "* 2 records of the release were not taken." in text
    assert "1 `bad_json`, 2 `missing_audio`" in text
    assert re.search(r"\* Domains are not balanced: .* speech outweighs audio [\d.]+ to 1\.", text)


def test_names_from_the_data_are_no_markup(indexed_root):
    hostile = "x|y\n# z <script>`&amp;` [a](b)" + END
    facts = CorpusFacts(hostile, 1, 1, 0, 1, 1, 1.0, {}, {}, {}, {})
    manifest = msgspec.structs.replace(read_manifest(indexed_root), corpora=(facts,))
    example = {"input": f"```\n{END}\n{BEGIN}", "input_audio": [{"bytes": b"123", "path": "a"}]}
    text = card_text(manifest, None, example)
    assert END not in text
    assert BEGIN not in text
    assert "\n# z" not in text
    assert "<script>" not in text.replace(r"\<script", "")
    card = merge_card({}, text)
    assert merge_card({}, text, card) == card


@given(st.text(max_size=80))
def test_code_ends_where_it_ends(text):
    lines = code(text, "x").split("\n")
    assert lines[0].removesuffix("x") == lines[-1]
    assert lines[-1] not in "\n".join(lines[1:-1])
    assert json.loads("\n".join(json_block([text]).split("\n")[1:-1])) == [text]


@given(st.lists(st.tuples(st.text(max_size=20), st.integers(0, 10**9)), max_size=4))
def test_tables_keep_their_shape(rows):
    lines = table(("name", "n"), [(escape(name), n) for name, n in rows]).split("\n")
    assert len(lines) == 2 + len(rows)
    assert all(len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 3 for line in lines)


plain = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60)


@given(before=plain, after=plain, title=plain)
def test_what_people_write_stays(before, after, title):
    card = format_card({"title": title, "license": "mine"}, f"\n{before}\n\n{BEGIN}\nold\n{END}\n{after}")
    merged = merge_card({"license": "other", "configs": [1], "pretty_name": "new"}, "generated\n", card)
    metadata, text = parse_card(merged)
    assert metadata == {"title": title, "license": "mine", "pretty_name": "new", "configs": [1]}
    assert text == f"\n{before}\n\n{BEGIN}\n\ngenerated\n\n{END}\n{after}"
    assert (
        merge_card({"license": "other", "configs": [1], "pretty_name": "new"}, "generated\n", merged)
        == merged
    )


def test_a_card_that_only_people_wrote_gets_the_block_at_its_end():
    merged = merge_card({"configs": [2]}, "generated\n", "---\nconfigs: [1]\nmine: yes\n---\n# Mine\n")
    assert parse_card(merged)[0] == {"mine": True, "configs": [2]}
    assert parse_card(merged)[1] == f"\n# Mine\n\n{BEGIN}\n\ngenerated\n\n{END}\n"
    assert merge_card({}, "x", "no yaml here").startswith("---\n{}\n---\n\nno yaml here\n\n<!--")


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ("---\nno end\n", "a line `---` is missing"),
        ("---\na: [\n---\n", "cannot be read"),
        ("---\n- a\n---\n", "must be a mapping, got list"),
        (f"{BEGIN}\n", "found 1 and 0"),
        (f"{END}\n{BEGIN}\n", "in another order"),
        (f"{BEGIN}{BEGIN}{END}", "found 2 and 1"),
    ],
)
def test_a_card_that_cannot_be_taken_apart(card, message):
    with pytest.raises(CardError, match=re.escape(message)):
        merge_card({}, "x", card)


def test_a_byte_order_mark_hides_no_yaml(indexed_root, tmp_path):
    (tmp_path / CARD_NAME).write_text("---\nlicense: mit\n---\nmine\n", "utf-8-sig")
    metadata, text = parse_card(make_card(tmp_path, read_manifest(indexed_root)))
    assert metadata["license"] == "mit"
    assert text.startswith("\nmine\n")


@pytest.mark.slow
def test_the_command(indexed_root, tmp_path):
    import shutil

    root = shutil.copytree(indexed_root, tmp_path / "root")

    def run(*options, code):
        done = subprocess.run([*COMMAND, str(root), *options], capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return done.stdout

    assert run("--check", code=0).count("up to date") == 2
    card = root / "README.md"
    card.write_text(card.read_text().replace("\n<!-- audio", "\nWritten by hand.\n\n<!-- audio", 1))
    assert run("--check", code=0).count("up to date") == 2
    assert run("--check", "--repo-id", "ORG/NAME", code=1).count("not what `audio-flan card` writes") == 2
    assert "Next: audio-flan publish" in run("--repo-id", "ORG/NAME", code=0)
    assert 'load_dataset("ORG/NAME")' in card.read_text()
    assert "Written by hand." in card.read_text()
    assert "https://huggingface.co/datasets/ORG/NAME" in (root / "croissant.json").read_text()
    (root / "croissant.json").unlink()
    assert not json.loads(run("--check", "--json", code=1))["up_to_date"]
    run(code=0)
    assert run("--check", code=0).count("up to date") == 2
    (tmp_path / "elsewhere").mkdir()
    found = json.loads(run("--out", str(tmp_path / "elsewhere"), "--json", code=0))
    assert found["files"] == {str(path): path.stat().st_size for path in (tmp_path / "elsewhere").iterdir()}
    card.write_text("---\n")
    done = subprocess.run([*COMMAND, str(root)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {card}: the YAML")


def test_writing_it_again_changes_nothing(embedded_root):
    before = (embedded_root / "README.md").read_bytes()
    write_card(embedded_root, read_manifest(embedded_root))
    assert (embedded_root / "README.md").read_bytes() == before
