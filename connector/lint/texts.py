"""What makers read: titles, summaries, descriptions and names."""

import re

from connector.lint.files import Complaints, Connector, members, operations, parameters

PLATFORM = (
    "Power Automate",
    "Power Apps",
    "PowerApps",
    "Power Platform",
    "Logic Apps",
    "Copilot Studio",
    "Microsoft Flow",
)
NOT_OURS = ("Microsoft", "Outlook", "Exchange")
"""Titles may not hold the name of a product whose back end is somebody else's."""
LONGEST = 80
MAX_TITLE_LENGTH = 30
SMALL_WORDS = frozenset({"a", "an", "and", "as", "at", "by", "for", "in", "of", "on", "or", "the", "to", "with"})


def title_is_plain(connector: Connector) -> Complaints:
    """Short, and of nobody else's name."""
    title = connector.definition["info"].get("title", "")
    if not 0 < len(title) <= MAX_TITLE_LENGTH:
        yield f"the title has {len(title)} characters, and may have {MAX_TITLE_LENGTH}"
    yield from (f"the title holds {word}" for word in ("API", "Connector", *PLATFORM, *NOT_OURS) if _holds(title, word))
    if title and not title[-1].isalnum():
        yield "the title ends in neither a letter nor a digit"


def description_is_plain(connector: Connector) -> Complaints:
    """From 30 to 500 characters, and without the words that certification refuses."""
    description = connector.definition["info"].get("description", "")
    if not 30 <= len(description) <= 500:
        yield f"the description has {len(description)} characters, and should have 30 to 500"
    yield from (f"the description holds {word}" for word in ("API", *PLATFORM) if _holds(description, word))
    if not description.endswith("."):
        yield "the description does not end with a full stop"


def summaries_are_sentence_case(connector: Connector) -> Complaints:
    """A first word with a capital, the others as they are written in a sentence; no slash; a last letter or digit."""
    for _, _, operation in operations(connector):
        summary, place = operation.get("summary", ""), operation.get("operationId")
        if not 0 < len(summary) <= LONGEST:
            yield f"{place}: the summary has {len(summary)} characters, and may have 1 to {LONGEST}"
            continue
        first, *others = summary.split()
        if not first[0].isupper() or any(word[0].isupper() and not word.isupper() for word in others):
            yield f"{place}: the summary is not in sentence case"
        if "/" in summary or not summary[-1].isalnum():
            yield f"{place}: the summary holds a slash, or ends in neither a letter nor a digit"


def descriptions_are_sentences(connector: Connector) -> Complaints:
    """Every operation has one, different from its summary, that ends with a full stop."""
    for _, _, operation in operations(connector):
        description, place = operation.get("description", ""), operation.get("operationId")
        if not description.endswith("."):
            yield f"{place}: the description does not end with a full stop"
        if description.rstrip(".").lower() == operation.get("summary", "").lower():
            yield f"{place}: the description only repeats the summary"


def triggers_say_when(connector: Connector) -> Complaints:
    """A trigger's texts begin as makers know it, and it has a hint."""
    for _, _, operation in operations(connector):
        if "x-ms-trigger" not in operation:
            continue
        place = operation.get("operationId")
        if not operation.get("summary", "").startswith("When a"):
            yield f"{place}: the summary does not begin with When a"
        if not operation.get("description", "").startswith("This operation triggers when"):
            yield f"{place}: the description does not begin with This operation triggers when"
        if not operation.get("x-ms-trigger-hint", "").startswith("To see it work now, "):
            yield f"{place}: the hint does not begin with To see it work now"


def operation_ids_are_pascal_case(connector: Connector) -> Complaints:
    """Without separators, and each only once."""
    names = [operation.get("operationId", "") for _, _, operation in operations(connector)]
    yield from (f"{name}: is not in PascalCase" for name in names if not re.fullmatch(r"([A-Z][a-z0-9]*)+", name))
    yield from (f"{name}: names several operations" for name in sorted(set(names)) if names.count(name) > 1)


def everything_has_a_title(connector: Connector) -> Complaints:
    """Every parameter and property has an ``x-ms-summary`` in title case, and no longer than 80 characters."""
    for place, thing in (*parameters(connector), *members(connector)):
        summary = thing.get("x-ms-summary", "")
        if not 0 < len(summary) <= LONGEST or not _is_title_case(summary):
            yield f"{place}: the x-ms-summary {summary!r} is missing, too long or not in title case"


def everything_is_described(connector: Connector) -> Complaints:
    """Every parameter and property has a description that ends with a full stop and is not its title."""
    for place, thing in (*parameters(connector), *members(connector)):
        description = thing.get("description", "")
        if not description.endswith(".") or description.rstrip(".") == thing.get("x-ms-summary"):
            yield f"{place}: the description {description!r} is missing, no sentence or the title"


def _holds(text: str, words: str) -> bool:
    return re.search(rf"\b{re.escape(words)}s?\b", text, re.IGNORECASE) is not None


def _is_title_case(text: str) -> bool:
    first, *others = text.split()
    return first[0].isupper() and all(word[0].isupper() or word in SMALL_WORDS for word in others)
