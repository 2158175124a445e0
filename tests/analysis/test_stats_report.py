"""Reports of statistics: the same numbers as CSV, Markdown and one page that a browser opens offline."""

import csv
import html
import io
import json
import re
import shutil
import struct
import subprocess
import sys

import msgspec
import pytest

import audio_flan
from audio_flan.analysis.report import as_csv, as_markdown, tables_of
from audio_flan.analysis.report.charts import write_plot
from audio_flan.analysis.report.page import page, write_page

HOSTILE = "</script><script>console.error(1)</script><!-- ' \" & | ` \u202e"
NEEDS = {"altair", "vl_convert"}


@pytest.fixture(scope="module")
def full(indexed_root):
    return audio_flan.stats(
        indexed_root, by=["domain", "split"], audio=True, attributes=True, labels=True, text=True, paper=True
    )


@pytest.fixture(scope="module")
def hostile(full):
    """The same, with a corpus and a label that try to become markup."""
    first, *others = full.counts
    task, labels = next(iter(full.labels.items()))
    evil = msgspec.structs.replace(labels, labels={HOSTILE: 1}, majority_label=HOSTILE)
    return msgspec.structs.replace(
        full,
        root=HOSTILE,
        counts=(msgspec.structs.replace(first, corpus=HOSTILE), *others),
        labels=full.labels | {task: evil},
        differences=(HOSTILE,),
    )


def embedded_json(text):
    return json.loads(re.search(r'id="stats">(.*?)</script>', text, re.DOTALL)[1])


def body_rows(text, section):
    """The rows of a table of the page as a browser shows them."""
    table = re.search(rf'<h2 id="{section}">.*?<tbody>(.*?)</tbody>', text, re.DOTALL)[1]
    return [
        [html.unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
        for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    ]


def test_csv_of_a_cross_tabulation(full):
    rows = list(csv.DictReader(io.StringIO(as_csv(full))))
    assert {(r["domain"], r["split"]): int(r["rows"]) for r in rows} == {
        cell.key: cell.rows for cell in full.cross.cells
    }


def test_csv_rounds_as_json_does(full):
    cells = full.cross.cells
    assert cells
    noisy = tuple(msgspec.structs.replace(cell, seconds=cell.seconds + 1e-11) for cell in cells)
    assert any(each.seconds != cell.seconds for each, cell in zip(noisy, cells, strict=True))
    cross = msgspec.structs.replace(full.cross, cells=noisy)
    assert as_csv(msgspec.structs.replace(full, cross=cross)) == as_csv(full)


def test_csv_has_every_number_of_the_json(full):
    plain = msgspec.structs.replace(full, cross=None)
    rows = list(csv.DictReader(io.StringIO(as_csv(plain))))
    found = {(r["section"], r["name"], r["measure"]): r["value"] for r in rows}
    known = plain.as_json()
    assert found["rows", "", ""] == str(known["rows"])
    assert found["task", "speech_asr", ""] == str(known["task"]["speech_asr"])
    p95 = known["audio"]["speech_asr"]["inputs"]["p95"]
    assert float(found["audio", "speech_asr", "inputs.p95"]) == p95


def test_markdown_has_a_table_for_each_section(full, hostile):
    text = as_markdown(full)
    for table in tables_of(full):
        assert f"## {table.title}" in text
    rows = full.by("major")["speech_recognition"]
    assert rf"| speech | understanding | speech\_recognition | 3 | {rows:,} |" in text
    assert "<script>" not in as_markdown(hostile).replace("\\<script\\>", "")


def test_the_page_has_the_numbers_of_the_json(full):
    text = page(full)
    assert embedded_json(text) == full.as_json()
    assert "Paralinguistic Attribute Recognition" in text
    assert ">distortion<" in text
    for column in ("domain", "split", "corpus"):
        shown = {name: int(rows.replace(",", "")) for name, rows, *_ in body_rows(text, column)}
        assert shown == full.as_json()[column]
    shown = {row[2]: int(row[3].replace(",", "")) for row in body_rows(text, "task")}
    assert shown == full.as_json()["task"]


def test_the_page_asks_for_nothing_and_shows_names_as_they_are(hostile):
    text = page(hostile)
    assert embedded_json(text)["root"] == HOSTILE
    assert text.count("<script") == text.count("</script>") == 2
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!#)", text)
    assert not re.search(r"url\(", text)
    assert [row[0] for row in body_rows(text, "corpus") if "script" in row[0]] == [HOSTILE]


def test_plots_are_what_their_names_say(full, tmp_path):
    write_plot(full, tmp_path / "plot.svg")
    text = (tmp_path / "plot.svg").read_text()
    assert text.startswith("<svg")
    assert "Paralinguistic Attribute Recognition" in text
    assert "distortion" in text
    write_plot(full, tmp_path / "plot.PNG")
    data = (tmp_path / "plot.PNG").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert min(struct.unpack(">II", data[16:24])) > 500
    with pytest.raises(ValueError, match=r"\.svg or \.png"):
        write_plot(full, tmp_path / "plot.gif")


def test_without_rows_there_is_a_page_and_no_plot(small_tree, tmp_path):
    empty = audio_flan.stats(small_tree.root, "audio_vad")
    assert embedded_json(page(empty))["rows"] == 0
    with pytest.raises(ValueError, match="no rows"):
        write_plot(empty, tmp_path / "plot.svg")


def test_a_missing_extra_is_one_line_with_the_command(indexed_root, tmp_path):
    for package in NEEDS:
        code = f"import sys; sys.modules[{package!r}] = None; from audio_flan.cli.app import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code, "stats", str(indexed_root), "--html", str(tmp_path / "a.html")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        expected = f"{package} is not installed; for charts: pip install 'audio-flan[report]'"
        assert done.stderr == f"error: {expected}\n"
        assert not (tmp_path / "a.html").exists()


CLICK = """<script>
const report = [];
for (const [id, column] of [["task", 3], ["task", 3], ["corpus", 0], ["corpus", 0]]) {
  const table = document.getElementById(id).nextElementSibling.querySelector("table");
  table.tHead.rows[0].cells[column].querySelector("button").click();
  report.push(Array.from(table.tBodies[0].rows, (row) => row.cells[column].textContent));
}
document.body.dataset.report = JSON.stringify(report);
document.body.dataset.json = document.getElementById("stats").textContent;
</script></body>"""


def test_the_page_in_a_browser(hostile, tmp_path):
    """It opens from a file, says nothing on the console, and sorts its tables."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("there is no chromium")
    path = tmp_path / "page.html"
    write_page(hostile, path)
    path.write_text(path.read_text().replace("</body>", CLICK))
    done = subprocess.run(
        [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--dump-dom", path.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr
    body = re.search(r"<body([^>]*)>", done.stdout)[1]
    data = {name: html.unescape(value) for name, value in re.findall(r'data-(\w+)="(.*?)"', body, re.DOTALL)}
    known = hostile.as_json()
    assert json.loads(data["json"]) == known
    falling, rising, names, names_back = json.loads(data["report"])
    counts = sorted(known["task"].values())
    assert [int(text.replace(",", "")) for text in rising] == counts
    assert [int(text.replace(",", "")) for text in falling] == counts[::-1]
    assert set(names) == set(known["corpus"])
    assert names_back == names[::-1]
    assert len(body_rows(done.stdout, "task")) == len(known["task"])
