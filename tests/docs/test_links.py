"""Holds the documents to each other: every link leads somewhere, every document is led to."""

import re
from pathlib import Path

import pytest
from documents import DOCUMENTS, ROOT, code_of, links_of, titles_of


def anchors_of(document: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a document."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles_of(document.read_text())}


def is_broken(document: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = (document.parent / path).resolve() if path else document
    return not file.exists() or bool(anchor and anchor not in anchors_of(file))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_relative_link_leads_somewhere(document: Path):
    targets = [target for target in links_of(document.read_text()) if not re.match(r"\w+:", target)]

    assert not [target for target in targets if is_broken(document, target)]


def test_every_document_can_be_reached_from_the_readme():
    reached: set[Path] = set()
    waiting = {ROOT / "README.md"}
    while waiting:
        document = waiting.pop()
        reached.add(document)
        paths = {target.partition("#")[0] for target in links_of(document.read_text()) if ":" not in target}
        waiting |= {(document.parent / path).resolve() for path in paths if path.endswith(".md")} - reached

    assert set(DOCUMENTS) <= reached


def test_every_file_and_folder_that_a_document_names_exists():
    roots = "activities|api|atlas|docs|infra|local|orchestrators|tests"
    named = {
        path
        for document in DOCUMENTS
        for path in re.findall(rf"(?<![\w/.])(?:{roots})/[\w/.-]*\w", "\n".join(code_of(document.read_text())))
    }

    assert len(named) > 10
    assert not {path for path in named if not (ROOT / path).exists()}
