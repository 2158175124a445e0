"""The pages of the reference agree with the code."""

import ast
import builtins
import importlib
import importlib.util
import re
from pathlib import Path

import pytest
from documents import DOCUMENTS, PROJECT, code_of, table

import audio_flan
from audio_flan.cli.app import EXIT_STOPPED, EXIT_UNUSABLE
from audio_flan.records.schema import AUDIO_COLUMNS
from audio_flan.shards import manifest
from audio_flan.shards.row_files import GROUP_ROWS
from audio_flan.shards.schema import INDEX_SCHEMA, row_schema

COLUMNS = "docs/reference/columns.md"
LAYOUT = "docs/reference/layout.md"
ERRORS = "docs/reference/errors.md"
PACKAGE = PROJECT / "audio_flan"


def names_and_types(document, first):
    return [(code_of(name)[0], code_of(kind)[0]) for name, kind, _ in table(document, first)]


def fields_of(schema):
    """Names and types; what elements of lists are called depends on the version of pyarrow."""
    return [(field.name, re.sub("<(item|element): ", "<", str(field.type))) for field in schema]


def test_columns():
    assert names_and_types(COLUMNS, "column") == fields_of(row_schema())


def test_columns_of_the_scan(demo_root):
    expected = [name for name, _ in names_and_types(COLUMNS, "column") if name not in AUDIO_COLUMNS]
    assert audio_flan.scan(demo_root).collect_schema().names() == expected


def test_a_clip_has_what_the_page_says(demo_root):
    audio = next(iter(audio_flan.stream(demo_root, "speech_asr")))["input_audio"][0]
    for what, _ in table(COLUMNS, ""):
        for code in code_of(what):
            name = code.partition("(")[0]
            if name.startswith("audio["):
                assert eval(code, {"audio": audio}) is not None
            else:
                assert hasattr(audio, name)


def test_configs():
    path = PROJECT / "tools/config_reference.py"
    specification = importlib.util.spec_from_file_location("config_reference", path)
    tool = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(tool)
    page = DOCUMENTS["docs/reference/configs.md"]
    assert page == tool.page(), "run `make reference`"
    assert set(audio_flan.list_configs()) <= set(code_of(page))


def test_columns_of_the_index():
    assert names_and_types(LAYOUT, "column") == fields_of(INDEX_SCHEMA)


@pytest.mark.parametrize("name", ["Manifest", "Recipe", "RowCount", "CorpusFacts", "FileFacts", "LeafRows"])
def test_fields_of_the_manifest(name):
    documented = [code for names, _ in table(LAYOUT, f"`{name}`") for code in code_of(names)]
    assert sorted(documented) == sorted(getattr(manifest, name).__struct_fields__)


def test_numbers_of_the_layout():
    assert f"says: {manifest.LAYOUT_VERSION}" in DOCUMENTS[LAYOUT]
    assert f"at most {GROUP_ROWS:,} rows" in DOCUMENTS[LAYOUT]


@pytest.mark.parametrize("form", ["indexed", "embedded"])
def test_every_file_of_a_root_is_in_the_layout(form, request):
    root: Path = request.getfixturevalue(f"{form}_root")
    found = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    found = {path for path in found if not path.startswith(".")}
    patterns = {}
    for path, forms, _ in table(LAYOUT, "path below the root"):
        pattern = re.sub(r"<n>", r"\\d{5,}", re.escape(code_of(path)[0]).replace(r"\<n\>", "<n>"))
        patterns[re.sub(r"<\w+>", "[^/]+", pattern)] = forms in ("both", form)
    for path in found:
        assert any(re.fullmatch(pattern, path) for pattern, here in patterns.items() if here), path
    for pattern, here in patterns.items():
        if not pattern.startswith("quarantine"):
            assert any(re.fullmatch(pattern, path) for path in found) == here, pattern


def test_exit_codes():
    codes = [int(code) for code, _ in table(ERRORS, "code")]
    assert codes == [0, 1, EXIT_UNUSABLE, EXIT_STOPPED]


def test_commands_that_exit_with_1():
    modules = {path.stem.replace("_", "-"): path.read_text() for path in (PACKAGE / "cli").glob("*.py")}
    expected = {name for name, text in modules.items() if re.search(r"typer\.Exit\(1", text)}
    assert {code_of(name)[0] for name, _ in table(ERRORS, "command")} == expected


def exceptions():
    """Names of all exceptions of the package, with the name of what they are derived from."""
    found: dict[str, str] = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and node.bases and isinstance(node.bases[0], ast.Name):
                found[node.name] = node.bases[0].id
    errors = {name for name in vars(builtins) if name.endswith(("Error", "Exception"))}
    while more := {name for name, base in found.items() if base in errors} - errors:
        errors |= more
    return {name: found[name] for name in errors if name in found}


def test_exceptions_are_where_the_page_says_and_of_that_kind():
    documented = {}
    for place, base, _ in table(ERRORS, "exception"):
        module, _, name = code_of(place)[0].rpartition(".")
        (kind,) = code_of(base)
        assert getattr(importlib.import_module(module), name).__bases__[0].__name__ == kind
        documented[name] = kind
    inside = code_of(DOCUMENTS[ERRORS].partition("Never seen outside")[2])
    assert not documented.keys() & set(inside)
    assert {*documented, *inside} == set(exceptions())


@pytest.fixture(scope="module")
def roots(demo_root, indexed_root, embedded_root):
    plan = audio_flan.rebalance(indexed_root, direction={"understanding": 0.5, "generation": 0.5})
    return {"release": demo_root, "indexed": indexed_root, "embedded": embedded_root, "plan": plan}


@pytest.mark.parametrize(
    ("call", "kind"),
    [(code_of(a)[0], code_of(b)[0]) for a, b in table("docs/reference/capabilities.md", "asked for")],
)
def test_what_is_refused(call, kind, roots, tmp_path):
    with pytest.raises(Exception) as caught:
        eval(call, {"audio_flan": audio_flan, "out": str(tmp_path / "out")} | roots)
    assert type(caught.value).__name__ == kind


def test_public_names():
    documented = [
        code_of(name)[0].removeprefix("audio_flan.") for name, *_ in table("docs/reference/python.md", "name")
    ]
    assert sorted(documented) == sorted(audio_flan.__all__)
