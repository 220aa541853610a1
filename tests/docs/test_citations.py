"""Whatever the repository cites is in the repository: documents, and their sections by number or by title."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from documents import ROOT, prose_of, text_of, titles_of

CITED_DOCUMENT = re.compile(r"(?<![\w/.])(docs/[\w-]+\.md)")
CITED_NUMBERS = re.compile(r"(docs/[\w-]+\.md),?\s+sections? ((?:[\d.]+\d|\d)(?:(?:, | and | to )(?:[\d.]+\d|\d))*)")
CITED_TITLES = re.compile(r'(docs/[\w-]+\.md),?\s+section "([^"]+)"')
UNAVAILABLE = re.compile(r"product contract|contracts, section|\bproduct\.md|microsoft-365-contracts", re.IGNORECASE)
TEXT_FILES = {".py", ".md", ".bicep", ".ps1", ".sh", ".toml", ".yaml", ".yml"}


def sources() -> Iterator[tuple[Path, str]]:
    names = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()  # noqa: S607
    for path in (ROOT / name for name in names):
        if path.exists() and (path.suffix in TEXT_FILES or path.name == "Makefile") and path != Path(__file__):
            yield path.relative_to(ROOT), path.read_text()


def numbers_of(document: str) -> set[str]:
    return {match[1] for match in re.finditer(r"^#{2,3} ([\d.]*\d)\.? ", prose_of(text_of(document)), re.MULTILINE)}


def test_every_cited_document_exists():
    cited = {(str(path), name) for path, text in sources() for name in CITED_DOCUMENT.findall(text)}

    assert cited
    assert not {(path, name) for path, name in cited if not (ROOT / name).exists()}


def test_every_cited_section_number_exists():
    cited = {
        (str(path), document, number)
        for path, text in sources()
        for document, numbers in CITED_NUMBERS.findall(text)
        for number in re.split(", | and | to ", numbers)
    }

    assert len(cited) > 30
    assert not {(path, name, number) for path, name, number in cited if number not in numbers_of(name)}


def test_every_cited_section_title_exists():
    cited = {(str(path), *found) for path, text in sources() for found in CITED_TITLES.findall(text)}

    assert cited
    assert not {(path, name, title) for path, name, title in cited if title not in titles_of(text_of(name))}


def test_nothing_cites_a_document_outside_the_repository():
    assert not {(str(path), match[0]) for path, text in sources() for match in UNAVAILABLE.finditer(text)}
