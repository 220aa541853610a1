"""The table of attacks: every attack has a test, and every test exists."""

import re

import pytest
from documents import ROOT, section_of, table_of

ATTACKS = table_of(section_of("docs/security.md", "## Attacks"), "attack")


@pytest.mark.parametrize("row", ATTACKS, ids=lambda row: row[0])
def test_every_attack_has_an_existing_test(row: list[str]) -> None:
    tests = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row[2])

    assert tests
    assert [
        name
        for file, name in tests
        if not re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE)
    ] == []


def test_no_attack_is_listed_twice() -> None:
    assert len({row[0] for row in ATTACKS}) == len(ATTACKS) > 10
