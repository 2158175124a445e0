"""What `docs/status.md` says can be run is there."""

import ast
import shlex

import pytest
from documents import DOCUMENTS, PROJECT, code_of, tables

STATUS = "docs/status.md"
CALLS = [shlex.split(code) for code in code_of(DOCUMENTS[STATUS])]
NODES = [word for call in CALLS if call[0] == "pytest" for word in call[1:] if not word.startswith("--")]
SCRIPTS = [call[1:] for call in CALLS if call[0] == "python" and call[1].startswith("tools/")]
PARTS = [part for part in tables(STATUS) if part[0][0] == "asked"]


def test_each_part_has_tests_and_scripts():
    assert len(PARTS) == 4
    assert len(NODES) > 40
    assert len(SCRIPTS) > 10


@pytest.mark.parametrize("node", sorted(set(NODES)))
def test_tests_are_there(node):
    path, *names = node.split("::")
    tree = ast.parse((PROJECT / path).read_text())
    assert set(names) <= {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}


@pytest.mark.parametrize("script", SCRIPTS, ids=" ".join)
def test_scripts_and_their_options_are_there(script):
    text = (PROJECT / script[0]).read_text()
    for option in (word for word in script[1:] if word.startswith("--")):
        assert f'"{option}"' in text


@pytest.mark.parametrize("row", [row for part in PARTS for row in part[1:]], ids=lambda row: row[0])
def test_every_line_is_shown_by_something_and_says_whether_it_holds(row):
    asked, shown, seen, holds = row
    assert asked
    assert seen
    assert shown == "same" or code_of(shown)
    assert holds == "yes" or "`<" in holds or "](#" in holds, "what does not hold is explained"
