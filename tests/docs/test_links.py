"""What documents point at is there."""

import re

import pytest
from documents import DOCUMENTS, PROJECT, code_of

FOLDERS = ("audio_flan/", "dataset_card/", "docs/", "examples/", "tests/", "tools/")
ANCHOR = re.compile(r"[^\w\- ]")


def anchors(text: str) -> set[str]:
    """The anchors of a document, as hosts of repositories make them of its headings."""
    return {
        ANCHOR.sub("", heading.casefold()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }


LINKS = [
    (document, target)
    for document, text in DOCUMENTS.items()
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text)
]


@pytest.mark.parametrize(("document", "target"), LINKS)
def test_links_lead_somewhere(document, target):
    path, _, anchor = target.partition("#")
    place = ((PROJECT / document).parent / path).resolve() if path else PROJECT / document
    assert place.exists()
    if anchor:
        assert anchor in anchors(place.read_text())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_are_named_exist(document):
    named = [code for code in code_of(DOCUMENTS[document]) if code.startswith(FOLDERS) and " " not in code]
    assert [path for path in named if not (PROJECT / path).exists()] == []


def test_contributing_names_the_files_of_each_addition():
    _, *additions = re.split(r"^### ", DOCUMENTS["docs/contributing.md"], flags=re.MULTILINE)
    titles = [addition.partition("\n")[0] for addition in additions]
    assert titles == [
        "a task", "a corpus", "an export format", "a fetch back end", "a decoder", "a command",
    ]  # fmt: skip
    for addition in additions:
        files = [code for code in code_of(addition) if (PROJECT / code).exists()]
        assert any(path.startswith("audio_flan/") for path in files)
        assert any(path.startswith("tests/") for path in files)


def test_every_page_can_be_reached_from_the_readme():
    seen, queue = set(), ["README.md"]
    while queue:
        document = queue.pop()
        if document in seen or document not in DOCUMENTS:
            continue
        seen.add(document)
        for source, target in LINKS:
            if source == document:
                place = ((PROJECT / document).parent / target.partition("#")[0]).resolve()
                queue.append(place.relative_to(PROJECT).as_posix())
    assert seen == set(DOCUMENTS)
