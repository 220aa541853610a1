"""Rules of connector certification and of the designer that no schema holds, each a small function in one table.

``python -m connector.lint`` tells what breaks them. Where a rule comes from: Microsoft's string guidance, coding
standards, certification and validator rules for connectors, and the notes of its public repository.
"""

import json
import re
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector.fill import DEFINITION, FILES, HERE, ICON

METHODS = frozenset({"get", "put", "post", "delete", "patch", "head", "options"})
PLATFORM = (
    "Power Automate",
    "Power Apps",
    "PowerApps",
    "Power Platform",
    "Logic Apps",
    "Copilot Studio",
    "Microsoft Flow",
)
NOT_OURS = ("Microsoft Bookings", "Outlook", "Exchange", "Microsoft")
LONGEST = 80
LONGEST_TITLE = 30
SMALL_WORDS = frozenset({"a", "an", "and", "as", "at", "by", "for", "in", "of", "on", "or", "the", "to", "with"})
BAD_COLOURS = frozenset({"#007ee5", "#ffffff"})
ICON_SIZE = (230, 230)


@dataclass(frozen=True, slots=True)
class Connector:
    """Everything that a rule may look at."""

    definition: dict[str, Any]
    properties: dict[str, dict[str, Any]]
    """The property files by name."""
    texts: dict[str, str]
    """The files as they are written, by name."""
    icon: bytes


type Complaints = Iterator[str]
type Rule = Callable[[Connector], Complaints]


def read_connector(folder: Path = HERE) -> Connector:
    """The connector of this folder."""
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in (DEFINITION, *FILES.values())}
    documents = {name: json.loads(text) for name, text in texts.items()}
    definition = documents.pop(DEFINITION)
    return Connector(definition, documents, texts, (folder / ICON).read_bytes())


def complaints_about(connector: Connector) -> dict[str, list[str]]:
    """What breaks which rule; empty for a connector that keeps them all."""
    found = {name: list(rule(connector)) for name, rule in RULES.items()}
    return {name: complaints for name, complaints in found.items() if complaints}


def operations(connector: Connector) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation of every action and trigger."""
    for path, methods in connector.definition["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield path, method, operation


def by_operation_id(connector: Connector) -> dict[str, dict[str, Any]]:
    """Every action and trigger by its operation id."""
    return {operation.get("operationId", ""): operation for _, _, operation in operations(connector)}


def parameters(connector: Connector) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every parameter, with a place for the complaint."""
    for _, _, operation in operations(connector):
        for parameter in operation.get("parameters", ()):
            yield f"{operation.get('operationId')}.{parameter.get('name')}", parameter


def members(connector: Connector) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property of every shape, with a place for the complaint; what is only a reference has its own names."""
    for name, shape in connector.definition.get("definitions", {}).items():
        yield from _members(name, shape)


def resolved(connector: Connector, schema: dict[str, Any]) -> dict[str, Any]:
    """A schema, or the one that it refers to."""
    target = schema.get("$ref", "")
    shape: dict[str, Any] = connector.definition["definitions"][target.rpartition("/")[2]] if target else schema
    return shape


def answer_member(connector: Connector, operation: dict[str, Any], path: str) -> dict[str, Any] | None:
    """The member of an operation's answer at a path like ``value/id``, looking into lists; ``None`` if it has none."""
    schema = resolved(connector, operation["responses"]["200"].get("schema", {}))
    for name in filter(None, re.split(r"[/.]", path)):
        while schema.get("type") == "array":
            schema = resolved(connector, schema["items"])
        if name not in schema.get("properties", {}):
            return None
        schema = resolved(connector, schema["properties"][name])
    return schema


def _members(place: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, member in schema.get("properties", {}).items():
        if "$ref" not in member:
            yield f"{place}.{name}", member
        yield from _members(f"{place}.{name}", member)
    if "items" in schema:
        yield from _members(f"{place}[]", schema["items"])


def title_is_plain(connector: Connector) -> Complaints:
    """Short, and of nobody else's name."""
    title = connector.definition["info"].get("title", "")
    if not 0 < len(title) <= LONGEST_TITLE:
        yield f"the title has {len(title)} characters, and may have {LONGEST_TITLE}"
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


def answers_are_typed(connector: Connector) -> Complaints:
    """One 200 with a shape, the known problems beside it, and no ``default`` that hides them."""
    for _, _, operation in operations(connector):
        answers, place = operation.get("responses", {}), operation.get("operationId")
        if "schema" not in answers.get("200", {}):
            yield f"{place}: has no answer 200 with a schema"
        if not any(status.startswith("4") for status in answers) or not any(s.startswith("5") for s in answers):
            yield f"{place}: names no known problems"
        if "default" in answers:
            yield f"{place}: has a default answer, which hides the known ones"
        yield from (f"{place}: {status} is not described" for status, a in answers.items() if not a.get("description"))


def types_are_whole(connector: Connector) -> Complaints:
    """Every property has a type, and every list says of what."""
    for place, thing in (*parameters(connector), *members(connector)):
        if "type" not in thing:
            yield f"{place}: has no type"
        if thing.get("type") == "array" and not thing.get("items"):
            yield f"{place}: is a list of nothing"


def path_parameters_are_encoded(connector: Connector) -> Complaints:
    """Each is required, says how it is encoded, and has its place in the path."""
    for path, _, operation in operations(connector):
        given = {p["name"]: p for p in operation.get("parameters", ()) if p["in"] == "path"}
        place = operation.get("operationId")
        yield from (
            f"{place}.{name}: is not required, or has no x-ms-url-encoding"
            for name, parameter in given.items()
            if parameter.get("required") is not True or parameter.get("x-ms-url-encoding") not in {"single", "double"}
        )
        if set(given) != set(re.findall(r"{(\w+)}", path)):
            yield f"{place}: the parameters of the path are not those of {path}"


def internal_parameters_can_be_sent(connector: Connector) -> Complaints:
    """What a maker can not see is not demanded without a value, and is not shown as important either."""
    for place, parameter in parameters(connector):
        if parameter.get("x-ms-visibility") == "internal" and parameter.get("required") and "default" not in parameter:
            yield f"{place}: is internal and required, and has no default"


def required_parameters_come_first(connector: Connector) -> Complaints:
    """The designer shows them in the order of the file."""
    for _, _, operation in operations(connector):
        shown = [p for p in operation.get("parameters", ()) if p.get("x-ms-visibility") != "internal"]
        order = [not parameter.get("required", False) for parameter in shown]
        if order != sorted(order):
            yield f"{operation.get('operationId')}: an optional parameter comes before a required one"


def pages_have_their_policy(connector: Connector) -> Complaints:
    """A list is paged by a member that it has, and by a policy that names the same one."""
    for _, _, operation in operations(connector):
        if "x-ms-pageable" not in operation:
            continue
        place, name = operation["operationId"], operation["x-ms-pageable"]["nextLinkName"]
        if answer_member(connector, operation, name) is None:
            yield f"{place}: the answer has no {name}"
        for file, policies in _policies(connector, "updatenextlink"):
            told = [_parameter(p, "nextLinkPropertyName") for p in policies if place in _operations_of(p)]
            if told != [name]:
                yield f"{file}: {place} needs one policy updatenextlink for {name}, and has {len(told)}"


def triggers_can_be_polled(connector: Connector) -> Complaints:
    """A polling trigger has one internal parameter for its state, whose value its answer holds, and its policy."""
    for _, _, operation in operations(connector):
        if "x-ms-trigger" not in operation:
            continue
        place = operation["operationId"]
        if operation.get("x-ms-trigger-metadata") != {"kind": "query", "mode": "polling"}:
            yield f"{place}: x-ms-trigger-metadata is not that of polling by a query"
        states = [p for p in operation.get("parameters", ()) if "x-ms-trigger-value" in p]
        if len(states) != 1 or states[0].get("x-ms-visibility") != "internal" or states[0].get("required"):
            yield f"{place}: needs one internal parameter that keeps the state, and is not required"
            continue
        value = states[0]["x-ms-trigger-value"]
        collection, key = value["value-collection"], value["value-path"]
        if not answer_member(connector, operation, f"{collection}/{key}") or not answer_member(
            connector, operation, key
        ):
            yield f"{place}: the answer or its items have no {key}"
        expected = ({states[0]["name"]: f"@{{triggerBody().{key}}}"}, f"@triggerBody().{collection}")
        for file, policies in _policies(connector, "pollingtrigger"):
            told = [p for p in policies if place in _operations_of(p)]
            if [(_parameter(p, "triggerConfig"), _parameter(p, "triggerDataPath")) for p in told] != [expected]:
                yield f"{file}: {place} needs one policy pollingtrigger that sends {key} back as {states[0]['name']}"


def dynamic_values_can_be_asked(connector: Connector) -> Complaints:
    """The operation is there, its required parameters are given, and its answer holds what is named."""
    known = by_operation_id(connector)
    for place, parameter in parameters(connector):
        if "x-ms-dynamic-values" not in parameter:
            continue
        asked = parameter["x-ms-dynamic-values"]
        operation = known.get(asked.get("operationId", ""))
        if operation is None:
            yield f"{place}: there is no operation {asked.get('operationId')}"
            continue
        taken = {p["name"]: p for p in operation.get("parameters", ())}
        demanded = {name for name, p in taken.items() if p.get("required")}
        if not demanded <= set(asked.get("parameters", {})) <= set(taken):
            yield f"{place}: gives {asked['operationId']} other parameters than it takes"
        for key in ("value-path", "value-title"):
            if not answer_member(connector, operation, f"{asked['value-collection']}/{asked[key]}"):
                yield f"{place}: the answer of {asked['operationId']} has no {asked[key]}"


def policies_fit_the_operations(connector: Connector) -> Complaints:
    """Each names operations that are there, and leads to a path with the parameters that they have."""
    paths = {operation.get("operationId"): path for path, _, operation in operations(connector)}
    for file, policies in _policies(connector):
        for policy in policies:
            for name in _operations_of(policy):
                if name not in paths:
                    yield f"{file}: a policy names {name}, which is no operation"
                    continue
                led_to = _parameter(policy, "newPath")
                if led_to and re.findall(r"{(\w+)}", led_to) != re.findall(r"{(\w+)}", paths[name]):
                    yield f"{file}: {name} is led to {led_to}, which has other parameters"


def properties_are_alike(connector: Connector) -> Complaints:
    """The two kinds of sign-in differ in sign-in alone, and each file has one kind."""
    rest = [
        {name: value for name, value in document["properties"].items() if name != "connectionParameters"}
        for document in connector.properties.values()
    ]
    if any(one != rest[0] for one in rest):
        yield "the property files differ in more than sign-in"
    for file, document in connector.properties.items():
        kinds = [
            parameter["type"]
            for parameter in document["properties"].get("connectionParameters", {}).values()
            if parameter["type"] in {"oauthSetting", "securestring"}
        ]
        if len(kinds) != 1:
            yield f"{file}: has {len(kinds)} kinds of sign-in"


def brand_colour_is_ours(connector: Connector) -> Complaints:
    """Neither the colour that the platform gives by default nor white."""
    for file, document in connector.properties.items():
        shade = document["properties"].get("iconBrandColor", "")
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", shade) or shade.lower() in BAD_COLOURS:
            yield f"{file}: the brand colour {shade!r} is none, the default or white"


def metadata_is_whole(connector: Connector) -> Complaints:
    """Who is behind it, and where to read about it."""
    told = {entry["propertyName"]: entry["propertyValue"] for entry in connector.definition["x-ms-connector-metadata"]}
    missing = {"Website", "Privacy policy", "Categories"} - {name for name, value in told.items() if value}
    yield from (f"x-ms-connector-metadata has no {name}" for name in sorted(missing))
    if not connector.definition["info"].get("contact", {}).get("name"):
        yield "info has no contact"


def calls_are_encrypted(connector: Connector) -> Complaints:
    """Only https, and one sign-in for all."""
    if connector.definition.get("schemes") != ["https"]:
        yield "the schemes are not https alone"
    if len(connector.definition.get("securityDefinitions", {})) != 1 or not connector.definition.get("security"):
        yield "there is not one sign-in for all operations"


def files_are_indented(connector: Connector) -> Complaints:
    """By four spaces."""
    for file, text in connector.texts.items():
        indents = {len(line) - len(line.lstrip(" ")) for line in text.splitlines() if line.strip()}
        if "\t" in text or any(indent % 4 for indent in indents) or 4 not in indents:
            yield f"{file}: is not indented by four spaces"


def icon_is_square_and_opaque(connector: Connector) -> Complaints:
    """A PNG of 230 by 230, of eight bits a colour, without transparency, whose corner is not white."""
    icon = connector.icon
    if icon[:8] != b"\x89PNG\r\n\x1a\n":
        yield "the icon is no PNG"
        return
    width, height, depth, kind = struct.unpack(">IIBB", icon[16:26])
    if (width, height) != ICON_SIZE:
        yield f"the icon is {width} by {height}"
    if (depth, kind) != (8, 2) or b"tRNS" in icon:
        yield "the icon is not of plain opaque colour"
        return
    start = icon.index(b"IDAT") + 4
    length = int.from_bytes(icon[start - 8 : start - 4])
    if zlib.decompress(icon[start : start + length])[1:4] == b"\xff\xff\xff":
        yield "the icon stands on white"


RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        title_is_plain,
        description_is_plain,
        summaries_are_sentence_case,
        descriptions_are_sentences,
        triggers_say_when,
        operation_ids_are_pascal_case,
        everything_has_a_title,
        everything_is_described,
        answers_are_typed,
        types_are_whole,
        path_parameters_are_encoded,
        internal_parameters_can_be_sent,
        required_parameters_come_first,
        pages_have_their_policy,
        triggers_can_be_polled,
        dynamic_values_can_be_asked,
        policies_fit_the_operations,
        properties_are_alike,
        brand_colour_is_ours,
        metadata_is_whole,
        calls_are_encrypted,
        files_are_indented,
        icon_is_square_and_opaque,
    )
}


def _policies(connector: Connector, template: str | None = None) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for file, document in connector.properties.items():
        policies = document["properties"].get("policyTemplateInstances", [])
        yield file, [policy for policy in policies if template in {None, policy["templateId"]}]


def _operations_of(policy: dict[str, Any]) -> list[str]:
    names: list[str] = policy["parameters"].get("x-ms-apimTemplate-operationName", [])
    return names


def _parameter(policy: dict[str, Any], name: str) -> Any:
    return policy["parameters"].get(f"x-ms-apimTemplateParameter.{name}")


def _holds(text: str, words: str) -> bool:
    return re.search(rf"\b{re.escape(words)}s?\b", text, re.IGNORECASE) is not None


def _is_title_case(text: str) -> bool:
    first, *others = text.split()
    return first[0].isupper() and all(word[0].isupper() or word in SMALL_WORDS for word in others)


def main() -> int:
    """Tell every complaint; 1 where there is one."""
    found = complaints_about(read_connector())
    for rule, complaints in found.items():
        sys.stdout.writelines(f"{rule}: {complaint}\n" for complaint in complaints)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
