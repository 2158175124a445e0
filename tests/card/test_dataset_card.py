"""`dataset_card/` is what the code makes today."""

import importlib.util
import re
import shutil
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
KEPT = PROJECT / "dataset_card"
STALE = "what `make cards` writes is something else"


@pytest.fixture(scope="module")
def made(indexed_root, tmp_path_factory):
    specification = importlib.util.spec_from_file_location("dataset_card", PROJECT / "tools/dataset_card.py")
    tool = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(tool)
    root = shutil.copytree(indexed_root, tmp_path_factory.mktemp("card") / "root")
    return tool.card_files(root, KEPT)


def without_numbers(text):
    """Lengths and sizes of synthetic speech, and hashes, differ between versions of its makers."""
    return re.sub(r"\d[\d,.]*", "0", re.sub(r"\b[0-9a-f]{16,64}\b", "0", text))


@pytest.mark.parametrize("path", ["demo/README.md", "demo/croissant.json"])
def test_cards(made, path):
    assert without_numbers((KEPT / path).read_text()) == without_numbers(made[path].decode()), STALE


def test_figures(made):
    """Their texts, numbers of rows among them; lines may change with the package that draws them."""
    figures = {path: data.decode() for path, data in made.items() if path.endswith(".svg")}
    assert {path.relative_to(KEPT).as_posix() for path in KEPT.rglob("*.svg")} == figures.keys()
    for path, svg in figures.items():
        assert re.findall("<text[^>]*>(.*?)</text>", (KEPT / path).read_text()) == re.findall(
            "<text[^>]*>(.*?)</text>", svg
        ), STALE


@pytest.mark.parametrize("card", ["README.md", "demo/README.md"])
def test_cards_show_figures_that_are_there(card):
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (KEPT / card).read_text())
    assert len(shown) == 2
    assert all(((KEPT / card).parent / path).is_file() for path in shown)


def test_figures_of_the_paper_have_its_numbers(made):
    majors, attributes = (made[f"figures/{name}.svg"].decode() for name in ("major_tasks", "attributes"))
    for printed in ("41,520,000", "12,050,000", "95,860", "1,310,000"):
        assert f">{printed}<" in majors
    for name in ("content", "ethnomusicology", "scene", "others"):
        assert f">{name}<" in attributes
