"""The texts that makers read follow Microsoft's rules for connectors.

Sources, all on learn.microsoft.com/connectors/custom-connectors: [S] connector-string-guidance, [V]
certification-swagger-validator-rules, [C] coding-standards.
"""

import re

import pytest

from connector.fill import AGENTS_DEFINITION
from tests.connector.connector_files import DEFINED, OPERATIONS, Document, committed, members, parameters

PLATFORM = (
    "Power Automate",
    "Power Apps",
    "PowerApps",
    "Power Platform",
    "Logic Apps",
    "Copilot Studio",
    "Microsoft Flow",
)
OTHER_PRODUCTS = ("Microsoft", "Outlook", "Exchange")
"""Names of products with a backend that is not ours, which a title may not contain [S]."""
MAX_SUMMARY_LENGTH = 80
MAX_TITLE_LENGTH = 30
SMALL_WORDS = frozenset({"a", "an", "and", "as", "at", "by", "for", "in", "of", "on", "or", "the", "to", "with"})

PLACES = dict([*parameters(), *members()])


def contains(text: str, words: str) -> bool:
    return re.search(rf"\b{re.escape(words)}s?\b", text, re.IGNORECASE) is not None


def is_title_case(text: str) -> bool:
    return text[0].isupper() and all(word[0].isupper() or word in SMALL_WORDS for word in text.split()[1:])


@pytest.mark.parametrize("definition", [DEFINED, committed(AGENTS_DEFINITION)], ids=["flows", "agents"])
def test_the_title_is_short_and_our_own(definition: Document) -> None:
    """[S]: at most 30 characters, no "API" or "Connector", no other product's name, a letter or digit at the end."""
    title = definition["info"]["title"]

    assert 0 < len(title) <= MAX_TITLE_LENGTH
    assert [word for word in ("API", "Connector", *PLATFORM, *OTHER_PRODUCTS) if contains(title, word)] == []
    assert title[-1].isalnum()


@pytest.mark.parametrize("definition", [DEFINED, committed(AGENTS_DEFINITION)], ids=["flows", "agents"])
def test_the_description_is_long_enough_without_forbidden_names(definition: Document) -> None:
    """[S]: 30 to 500 characters, without "API" and the platform's product names."""
    description = definition["info"]["description"]

    assert 30 <= len(description) <= 500
    assert [word for word in ("API", *PLATFORM) if contains(description, word)] == []
    assert description.endswith(".")


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_summary_is_in_sentence_case(name: str) -> None:
    """[S]: sentence case, at most 80 characters, no slash, a letter or digit at the end."""
    summary = OPERATIONS[name]["summary"]
    first, *others = summary.split()

    assert len(summary) <= MAX_SUMMARY_LENGTH
    assert first[0].isupper()
    assert [word for word in others if word[0].isupper() and not word.isupper()] == []
    assert "/" not in summary
    assert summary[-1].isalnum()


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_description_is_a_sentence_of_its_own(name: str) -> None:
    """[S]: ends with a full stop and differs from the summary."""
    operation = OPERATIONS[name]

    assert operation["description"].endswith(".")
    assert operation["description"].rstrip(".").lower() != operation["summary"].lower()


def test_triggers_say_when() -> None:
    """[S]: "When a …", and "This operation triggers when …"; [V]: a hint."""
    triggers = [operation for operation in OPERATIONS.values() if "x-ms-trigger" in operation]

    assert triggers
    for trigger in triggers:
        assert trigger["summary"].startswith("When a")
        assert trigger["description"].startswith("This operation triggers when")
        assert trigger["x-ms-trigger-hint"].startswith("To see it work now, ")


def test_operation_ids_are_pascal_case() -> None:
    """[C]: PascalCase without separators. Uniqueness is a rule of OpenAPI itself (test_definition.py)."""
    assert [name for name in OPERATIONS if not re.fullmatch(r"([A-Z][a-z0-9]*)+", name)] == []


@pytest.mark.parametrize("place", PLACES)
def test_a_field_has_a_title_and_a_description(place: str) -> None:
    """[S], [V]: ``x-ms-summary`` in title case, at most 80 characters; a description that is another sentence."""
    title, description = PLACES[place]["x-ms-summary"], PLACES[place]["description"]

    assert len(title) <= MAX_SUMMARY_LENGTH
    assert is_title_case(title)
    assert description.endswith(".")
    assert description.rstrip(".") != title


def test_titles_of_one_response_differ() -> None:
    """The designer offers outputs by title only, so two of one object could not be distinguished."""
    for name, schema in DEFINED["definitions"].items():
        titles = [member["x-ms-summary"] for member in schema.get("properties", {}).values()]

        assert len(set(titles)) == len(titles), name
