"""Checks the links between documents: every link has a target, and every document is linked."""

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
def test_relative_links_have_a_target(document: Path):
    targets = [target for target in links_of(document.read_text()) if not re.match(r"\w+:", target)]

    assert not [target for target in targets if is_broken(document, target)]


def test_the_readme_leads_to_every_document():
    reached: set[Path] = set()
    waiting = {ROOT / "README.md"}
    while waiting:
        document = waiting.pop()
        reached.add(document)
        paths = {target.partition("#")[0] for target in links_of(document.read_text()) if ":" not in target}
        waiting |= {(document.parent / path).resolve() for path in paths if path.endswith(".md")} - reached

    assert set(DOCUMENTS) <= reached


def test_the_files_that_documents_name_exist():
    roots = "activities|api|atlas|docs|infra|local|orchestrators|tests"
    named = {
        path
        for document in DOCUMENTS
        for path in re.findall(rf"(?<![\w/.])(?:{roots})/[\w/.-]*\w", "\n".join(code_of(document.read_text())))
    }

    assert len(named) > 10
    assert not {path for path in named if not (ROOT / path).exists()}
